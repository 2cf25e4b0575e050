// All that is known of the row that is selected.

import { the, make, say } from '/dom.js';
import { words, moment, clock } from '/words.js';
import { what } from '/list.js';

let shown;

export function show(row) {
  shown = row;
  retranslate();
  the('detail').scrollTop = 0;
}

export function retranslate() {
  const row = shown;
  if (!row) {
    the('detail').replaceChildren(make('p', { class: 'empty' }, words('no-detail')));
    return;
  }
  const parts = [
    make('h3', {}, make('span', {}, words('kind-' + row.kind)),
      row.code ? make('span', { class: 'code' }, row.code) : '',
      make('time', {}, clock(row.unix_ms, true))),
    row.subject ? make('p', { class: 'subject' }, what(row.subject)) : '',
    facts(row),
  ];
  if (row.payload) parts.push(payload(row.payload));
  if (row.options) parts.push(options(row.options));
  the('detail').replaceChildren(...parts.filter((part) => part !== ''));
}

function facts(row) {
  const list = make('dl');
  const add = (name, value) => {
    list.append(make('dt', {}, words(name)), make('dd', {}, String(value)));
  };
  if (row.reason) add('field-reason', row.reason);
  if (row.device) add('device', row.device);
  if (row.peer) add('field-peer', row.peer + (row.transport ? ' · ' + words('transport-' + row.transport) : ''));
  for (const [name, value] of row.fields ?? []) {
    add('field-' + name, name === 'expires' ? moment(value * 1000) : value === 'true' ? '✓' : value);
  }
  return list;
}

function options(told) {
  const body = make('tbody', {}, ...told.map((option) => make('tr', {},
    make('td', { class: 'number' }, String(option.number)),
    make('td', {}, option.name),
    make('td', { class: 'data' }, option.value))));
  const head = make('tr', {}, ...['number', 'name', 'value'].map((name) => make('th', { scope: 'col' }, words(name))));
  return make('section', {}, make('h4', {}, words('options')), make('table', {}, make('thead', {}, head), body));
}

function payload(told) {
  const notes = [told.form === 'text' ? 'text' : told.form.toUpperCase(), words('bytes', { count: told.bytes })];
  if (told.mislabelled) notes.push(words('mislabelled'));
  if (told.cut) notes.push(words('cut'));
  const copy = make('button', { type: 'button' }, words('copy'));
  // Across a network without TLS the browser does not give it to a page.
  copy.hidden = !navigator.clipboard;
  copy.addEventListener('click', async () => {
    await navigator.clipboard.writeText(told.text);
    say(the('said'), words('copied'));
  });
  return make('section', {},
    make('h4', {}, words('payload'), make('small', {}, notes.join(' · ')), copy),
    make('pre', { class: told.form }, told.text));
}
