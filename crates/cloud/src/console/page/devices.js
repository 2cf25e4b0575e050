// The table of devices.

import { the, make, say } from '/dom.js';
import { words, clock, moment, span } from '/words.js';

/** Rows in the table; further devices are counted. */
const SHOWN = 500;
/** Of longer ago the day is told too. */
const TODAY = 12 * 3_600_000;

const devices = new Map();
/** By how much the cloud's clock is ahead of ours. */
let ahead = 0;
let hello;
let choose = () => {};

export function onChoose(take) {
  choose = take;
}

/** The names of all devices, in order. */
export function names() {
  return [...devices.keys()].sort();
}

export function greet(said) {
  hello = said;
  showCommand();
}

export function forget() {
  for (const device of devices.values()) device.row?.remove();
  devices.clear();
  show();
}

export function take(tick) {
  ahead = tick.unix_ms - Date.now();
  for (const told of tick.devices) {
    const name = told.product_key + '/' + told.device_name;
    const known = devices.get(name);
    devices.set(name, { ...told, name, row: known?.row ?? addRow(name, told) });
  }
  show();
}

export function retranslate() {
  showCommand();
  show();
}

function addRow(name, device) {
  const body = the('device-rows');
  if (body.rows.length >= SHOWN) return undefined;
  const button = make('button', { type: 'button', class: 'plain' }, device.device_name);
  button.addEventListener('click', () => choose(name));
  const row = make('tr', { 'data-name': name },
    make('th', { scope: 'row' }, button, make('small', {}, device.product_key)),
    make('td'), make('td'), make('td'), make('td'),
    make('td', { class: 'number' }), make('td', { class: 'number' }), make('td', { class: 'number' }));
  const after = [...body.rows].find((each) => each.dataset.name > name);
  body.insertBefore(row, after ?? null);
  return row;
}

function show() {
  const now = Date.now() + ahead;
  for (const device of devices.values()) {
    if (device.row) showRow(device, now);
  }
  the('no-device').hidden = devices.size > 0;
  const shown = the('device-rows').rows.length;
  const count = shown < devices.size
    ? words('more-devices', { shown, all: devices.size })
    : devices.size || '';
  say(the('device-count'), String(count));
}

function showRow(device, now) {
  const [, transport, signedIn, expires, lastSeen, taken, refused, repeated] = device.row.cells;
  say(transport, words('transport-' + device.transport));
  transport.title = device.peer;
  const today = now - device.signed_in < TODAY;
  say(signedIn, device.signed_in ? (today ? clock : moment)(device.signed_in) : words('elsewhere'));
  signedIn.title = device.signed_in ? moment(device.signed_in) : '';
  const ends = device.expires && device.expires * 1000;
  const over = device.expired_early || (ends && ends <= now);
  expires.className = over ? 'bad' : '';
  say(expires, expiry(device, ends, now));
  expires.title = ends ? moment(ends) : '';
  const since = now - device.last_seen;
  say(lastSeen, since < 1500 ? words('now') : words('ago', { time: span(since) }));
  lastSeen.title = moment(device.last_seen);
  say(taken, String(device.taken));
  say(refused, String(device.refused));
  refused.classList.toggle('warn', device.refused > 0);
  say(repeated, String(device.repeated));
  repeated.classList.toggle('warn', device.repeated > 0);
}

function expiry(device, ends, now) {
  if (device.expired_early) return words('expired-early');
  if (!ends) return words('unknown');
  return ends <= now ? words('expired') : words('in', { time: span(ends - now) });
}

function showCommand() {
  if (!hello) return;
  const url = (scheme) => hello.urls.find((each) => each.startsWith(scheme + '://'));
  const [dtls, udp] = [url('coaps'), url('coap')];
  const identity = hello.sample ? '' : `IOT_COAP_PRODUCT_KEY=${hello.product_key} `
    + `IOT_COAP_DEVICE_NAME=${hello.device_name} IOT_COAP_DEVICE_SECRET=… `;
  say(the('command'), identity + (dtls && hello.root
    ? `coap-example -u ${dtls} -c ${hello.root} -n 3`
    : `minimal ${udp ?? hello.urls[0]}`));
  say(the('command-note'), words(hello.sample ? 'sample-device' : 'own-device'));
}
