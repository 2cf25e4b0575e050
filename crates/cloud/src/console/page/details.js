// All that is known of the row that is selected. The cloud remembers it, and is asked.

import { the, make, say } from '/dom.js';
import { words, moment, clock, reason } from '/words.js';
import { place, note, url } from '/place.js';
import { tone, what } from '/rows.js';

let shown;
/** What the cloud said of it: its details, or that there are none. */
let told;
let server = '';

export function handleHello(hello) {
  server = hello.server;
}

/** Shows a row, of which more is asked for. */
export async function show(row) {
  shown = row;
  told = undefined;
  retranslate();
  the('detail').scrollTop = 0;
  the('details').classList.add('open');
  await ask(row);
}

/** Shows the row that the URL names, if it names another one. */
export function arrived() {
  const named = place().row;
  if (!named) {
    close();
    return;
  }
  const [of, number] = named.split('-');
  if (shown && shown.server === of && String(shown.number) === number) return;
  show({ server: of, number: Number(number) });
}

/** The cloud was started anew, or has come back. */
export function resume() {
  if (shown && told === undefined) ask(shown);
}

async function ask(row) {
  try {
    const response = await fetch(`/row/${row.number}?` + new URLSearchParams({ server: row.server ?? server }));
    const said = response.ok ? await response.json() : { gone: true };
    if (shown !== row) return;
    told = said;
    retranslate();
  } catch {
    // The header says that the cloud is gone.
  }
}

function close() {
  shown = told = undefined;
  the('details').classList.remove('open');
  retranslate();
}

export function retranslate() {
  if (!shown) {
    the('detail').replaceChildren(make('p', { class: 'empty' }, words('no-detail')));
    return;
  }
  const row = { ...shown, ...told };
  const parts = [];
  if (row.kind) {
    parts.push(
      make('h3', {}, make('span', {}, words('kind-' + row.kind)),
        row.code ? make('span', { class: 'code ' + tone(row.code) }, row.code) : '',
        make('time', {}, clock(row.unix_ms, true))),
      row.subject ? make('p', { class: 'subject' }, what(row.subject)) : '',
      facts(row));
  }
  if (row.gone) parts.push(make('p', { class: 'note' }, words('forgotten')));
  if (row.payload) parts.push(payload(row.payload, words('payload')));
  if (row.options?.length) parts.push(options(row.options));
  const exchange = row.datagrams ?? [];
  const since = exchange.find((datagram) => datagram.direction === 'in')?.unix_ms ?? row.unix_ms;
  for (const datagram of exchange) parts.push(exchanged(datagram, since));
  the('detail').replaceChildren(...parts.filter((part) => part !== ''));
}

function facts(row) {
  const list = make('dl');
  const add = (name, value) => {
    list.append(make('dt', {}, words(name)), make('dd', {}, String(value)));
  };
  if (row.reason) add('field-reason', reason(row.reason));
  if (row.device) {
    const link = make('a', { href: url({ page: 'device', of: row.device }) }, row.device);
    list.append(make('dt', {}, words('device')), make('dd', {}, link));
  }
  if (row.peer) add('field-peer', row.peer + (row.transport ? ' · ' + words('transport-' + row.transport) : ''));
  for (const [name, value] of row.fields ?? []) {
    add('field-' + name, field(name, value));
  }
  return list;
}

function field(name, value) {
  if (name === 'expires') return moment(value * 1000);
  // As the datagrams below say it.
  if (name === 'message_id') return `${value} (0x${Number(value).toString(16).padStart(4, '0')})`;
  return value === 'true' ? '✓' : value;
}

function options(told) {
  const body = make('tbody', {}, ...told.map((option) => make('tr', {},
    make('td', { class: 'number' }, String(option.number)),
    make('td', {}, option.name),
    make('td', { class: 'data' }, option.value))));
  const head = make('tr', {}, ...['number', 'name', 'value'].map((name) => make('th', { scope: 'col' }, words(name))));
  return make('section', {}, make('h4', {}, words('options')), make('table', {}, make('thead', {}, head), body));
}

function payload(told, title) {
  const notes = [told.form === 'text' ? 'text' : told.form.toUpperCase(), words('bytes', { count: told.bytes })];
  if (told.mislabelled) notes.push(words('mislabelled'));
  if (told.cut) notes.push(words('cut'));
  return make('section', {},
    make('h4', {}, make('span', {}, title), make('small', {}, notes.join(' · ')), copying(told.text)),
    make('pre', { class: told.form }, told.text));
}

/** A CoAP message of the exchange, as it was under DTLS. */
function exchanged(datagram, since) {
  const after = datagram.unix_ms - since;
  const isOut = datagram.direction === 'out';
  const notes = [isOut ? `+${Math.max(0, after)} ms` : '', words('bytes', { count: datagram.bytes })].filter(Boolean);
  const parts = [
    make('h4', {}, make('span', {}, words(isOut ? 'sent' : 'received')),
      make('code', { class: 'code ' + tone(datagram.code) }, datagram.summary),
      make('small', {}, notes.join(' · '))),
  ];
  // What came is shown above, as the cloud has read it.
  if (isOut && datagram.payload) parts.push(payload(datagram.payload, words('payload')));
  if (isOut && datagram.options?.length) parts.push(options(datagram.options));
  parts.push(make('details', {}, make('summary', {}, words('raw')), make('pre', { class: 'hex' }, datagram.dump)));
  return make('section', { class: 'datagram ' + datagram.direction }, ...parts);
}

function copying(text) {
  const copy = make('button', { type: 'button' }, words('copy'));
  // Across a network without TLS the browser does not give it to a page.
  copy.hidden = !navigator.clipboard;
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(text);
    say(the('said'), words('copied'));
  });
  return copy;
}

/** On a small screen the details lie over the list. */
function shut() {
  note({ row: '' });
  the('details').classList.remove('open');
  (document.querySelector('tr[aria-selected="true"]') ?? the('find')).focus();
}

the('shut').addEventListener('click', shut);
the('details').addEventListener('keydown', (event) => {
  if (event.key === 'Escape') shut();
});
