// A long table of which only the rows that can be seen are elements: however many rows
// there are, drawing them costs the same.

import { make } from '/dom.js';

/** The height of a row in CSS pixels, as the style sheet has it. */
const ROW = 25;
/** Rows above and below those that can be seen. */
const BEYOND = 8;

export class VirtualRows {
  /**
   * Rows of the table that `scroller` scrolls. `element` makes the element of a row, and
   * `refresh`, if there is one, brings an element up to date that is there already.
   */
  constructor(scroller, { columns, element, refresh = () => {} }) {
    this.scroller = scroller;
    this.table = scroller.querySelector('table');
    this.body = this.table.tBodies[0];
    this.element = element;
    this.refresh = refresh;
    this.shown = new Map();
    this.length = 0;
    this.at = () => undefined;
    [this.above, this.below] = ['above', 'below'].map(() => {
      const cell = make('td', { colspan: columns });
      const space = make('tr', { class: 'space', 'aria-hidden': 'true' }, cell);
      return { space, cell };
    });
    this.body.replaceChildren(this.above.space, this.below.space);
    scroller.addEventListener('scroll', () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(scroller);
  }

  /** There are so many rows now, and `at` has them by their place from the top. */
  set(length, at = () => undefined) {
    this.length = length;
    this.at = at;
    this.table.setAttribute('aria-rowcount', String(length + 1));
    this.draw();
  }

  /** Keeps what is being read where it is, when rows have come above it. */
  slide(rows) {
    // At the very top the reader follows what is new, unless a row there has the focus.
    if (this.scroller.scrollTop > 0 || this.body.contains(document.activeElement)) {
      this.draw();
      this.scroller.scrollTop += rows * ROW;
    }
  }

  /** Makes all elements anew: the language has changed, or what a row says. */
  redraw() {
    for (const element of this.shown.values()) element.remove();
    this.shown.clear();
    this.draw();
  }

  draw() {
    const top = Math.floor(this.scroller.scrollTop / ROW) - BEYOND;
    const many = Math.ceil(this.scroller.clientHeight / ROW) + 2 * BEYOND;
    const first = Math.max(0, Math.min(top, this.length - many));
    const end = Math.min(this.length, first + many);
    const wanted = new Map();
    for (let place = first; place < end; place++) wanted.set(this.at(place), place);
    for (const [row, element] of this.shown) {
      if (wanted.has(row)) continue;
      // The keyboard goes on from the table.
      if (element.contains(document.activeElement)) this.scroller.focus({ preventScroll: true });
      element.remove();
      this.shown.delete(row);
    }
    let before = this.above.space;
    for (const [row, place] of wanted) {
      let element = this.shown.get(row);
      if (element) {
        this.refresh(row, element);
      } else {
        element = this.element(row);
        this.shown.set(row, element);
      }
      element.setAttribute('aria-rowindex', String(place + 2));
      if (before.nextSibling !== element) before.after(element);
      before = element;
    }
    this.above.cell.style.height = `${first * ROW}px`;
    this.below.cell.style.height = `${(this.length - end) * ROW}px`;
    this.above.space.hidden = first === 0;
    this.below.space.hidden = end === this.length;
  }

  /** The element of a row, if it can be seen. */
  elementOf(row) {
    return this.shown.get(row);
  }

  /** Scrolls until the row at this place can be seen whole. */
  reveal(place) {
    const head = this.table.tHead.offsetHeight;
    const [top, room] = [place * ROW, this.scroller.clientHeight - head - ROW];
    const { scrollTop } = this.scroller;
    if (top < scrollTop) this.scroller.scrollTop = top;
    else if (top > scrollTop + room) this.scroller.scrollTop = top - room;
    this.draw();
  }
}
