// How long the cloud's answers took, as a histogram.

import { the, say } from '/dom.js';
import { words } from '/words.js';
import { Frame, LEFT, linear } from '/frame.js';

/** The longest time of each bar, in milliseconds; the last bar has what took longer. */
let bounds = [];

export function handleHello(hello) {
  bounds = hello.answer_bounds_ms ?? [];
}

/** Draws the answers of these seconds. */
export function show(seconds) {
  const counts = new Array(bounds.length + 1).fill(0);
  for (const { answer_times: times = [] } of seconds) {
    times.forEach((count, bar) => { counts[bar] += count; });
  }
  const count = counts.reduce((total, each) => total + each, 0);
  say(the('answers-say'), count === 0 ? words('no-answer') : words('answers-say', {
    count, half: within(counts, count * 0.5), most: within(counts, count * 0.99),
  }));
  // As far as there are any, and no less than a tenth of a second.
  const last = Math.max(counts.findLastIndex((each) => each > 0), bounds.indexOf(100));
  const bars = counts.slice(0, last + 1);
  const label = (bar) => bar < bounds.length ? short(bounds[bar]) : '';
  const frame = new Frame(the('answers'), linear(Math.max(4, ...bars)), (width) => {
    const every = Math.ceil(bars.length * 34 / width);
    return bars.map((_, bar) => ({ at: (bar + 1) / bars.length, text: label(bar) }))
      .filter((_, bar) => (bars.length - 1 - bar) % every === 0);
  });
  const width = frame.width / bars.length;
  bars.forEach((each, bar) => {
    if (each === 0) return;
    const y = frame.y(each);
    frame.add('rect', {
      class: 'answers', x: LEFT + bar * width + 0.5, y, width: Math.max(1, width - 1), height: Math.max(1, frame.y(0) - y),
    });
  });
}

/** The bound within which so many answers are. */
function within(counts, wanted) {
  let sum = 0;
  const bar = counts.findIndex((each) => (sum += each) >= wanted);
  return bar < bounds.length ? '≤ ' + long(bounds[bar]) : '> ' + long(bounds.at(-1));
}

function long(milliseconds) {
  return milliseconds < 1000 ? `${milliseconds} ms` : `${milliseconds / 1000} s`;
}

/** Below a bar there is little room. */
function short(milliseconds) {
  return milliseconds < 1000 ? String(milliseconds) : `${milliseconds / 1000} s`;
}
