// How a line of the event log looks in a table, and what is searched in it.

import { make } from '/dom.js';
import { words, clock, reason } from '/words.js';

/** Where some columns are hidden: layout.css has the same. */
export const narrow = matchMedia('(max-width: 640px)');

/** What a filter hides; all else is a mark across the list, and always shown. */
export const GROUPS = {
  message: 'requests', signed_in: 'requests', sign_in_refused: 'requests', request_refused: 'requests',
  limited: 'requests',
  duplicate: 'transport', ping: 'transport', malformed: 'transport', wrong_port: 'transport', answered: 'transport',
  sent_again: 'transport', unanswered: 'transport',
  dtls_opened: 'transport', dtls_moved: 'transport', dtls_restored: 'transport', dtls_saved: 'transport',
  dtls_failed: 'transport', dtls_closed: 'transport', datagram: 'transport',
  fault: 'faults',
};

/** The element of a row. */
export function element(row, isSelected) {
  const time = make('td', { class: 'time' }, row.unix_ms ? clock(row.unix_ms, true) : '');
  if (!GROUPS[row.kind]) {
    return make('tr', { class: 'mark' }, time, make('td', { colspan: narrow.matches ? 3 : 5 }, mark(row)));
  }
  const cell = (name, text) => make('td', { class: name, title: text }, text);
  return make('tr', { tabindex: -1, 'aria-selected': String(isSelected), class: row.kind },
    time,
    cell('device', device(row)),
    cell('what', kind(row)),
    make('td', { class: 'code ' + tone(row.code) }, row.code ?? ''),
    cell('data', subject(row)),
    cell('data rest', rest(row)));
}

/** What a line across the list says. */
function mark(row) {
  if (row.kind === 'missed' || row.kind === 'anew') return words(row.kind, { count: row.count });
  const what = words('kind-' + row.kind);
  if (!row.subject) return what;
  // As in the switches.
  const shown = row.kind === 'faults_changed' && row.subject.startsWith('seed=') ? words('no-faults') : row.subject;
  const said = words('marked', { what, subject: shown });
  return row.reason ? words('marked', { what: said, subject: reason(row.reason) }) : said;
}

/** The device's name, or where it is. */
export function device(row) {
  return row.device?.split('/').slice(1).join('/') ?? row.peer ?? '';
}

export function kind(row) {
  return row.kind === 'message' ? row.message_type : words('kind-' + row.kind);
}

/** The device has a column of its own; the details have the whole path. */
export function subject({ kind, device, subject = '' }) {
  const own = `/${device}/`;
  if (kind === 'message' && subject.startsWith(own)) return '…/' + subject.slice(own.length);
  return GROUPS[kind] === 'transport' && subject ? what(subject) : subject;
}

function rest(row) {
  if (row.reason) return reason(row.reason);
  return row.brief ?? (row.after_ms === undefined ? '' : `+${row.after_ms} ms`);
}

/** What the cloud itself sent; a cipher suite has no other name. */
export function what(subject) {
  const translated = words('what-' + subject);
  return translated.startsWith('what-') ? subject : translated;
}

export function tone(code) {
  return { 2: 'good', 4: 'warn', 5: 'bad' }[code?.[0]] ?? '';
}

/** What rows are sorted by, by the name of the column. */
export const VALUES = {
  time: (row) => row.order,
  device,
  what: kind,
  code: (row) => row.code,
  subject: (row) => row.subject,
  payload: rest,
};

/** What a line across the list says, to be searched. */
function said(row) {
  return GROUPS[row.kind] ? kind(row) : mark(row);
}

/** Whether all words that are looked for stand in a row, whatever their case. */
export function contains(row, wanted) {
  const text = [row.device, row.peer, row.code, row.subject, rest(row), row.reason, said(row)]
    .join('\n').toLowerCase();
  return wanted.every((each) => text.includes(each));
}
