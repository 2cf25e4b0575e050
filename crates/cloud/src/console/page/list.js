// The list of what happens, newest first.

import { the, make, say } from '/dom.js';
import { words, clock } from '/words.js';
import { names } from '/devices.js';

/** Rows kept, and rows that wait while the list is paused; older ones go. */
const KEPT = 1000;

/** What a filter hides; all else is always shown. */
const GROUPS = {
  message: 'requests', signed_in: 'requests', sign_in_refused: 'requests', request_refused: 'requests',
  duplicate: 'transport', ping: 'transport', malformed: 'transport', answered: 'transport',
  sent_again: 'transport', unanswered: 'transport',
  dtls_opened: 'transport', dtls_moved: 'transport', dtls_restored: 'transport', dtls_saved: 'transport',
  dtls_failed: 'transport', dtls_closed: 'transport',
  fault: 'faults', datagram: 'transport',
};

/** Rows by age, the oldest first. */
let kept = [];
let waiting = [];
let waitingAll = 0;
let paused = false;
let selected;
let select = () => {};
let ofDevice = '';
let ofCode = '';
const codes = new Set();

export function onSelect(take) {
  select = take;
}

export function take(batch) {
  if (batch.missed > 0) add([{ kind: 'missed', count: batch.missed }]);
  add(batch.rows);
}

/** A line across the list. */
export function mark(kind) {
  add([{ kind }]);
}

/** Shows one device alone. */
export function showDevice(name) {
  ofDevice = name;
  showFilters();
  showAll();
  the('of-device').focus();
}

export function retranslate() {
  showFilters();
  showPause();
  showAll();
}

function add(rows) {
  for (const row of rows) if (row.code) codes.add(row.code);
  if (paused) {
    waitingAll += rows.length;
    waiting = [...waiting, ...rows].slice(-KEPT);
    showPause();
  } else {
    kept = [...kept, ...rows].slice(-KEPT);
    insert(rows.filter(passes));
  }
  showFilters();
}

function passes(row) {
  const group = GROUPS[row.kind];
  if (!group) return true;
  return the('show-' + group).checked
    && (!ofDevice || row.device === ofDevice)
    && (!ofCode || row.code === ofCode);
}

function insert(rows) {
  const [list, body] = [the('list'), the('rows')];
  // Whoever reads further down goes on reading there.
  const reading = list.scrollTop > 0;
  const before = list.scrollHeight;
  body.prepend(...rows.map(element).reverse());
  while (body.rows.length > KEPT) body.lastElementChild.remove();
  if (reading) list.scrollTop += list.scrollHeight - before;
  afterChange();
}

function showAll() {
  the('rows').replaceChildren(...kept.filter(passes).map(element).reverse());
  afterChange();
}

function afterChange() {
  const body = the('rows');
  the('no-row').hidden = body.rows.length > 0;
  // One row can be reached by Tab: the one that is selected, or the newest.
  const current = selectedElement() ?? body.querySelector('tr[aria-selected]');
  for (const each of body.querySelectorAll('tr[tabindex="0"]')) {
    if (each !== current) each.tabIndex = -1;
  }
  if (current) current.tabIndex = 0;
}

function selectedElement() {
  return the('rows').querySelector('tr[aria-selected="true"]');
}

function element(row) {
  const time = make('td', { class: 'time' }, row.unix_ms ? clock(row.unix_ms, true) : '');
  if (!GROUPS[row.kind]) {
    const text = row.kind === 'missed' || row.kind === 'anew'
      ? words(row.kind, { count: row.count })
      : marked(words('kind-' + row.kind), row);
    return make('tr', { class: 'mark' }, time, make('td', { colspan: 5 }, text));
  }
  const field = (name) => row.fields?.find(([each]) => each === name)?.[1];
  const device = row.device?.split('/').slice(1).join('/');
  const tr = make('tr', { tabindex: -1, 'aria-selected': String(row === selected), class: row.kind },
    time,
    make('td', {}, device ?? row.peer ?? ''),
    make('td', {}, row.kind === 'message' ? field('type') : words('kind-' + row.kind)),
    make('td', { class: 'code ' + tone(row.code) }, row.code ?? ''),
    make('td', { class: 'data' }, subject(row)),
    make('td', { class: 'data' }, row.reason ?? row.payload?.brief ?? (field('after') ? '+' + field('after') : '')));
  tr.row = row;
  return tr;
}

function marked(what, { kind, subject }) {
  if (!subject) return what;
  // As in the switches.
  const shown = kind === 'faults_changed' && subject.startsWith('seed=') ? words('no-faults') : subject;
  return words('marked', { what, subject: shown });
}

/** The device has a column of its own; the details have the whole path. */
function subject({ kind, device, subject = '' }) {
  const own = `/${device}/`;
  if (kind === 'message' && subject.startsWith(own)) return '…/' + subject.slice(own.length);
  return GROUPS[kind] === 'transport' && subject ? what(subject) : subject;
}

/** What the cloud itself sent; a cipher suite has no other name. */
export function what(subject) {
  const translated = words('what-' + subject);
  return translated.startsWith('what-') ? subject : translated;
}

function tone(code) {
  return { 2: 'good', 4: 'warn', 5: 'bad' }[code?.[0]] ?? '';
}

function choose(tr) {
  selectedElement()?.setAttribute('aria-selected', 'false');
  tr.setAttribute('aria-selected', 'true');
  selected = tr.row;
  afterChange();
  tr.focus();
  select(selected);
}

function showFilters() {
  const devices = names();
  if (ofDevice && !devices.includes(ofDevice)) devices.unshift(ofDevice);
  showFilter(the('of-device'), devices, ofDevice);
  showFilter(the('of-code'), [...codes].sort(), ofCode);
}

function showFilter(select, values, chosen) {
  const filled = JSON.stringify([words('all'), values]);
  // A list that may be open is not changed under the hand.
  if (select.dataset.filled !== filled && document.activeElement !== select) {
    select.dataset.filled = filled;
    select.replaceChildren(make('option', { value: '' }, words('all')),
      ...values.map((value) => make('option', { value }, value)));
  }
  select.value = chosen;
}

function showPause() {
  the('pause').setAttribute('aria-pressed', String(paused));
  const text = waitingAll > 0 ? 'resume-waiting' : 'resume';
  say(the('pause'), paused ? words(text, { count: waitingAll }) : words('pause'));
}

the('of-device').addEventListener('change', (event) => {
  ofDevice = event.target.value;
  showAll();
});
the('of-code').addEventListener('change', (event) => {
  ofCode = event.target.value;
  showAll();
});
for (const group of new Set(Object.values(GROUPS))) {
  the('show-' + group).addEventListener('change', showAll);
}
the('pause').addEventListener('click', () => {
  paused = !paused;
  const rows = waiting;
  [waiting, waitingAll] = [[], 0];
  showPause();
  if (!paused) add(rows);
});
the('clear').addEventListener('click', () => {
  kept = [];
  showAll();
});
the('rows').addEventListener('click', (event) => {
  const tr = event.target.closest('tr');
  if (tr?.row) choose(tr);
});
the('rows').addEventListener('keydown', (event) => {
  const rows = [...the('rows').querySelectorAll('tr[aria-selected]')];
  const at = rows.indexOf(event.target.closest('tr'));
  const to = {
    ArrowDown: at + 1, ArrowUp: at - 1, PageDown: at + 10, PageUp: at - 10, Home: 0, End: rows.length - 1,
    ' ': at,
  }[event.key];
  if (event.key === 'Enter' && rows[at]) {
    choose(rows[at]);
    the('detail').focus();
  } else if (to !== undefined && rows.length > 0) {
    choose(rows[Math.min(Math.max(to, 0), rows.length - 1)]);
  } else {
    return;
  }
  event.preventDefault();
});
