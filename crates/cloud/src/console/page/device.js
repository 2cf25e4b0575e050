// The page of one device: all that the cloud remembers of it.

import { the, make, say } from '/dom.js';
import { words, moment } from '/words.js';
import { place, note, url } from '/place.js';
import { ago, expiry, since } from '/devices.js';
import { element as sessionElement } from '/sessions.js';
import { GROUPS, element } from '/rows.js';
import { VirtualRows } from '/virtual.js';

/** Asked for so often, in milliseconds. */
const PACE = 2000;

let told;
let newest = [];
let server = '';
let timer;
let select = () => {};

const rows = new VirtualRows(the('device-message-list'), {
  columns: 6,
  element: (row) => {
    const tr = element(row, `${server}-${row.number}` === place().row);
    tr.tabIndex = GROUPS[row.kind] ? 0 : -1;
    tr.row = row;
    return tr;
  },
});

export function onSelect(take) {
  select = take;
}

export function handleHello(hello) {
  server = hello.server;
}

/** The reader has come to this page, or to that of another device, or has left it. */
export function arrived() {
  clearTimeout(timer);
  if (place().page !== 'device') return;
  const [product_key, ...name] = place().of.split('/');
  const device_name = name.join('/');
  say(the('device-name'), device_name);
  say(the('device-product'), product_key);
  the('device-filter').setAttribute('href', url({ page: 'messages', device: place().of, of: '', find: '', code: '', row: '' }));
  for (const kind of ['jsonl', 'pcapng']) {
    the('device-' + kind).setAttribute('href', `/seen.${kind}?` + new URLSearchParams({ device: place().of }));
  }
  if (told?.name !== place().of) {
    told = undefined;
    newest = [];
    show();
  }
  ask(place().of, new URLSearchParams({ product_key, device_name }));
}

export function retranslate() {
  rows.redraw();
  show();
}

async function ask(name, query) {
  try {
    const response = await fetch('/device?' + query);
    const said = response.ok ? await response.json() : { missing: true };
    // The reader may have gone on meanwhile.
    if (place().page !== 'device' || place().of !== name) return;
    told = { ...said, name };
    show();
  } catch {
    // The header says that the cloud is gone.
  }
  timer = setTimeout(ask, PACE, name, query);
}

function show() {
  the('no-such-device').hidden = !told?.missing;
  the('device-told').hidden = !told?.device;
  if (!told?.device) return rows.set(0);
  const { device, token, sessions, remembered } = told;
  const facts = {
    'transport': words('transport-' + device.transport),
    'field-peer': device.peer,
    'first-seen': moment(device.first_seen),
    'last-seen': ago(device.last_seen),
    'signed-in-since': since(device.signed_in),
    'token-expires': token ? expiry(token) : words('unknown'),
    'sign-ins': device.sign_ins,
    'taken': device.taken,
    'refused': device.refused,
    'repeated': device.repeated,
    'sent-again': device.sent_again,
    'unanswered': device.unanswered,
    'handshakes': words('handshakes-are', { all: device.dtls_opened, resumed: device.dtls_resumed }),
    'moves': device.moves,
  };
  the('device-facts').replaceChildren(...Object.entries(facts).map(([name, value]) =>
    make('div', {}, make('dt', {}, words(name)), make('dd', {}, String(value)))));
  the('device-sessions').replaceChildren(...sessions.map(sessionElement));
  the('device-sessions-part').hidden = sessions.length === 0;
  // The newest first, as in the list of all; those that were there keep their elements.
  const known = new Map(newest.map((row) => [row.number, row]));
  newest = told.rows.map((row) => known.get(row.number) ?? row).reverse();
  rows.set(newest.length, (at) => newest[at]);
  say(the('device-remembered'), newest.length < remembered
    ? words('some-of', { shown: newest.length, all: remembered }) : String(remembered || ''));
}

function choose(tr) {
  note({ row: `${server}-${tr.row.number}` });
  for (const each of the('device-messages').querySelectorAll('tr[aria-selected]')) {
    each.setAttribute('aria-selected', String(each === tr));
  }
  tr.focus({ preventScroll: true });
  select({ ...tr.row, server });
}

the('device-messages').addEventListener('click', (event) => {
  const tr = event.target.closest('tr');
  if (tr?.row && GROUPS[tr.row.kind]) choose(tr);
});
the('device-messages').addEventListener('keydown', (event) => {
  const tr = event.target.closest('tr');
  if (tr?.row && (event.key === 'Enter' || event.key === ' ')) {
    choose(tr);
    event.preventDefault();
  }
});
