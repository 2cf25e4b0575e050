// The last five minutes, drawn: requests and retransmissions as bars of five seconds,
// answer times as a histogram, round trips as points.

import { the, say } from '/dom.js';
import { words } from '/words.js';
import { Frame, LEFT, linear, logarithmic } from '/frame.js';
import * as histogram from '/histogram.js';

const SECONDS = 300;
const BAR = 5;

const seconds = new Map();
let now = Math.floor(Date.now() / 1000);

export const handleHello = histogram.handleHello;

export function take(tick) {
  now = Math.floor(tick.unix_ms / 1000);
  for (const second of tick.seconds) seconds.set(second.second, second);
  for (const key of seconds.keys()) {
    if (key <= now - SECONDS - BAR) seconds.delete(key);
  }
  show();
}

export function forget() {
  seconds.clear();
  show();
}

export const retranslate = show;

function show() {
  if (document.hidden) return;
  const told = [...seconds.values()].filter((each) => each.second > now - SECONDS);
  drawTraffic(told);
  histogram.show(told);
  drawRoundTrips(told);
}

/** Minutes ago, below a graph. */
function minutes(width) {
  return (width > 330 ? [5, 4, 3, 2, 1] : [5, 3, 1])
    .map((ago) => ({ at: 1 - ago / 5, text: '−' + words('min', { n: ago }) }));
}

function drawTraffic(told) {
  const sum = (name) => told.reduce((total, each) => total + each[name], 0);
  say(the('traffic-says'), words('traffic-says', {
    requests: sum('requests'), repeated: sum('repeated'), sentAgain: sum('sent_again'),
  }));

  // Bars stay where they are while time goes on.
  const last = Math.floor(now / BAR);
  const bars = new Map();
  for (const each of told) {
    const bar = Math.floor(each.second / BAR);
    const sums = bars.get(bar) ?? { requests: 0, repeated: 0, sent_again: 0 };
    for (const name of Object.keys(sums)) sums[name] += each[name];
    bars.set(bar, sums);
  }
  const totals = [...bars.values()].map((sums) => sums.requests + sums.repeated + sums.sent_again);
  const frame = new Frame(the('traffic'), linear(Math.max(4, ...totals)), minutes);
  const width = frame.width / (SECONDS / BAR);
  for (const [bar, sums] of bars) {
    const x = LEFT + frame.width - (last - bar + 1) * width;
    if (x < LEFT) continue;
    let below = 0;
    for (const name of ['requests', 'repeated', 'sent_again']) {
      const [low, high] = [frame.y(below), frame.y(below + sums[name])];
      if (sums[name] > 0) {
        frame.add('rect', {
          class: name.replace('_', '-'), x: x + 0.5, y: high, width: Math.max(1, width - 1),
          // A gap tells them apart where colours do not.
          height: Math.max(1, low - high - (below > 0 ? 1 : 0)),
        });
      }
      below += sums[name];
    }
  }
}

function drawRoundTrips(told) {
  const points = told.flatMap((each) => each.round_trips.map(([milliseconds, sent], index) => ({
    // Those of one second side by side.
    at: each.second + index / each.round_trips.length, milliseconds, again: sent > 1,
  })));
  const sorted = points.map((point) => point.milliseconds).sort((a, b) => a - b);
  const more = told.reduce((total, each) => total + each.more_round_trips, 0);
  say(the('round-trips-say'), sorted.length === 0 ? words('no-round-trip') : words('round-trips-say', {
    count: sorted.length + more, median: median(sorted), longest: sorted.at(-1),
  }));
  const frame = new Frame(the('round-trips'), logarithmic(Math.max(1000, ...sorted)), minutes);
  // One element for all, and each place once: there may be thousands.
  const drawn = { once: new Set(), again: new Set() };
  for (const { at, milliseconds, again } of points) {
    const x = Math.round(LEFT + frame.width * (1 - (now + 1 - at) / SECONDS));
    drawn[again ? 'again' : 'once'].add(`M${x - 2.5} ${Math.round(frame.y(milliseconds))}a2.5 2.5 0 1 0 5 0a2.5 2.5 0 1 0-5 0`);
  }
  for (const [name, circles] of Object.entries(drawn)) {
    if (circles.size > 0) frame.add('path', { class: name, 'data-count': circles.size, d: [...circles].join('') });
  }
}

function median(sorted) {
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : Math.round((sorted[middle - 1] + sorted[middle]) / 2);
}

new ResizeObserver(show).observe(the('traffic'));
document.addEventListener('visibilitychange', show);
