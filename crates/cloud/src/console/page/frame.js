// What all graphs have: a box with a scale.

import { draw } from '/dom.js';

export const LEFT = 44;
const BOTTOM = 14;
const TOP = 5;

/** From 0 to a round number. */
export function linear(most) {
  const top = round(most);
  return {
    at: (value) => value / top,
    marks: [0, top / 2, top].map((value) => [value, String(value)]),
  };
}

/** From a millisecond to a power of ten: an answer may take one or a minute. */
export function logarithmic(most) {
  const decades = Math.ceil(Math.log10(most));
  const text = (decade) => decade < 3 ? `${10 ** decade} ms` : `${10 ** (decade - 3)} s`;
  return {
    at: (value) => Math.log10(Math.max(1, value)) / decades,
    marks: Array.from({ length: decades + 1 }, (_, decade) => [10 ** decade, text(decade)]),
  };
}

/** A graph, drawn anew: its vertical axis, and what stands below it. */
export class Frame {
  constructor(svg, scale, below) {
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
    for (const { at, text } of below(this.width)) {
      this.label(LEFT + this.width * at, height - 2, at === 0 ? 'start' : at === 1 ? 'end' : 'middle', text);
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
