// The table of DTLS sessions, asked for while it is open.

import { the, make, say, link } from '/dom.js';
import { words, moment } from '/words.js';
import { place, note, url } from '/place.js';
import { ago } from '/devices.js';
import { VirtualRows } from '/virtual.js';
import { by, natural, showSorting, sortable } from '/sorting.js';

/** Asked for so often, in milliseconds. */
const PACE = 2000;

let told = { total: 0, sessions: [] };
let timer;
const table = the('session-list').querySelector('table');

const VALUES = {
  'session': (session) => session.session,
  'device': (session) => session.device,
  'peer': (session) => session.peer,
  'id': (session) => session.connection_id,
  'opened': (session) => session.opened ?? 0,
  'moves': (session) => session.moves,
  'saves': (session) => session.saves,
};

const rows = new VirtualRows(the('session-list'), {
  columns: 8,
  element,
  refresh: (session, row) => say(row.cells[4], opened(session)),
});

/** The row of a session, here and on a device's page. */
export function element(session) {
  const device = make('td');
  if (session.device) {
    device.append(make('a'));
    const name = session.device.split('/').slice(1).join('/');
    link(device.firstElementChild, name, url({ page: 'device', of: session.device, row: '' }));
  } else {
    // After a restart it is known again once it says something.
    device.append(words(session.opened ? 'not-shown-yet' : 'before'));
  }
  return make('tr', {},
    make('td', { class: 'number' }, String(session.session)),
    device,
    make('td', { class: 'data', title: session.last_moved_from ?? undefined }, session.peer),
    make('td', { class: 'data' }, session.connection_id || words('none')),
    make('td', { title: session.opened ? moment(session.opened) : undefined }, opened(session)),
    make('td', {}, [words(session.sealed ? 'sealed' : 'live'), session.resumed ? words('resumed') : '']
      .filter(Boolean).join(', ')),
    make('td', { class: 'number' }, String(session.moves)),
    make('td', { class: 'number' }, String(session.saves)));
}

function opened(session) {
  return session.opened ? ago(session.opened) : words('before');
}

/** The reader has come to this page, or has left it. */
export function arrived() {
  clearTimeout(timer);
  if (place().page === 'sessions') ask();
}

export function retranslate() {
  rows.redraw();
  show();
}

async function ask() {
  try {
    const response = await fetch('/sessions');
    if (response.ok) {
      const before = new Map(told.sessions.map((session) => [session.session, session]));
      told = await response.json();
      // Those of which nothing is new keep their elements, and the focus in them.
      told.sessions = told.sessions.map((session) => {
        const known = before.get(session.session);
        return JSON.stringify(known) === JSON.stringify(session) ? known : session;
      });
      show();
    }
  } catch {
    // The header says that the cloud is gone.
  }
  if (place().page === 'sessions') timer = setTimeout(ask, PACE);
}

function show() {
  const sorted = [...told.sessions];
  const value = VALUES[place().sessions.replace(/^-/, '')] ?? VALUES.session;
  sorted.sort(by(place().sessions, value, (one, other) => natural(other.session, one.session)));
  rows.set(sorted.length, (at) => sorted[at]);
  showSorting(table, place().sessions);
  the('no-session').hidden = sorted.length > 0;
  say(the('session-count'), sorted.length < told.total
    ? words('some-of', { shown: sorted.length, all: told.total }) : String(told.total || ''));
}

sortable(table, () => place().sessions, (sessions) => {
  note({ sessions });
  show();
});
