// The list of what happens, newest first unless it is sorted otherwise.

import { the, make, say } from '/dom.js';
import { words } from '/words.js';
import { names } from '/devices.js';
import { place, note } from '/place.js';
import { GROUPS, VALUES, contains, element, narrow } from '/rows.js';
import { VirtualRows } from '/virtual.js';
import { by, showSorting, sortable } from '/sorting.js';

/** Rows kept, and rows that wait while the list is paused; older ones go. */
const KEPT = 10_000;
/** The list is drawn no more often, in milliseconds. */
const PACE = 200;

/** Rows by age, the oldest first, and those of them that are shown, as they are sorted. */
let [kept, shown] = [[], []];
let order = 0;
let waiting = [];
let waitingAll = 0;
let paused = false;
/** What has come since the list was drawn. */
let fresh = [];
let drawing;
let selected;
let select = () => {};
let server = '';
const codes = new Set();
const table = the('list').querySelector('table');

const rows = new VirtualRows(the('list'), {
  columns: 6,
  element: (row) => {
    const tr = element(row, isSelected(row));
    tr.row = row;
    return tr;
  },
});

export function onSelect(take) {
  select = take;
}

/** The rows from here on are of this server. */
export function handleHello(hello) {
  server = hello.server;
}

export function take(batch) {
  if (batch.missed > 0) add([{ kind: 'missed', count: batch.missed }]);
  add(batch.rows);
}

/** A line across the list. */
export function mark(kind) {
  add([{ kind }]);
}

/** The reader has gone to a place with other filters. */
export function arrived() {
  selected = undefined;
  showFilters();
  showAll();
}

export function retranslate() {
  showFilters();
  showPause();
  rows.redraw();
  draw();
}

/** Names a row across restarts of the server. */
function nameOf(row) {
  return row.number === undefined ? undefined : `${row.server}-${row.number}`;
}

function isSelected(row) {
  return selected === row || (nameOf(row) !== undefined && nameOf(row) === place().row);
}

function add(more) {
  for (const row of more) {
    row.server ??= server;
    row.order = order++;
    if (row.code) codes.add(row.code);
  }
  if (paused) {
    waitingAll += more.length;
    waiting = [...waiting, ...more].slice(-KEPT);
    showPause();
    return;
  }
  fresh.push(...more);
  // A page in the background is not drawn for minutes.
  if (fresh.length > 2 * KEPT) fresh = fresh.slice(-KEPT);
  drawing ??= setTimeout(drawFresh, rows.length === 0 ? 0 : PACE);
}

function drawFresh() {
  drawing = undefined;
  const more = fresh;
  fresh = [];
  kept.push(...more);
  if (kept.length > KEPT) kept.splice(0, kept.length - KEPT);
  const passes = filter();
  const passing = more.filter(passes);
  const oldest = kept[0]?.order ?? order;
  const isByTime = place().sort === '-time';
  if (shown[0]?.order < oldest || !isByTime) shown = shown.filter((row) => row.order >= oldest);
  shown.push(...passing);
  if (!isByTime) sort();
  draw();
  if (isByTime) rows.slide(passing.length);
  showFilters();
}

/** Whether a row passes what is chosen now. */
function filter() {
  const { device, code, find, hide } = place();
  const hidden = new Set(hide.split(','));
  const wanted = find.toLowerCase().split(/\s+/).filter(Boolean);
  return (row) => {
    const group = GROUPS[row.kind];
    if (wanted.length > 0 && !contains(row, wanted)) return false;
    if (!group) return true;
    return !hidden.has(group) && (!device || row.device === device) && (!code || row.code === code);
  };
}

function sort() {
  const value = VALUES[place().sort.replace(/^-/, '')] ?? VALUES.time;
  shown.sort(by(place().sort, value, (one, other) => other.order - one.order));
}

function showAll() {
  shown = kept.filter(filter());
  if (place().sort !== '-time') sort();
  showSorting(table, place().sort);
  draw();
}

function rowAt(index) {
  return place().sort === '-time' ? shown[shown.length - 1 - index] : shown[index];
}

function placeOf(row) {
  const index = shown.indexOf(row);
  return index < 0 || place().sort !== '-time' ? index : shown.length - 1 - index;
}

function draw() {
  rows.set(shown.length, rowAt);
  say(the('row-count'), shown.length === kept.length ? String(kept.length || '')
    : words('some-of', { shown: shown.length, all: kept.length }));
  the('no-row').hidden = shown.length > 0;
  oneInTabOrder();
}

/** One row can be reached by Tab: the one that is selected, or the first. */
function oneInTabOrder() {
  const elements = [...the('rows').querySelectorAll('tr[aria-selected]')];
  const current = elements.find((each) => isSelected(each.row)) ?? elements[0];
  for (const each of elements) {
    const index = each === current ? 0 : -1;
    if (each.tabIndex !== index) each.tabIndex = index;
  }
}

function choose(row) {
  selected = row;
  note({ row: nameOf(row) ?? '' });
  const at = placeOf(row);
  if (at >= 0) rows.reveal(at);
  for (const each of the('rows').querySelectorAll('tr[aria-selected]')) {
    each.setAttribute('aria-selected', String(isSelected(each.row)));
  }
  oneInTabOrder();
  rows.elementOf(row)?.focus({ preventScroll: true });
  select(row);
}

/** The row so many places further down that is no mark; the last one there is. */
function further(from, by) {
  let at = Math.min(Math.max(from + by, 0), shown.length - 1);
  const step = by < 0 ? -1 : 1;
  while (rowAt(at) && !GROUPS[rowAt(at).kind]) at += step;
  return rowAt(at);
}

/** Shows what is chosen, and what could be. */
export function showFilters() {
  const { device, code, find, hide } = place();
  const devices = names();
  if (device && !devices.includes(device)) devices.unshift(device);
  showFilter(the('of-device'), devices, device);
  const known = [...codes].sort();
  if (code && !codes.has(code)) known.unshift(code);
  showFilter(the('of-code'), known, code);
  if (document.activeElement !== the('find')) the('find').value = find;
  const hidden = hide.split(',');
  for (const group of new Set(Object.values(GROUPS))) the('show-' + group).checked = !hidden.includes(group);
}

function showFilter(select, values, chosen) {
  // The language is in it, since one of the options is a word.
  const filled = words('all') + '\n' + values.join('\n');
  // A list that is open must not change.
  if (select.dataset.filled !== filled && document.activeElement !== select) {
    select.dataset.filled = filled;
    select.replaceChildren(make('option', { value: '' }, words('all')),
      ...values.map((value) => make('option', { value }, value)));
  }
  if (select.value !== chosen) select.value = chosen;
}

function showPause() {
  the('pause').setAttribute('aria-pressed', String(paused));
  const text = waitingAll > 0 ? 'resume-waiting' : 'resume';
  say(the('pause'), paused ? words(text, { count: waitingAll }) : words('pause'));
}

function refilter(values) {
  note(values);
  the('list').scrollTop = 0;
  showAll();
}

the('of-device').addEventListener('change', (event) => refilter({ device: event.target.value }));
the('of-code').addEventListener('change', (event) => refilter({ code: event.target.value }));
the('find').addEventListener('input', (event) => refilter({ find: event.target.value }));
for (const group of new Set(Object.values(GROUPS))) {
  the('show-' + group).addEventListener('change', () => {
    const groups = [...new Set(Object.values(GROUPS))];
    refilter({ hide: groups.filter((each) => !the('show-' + each).checked).join(',') });
  });
}
the('pause').addEventListener('click', () => {
  paused = !paused;
  const more = waiting;
  [waiting, waitingAll] = [[], 0];
  showPause();
  if (!paused) add(more);
});
the('clear').addEventListener('click', () => {
  [kept, shown] = [[], []];
  draw();
});
the('rows').addEventListener('click', (event) => {
  const tr = event.target.closest('tr');
  if (tr?.row && GROUPS[tr.row.kind]) choose(tr.row);
});
the('list').addEventListener('scroll', oneInTabOrder, { passive: true });
the('list').addEventListener('keydown', (event) => {
  const current = event.target.closest('tr')?.row ?? selected;
  const at = current ? placeOf(current) : -1;
  const to = {
    ArrowDown: () => further(at, 1), ArrowUp: () => further(at, -1),
    PageDown: () => further(at, 10), PageUp: () => further(at, -10),
    Home: () => further(0, 0), End: () => further(shown.length, -1), ' ': () => current,
  }[event.key];
  if (event.key === 'Enter' && current) {
    choose(current);
    the('detail').focus();
  } else if (to && shown.length > 0) {
    const row = to();
    if (row) choose(row);
  } else {
    return;
  }
  event.preventDefault();
});
narrow.addEventListener('change', () => rows.redraw());
sortable(table, () => place().sort, (sort) => refilter({ sort }));
