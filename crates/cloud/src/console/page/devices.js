// The table of devices.

import { the, make, say, link } from '/dom.js';
import { words, clock, moment, span } from '/words.js';
import { place, note, url } from '/place.js';
import { VirtualRows } from '/virtual.js';
import { by, natural, showSorting, sortable } from '/sorting.js';

/** Of longer ago the day is told too. */
const TODAY = 12 * 3_600_000;

const devices = new Map();
/** In natural order, until there is another one. */
let named;
/** By how much the cloud's clock is ahead of ours. */
let ahead = 0;
let hello;
const table = the('device-list').querySelector('table');

const VALUES = {
  'device': (device) => device.device_name,
  'transport': (device) => device.transport,
  'signed-in': (device) => device.signed_in,
  'expires': (device) => device.expired_early ? 0 : device.expires,
  'last-seen': (device) => device.last_seen,
  'taken': (device) => device.taken,
  'refused': (device) => device.refused,
  'repeated': (device) => device.repeated,
};

const rows = new VirtualRows(the('device-list'), {
  columns: 8,
  element: (device) => {
    const row = make('tr', { 'data-name': device.name },
      make('th', { scope: 'row' }, make('a'), make('small', {}, device.product_key)),
      ...Array.from({ length: 4 }, () => make('td')),
      ...Array.from({ length: 3 }, () => make('td', { class: 'number' })));
    showRow(device, row);
    return row;
  },
  refresh: showRow,
});

/** The names of all devices, in natural order. */
export function names() {
  named ??= [...devices.keys()].sort(natural);
  return [...named];
}

/** The cloud's time, in milliseconds since 1970. */
export function now() {
  return Date.now() + ahead;
}

export function handleHello(said) {
  hello = said;
  showCommand();
}

export function forget() {
  devices.clear();
  named = undefined;
  show();
}

export function take(tick) {
  ahead = tick.unix_ms - Date.now();
  for (const told of tick.devices) {
    const name = told.product_key + '/' + told.device_name;
    const known = devices.get(name);
    if (known) Object.assign(known, told);
    else {
      devices.set(name, { ...told, name });
      named = undefined;
    }
  }
  show();
}

export function retranslate() {
  showCommand();
  rows.redraw();
  show();
}

export const arrived = show;

function show() {
  const sorted = [...devices.values()];
  const value = VALUES[place().devices.replace(/^-/, '')] ?? VALUES.device;
  sorted.sort(by(place().devices, value, (one, other) => natural(one.name, other.name)));
  rows.set(sorted.length, (at) => sorted[at]);
  showSorting(table, place().devices);
  the('no-device').hidden = devices.size > 0;
  say(the('device-count'), String(devices.size || ''));
}

function showRow(device, row) {
  const [name, transport, signedIn, expires, lastSeen, taken, refused, repeated] = row.cells;
  // The place that it leads from may have changed.
  link(name.firstElementChild, device.device_name, url({ page: 'device', of: device.name, row: '' }));
  say(transport, words('transport-' + device.transport));
  transport.title = device.peer;
  say(signedIn, since(device.signed_in));
  signedIn.title = device.signed_in ? moment(device.signed_in) : '';
  expires.className = isOver(device) ? 'bad' : '';
  say(expires, expiry(device));
  expires.title = device.expires ? moment(device.expires * 1000) : '';
  say(lastSeen, ago(device.last_seen));
  lastSeen.title = moment(device.last_seen);
  say(taken, String(device.taken));
  say(refused, String(device.refused));
  refused.classList.toggle('warn', device.refused > 0);
  say(repeated, String(device.repeated));
  repeated.classList.toggle('warn', device.repeated > 0);
}

/** A time of today by the clock, others with their day. */
export function since(unixMs) {
  return unixMs ? (now() - unixMs < TODAY ? clock : moment)(unixMs) : words('elsewhere');
}

export function ago(unixMs) {
  const passed = now() - unixMs;
  return passed < 1500 ? words('now') : words('ago', { time: span(passed) });
}

function isOver(token) {
  return token.expired_early || (token.expires && token.expires * 1000 <= now());
}

/** When an access token expires. */
export function expiry(token) {
  if (token.expired_early) return words('expired-early');
  if (!token.expires) return words('unknown');
  const left = token.expires * 1000 - now();
  return left <= 0 ? words('expired') : words('in', { time: span(left) });
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

sortable(table, () => place().devices, (devices) => {
  note({ devices });
  show();
});
