// The page's thread: it listens to the cloud, and tells the parts of the page.
//
// Each batch of rows has an id, the place in the cloud's event log after it. When the
// connection is gone the page asks for what came after the last one, so that no row
// is lost or doubled.

import { the, make, say } from '/dom.js';
import { words, translate, speak, spoken, clock } from '/words.js';
import { place, onArrive, url } from '/place.js';
import * as broker from '/broker.js';
import * as devices from '/devices.js';
import * as device from '/device.js';
import * as graphs from '/graphs.js';
import * as list from '/list.js';
import * as details from '/details.js';
import * as sessions from '/sessions.js';
import * as switches from '/switches.js';

const AGAIN_AFTER = 1000;
/** The cloud speaks every second. */
const SILENT_AFTER = 5000;

let source;
let lastId = '';
let server = '';
let heard = Date.now();
let link = { state: 'opening', since: Date.now() };

function setLink(state) {
  if (link.state === state) return;
  // A connection that is tried again has been gone since it was first.
  const goneAlready = state !== 'open' && link.state !== 'open' && link.state !== 'opening';
  link = { state, since: goneAlready ? link.since : heard };
  showLink();
}

function showLink() {
  document.body.dataset.link = link.state;
  say(the('link'), words('link-' + link.state, { time: clock(link.since) }));
  switches.enable(link.state === 'open');
}

function connect() {
  source?.close();
  source = new EventSource('/events' + (lastId ? '?after=' + encodeURIComponent(lastId) : ''));
  const on = (name, take) => {
    source.addEventListener(name, (event) => {
      heard = Date.now();
      setLink('open');
      take(JSON.parse(event.data), event.lastEventId);
    });
  };
  on('hello', handleHello);
  on('rows', (batch, id) => {
    lastId = id;
    list.take(batch);
  });
  on('tick', (tick) => {
    for (const part of [broker, devices, graphs, switches]) part.take(tick);
    // There may be a device more.
    list.showFilters();
  });
  source.onerror = () => lose('gone');
}

function lose(state) {
  source.close();
  setLink(state);
  setTimeout(connect, AGAIN_AFTER);
}

function handleHello(hello) {
  if (server && server !== hello.server) {
    devices.forget();
    graphs.forget();
    list.mark('anew');
  }
  server = hello.server;
  for (const part of [details, device, devices, graphs, list]) part.handleHello(hello);
  details.resume();
  the('urls').replaceChildren(...hello.urls.map((url) => make('li', {}, make('code', {}, url))));
}

function retranslate() {
  translate();
  for (const button of the('languages').children) {
    button.setAttribute('aria-pressed', String(button.value === spoken()));
  }
  showLink();
  for (const part of [broker, device, devices, graphs, list, details, sessions, switches]) part.retranslate();
}

/** Shows the page that the URL names. */
function arrive() {
  const { page } = place();
  document.body.dataset.page = page;
  for (const link of document.querySelectorAll('nav a')) {
    link.setAttribute('href', url({ page: link.dataset.page, of: '', row: '' }));
    if (link.dataset.page === page) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  for (const part of [list, devices, device, sessions, details]) part.arrived();
}

the('languages').addEventListener('click', (event) => {
  const chosen = event.target.closest('button');
  if (!chosen) return;
  speak(chosen.value);
  retranslate();
});

// A link would change the place in the URL.
the('skip').addEventListener('click', (event) => {
  event.preventDefault();
  const filters = ['find', 'session-list', 'device-filter'].map(the);
  filters.find((each) => each.checkVisibility())?.focus();
});

list.onSelect(details.show);
device.onSelect(details.show);
onArrive(arrive);
retranslate();
arrive();
connect();

setInterval(() => {
  if (link.state === 'open' && Date.now() - heard > SILENT_AFTER) lose('silent');
}, 1000);
