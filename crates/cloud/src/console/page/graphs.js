// The last five minutes, drawn: requests and retransmissions as bars of five seconds,
// round trips as points.

import { the, draw, say } from '/dom.js';
import { words } from '/words.js';

const SECONDS = 300;
const BAR = 5;
const LEFT = 44;
const BOTTOM = 14;
const TOP = 5;

const seconds = new Map();
let now = Math.floor(Date.now() / 1000);

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
  drawRoundTrips(told);
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
  const frame = new Frame(the('traffic'), linear(Math.max(4, ...totals)));
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
  const frame = new Frame(the('round-trips'), logarithmic(Math.max(1000, ...sorted)));
  for (const point of points) {
    const x = LEFT + frame.width * (1 - (now + 1 - point.at) / SECONDS);
    frame.add('circle', { class: point.again ? 'again' : 'once', cx: x, cy: frame.y(point.milliseconds), r: 2.5 });
  }
}

function median(sorted) {
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : Math.round((sorted[middle - 1] + sorted[middle]) / 2);
}

/** From 0 to a round number. */
function linear(most) {
  const top = round(most);
  return {
    at: (value) => value / top,
    marks: [0, top / 2, top].map((value) => [value, String(value)]),
  };
}

/** From a millisecond to a power of ten: an answer may take one or a minute. */
function logarithmic(most) {
  const decades = Math.ceil(Math.log10(most));
  const text = (decade) => decade < 3 ? `${10 ** decade} ms` : `${10 ** (decade - 3)} s`;
  return {
    at: (value) => Math.log10(Math.max(1, value)) / decades,
    marks: Array.from({ length: decades + 1 }, (_, decade) => [10 ** decade, text(decade)]),
  };
}

/** The axes of a graph, drawn anew. */
class Frame {
  constructor(svg, scale) {
    const box = svg.getBoundingClientRect();
    const [width, height] = [Math.max(160, box.width), Math.max(60, box.height)];
    svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
    svg.replaceChildren();
    this.svg = svg;
    this.width = width - LEFT - 6;
    this.height = height - TOP - BOTTOM;
    this.scale = scale;
    for (const [value, text] of scale.marks) {
      const y = Math.round(this.y(value)) + 0.5;
      this.add('line', { class: 'grid', x1: LEFT, x2: LEFT + this.width, y1: y, y2: y });
      this.label(LEFT - 5, y + 3.5, 'end', text);
    }
    for (const minutes of width > 380 ? [5, 4, 3, 2, 1] : [5, 3, 1]) {
      const x = LEFT + this.width * (1 - minutes / 5);
      this.label(x, height - 2, minutes === 5 ? 'start' : 'middle', '−' + words('min', { n: minutes }));
    }
  }

  y(value) {
    return TOP + this.height * (1 - this.scale.at(value));
  }

  add(name, attributes, ...children) {
    this.svg.append(draw(name, attributes, ...children));
  }

  label(x, y, anchor, text) {
    this.add('text', { x, y, 'text-anchor': anchor }, text);
  }
}

/** The next even number of the series 2, 4, 6, 8, 10, 20, 30, 40, 60, 80, 100, … */
function round(value) {
  for (let unit = 1; ; unit *= 10) {
    for (const factor of [1, 2, 3, 4, 6, 8]) {
      const top = factor * unit;
      if (top >= value && top % 2 === 0) return top;
    }
  }
}

new ResizeObserver(show).observe(the('traffic'));
document.addEventListener('visibilitychange', show);
