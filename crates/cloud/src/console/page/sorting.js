// Tables that are sorted by the head of a column.

import { make } from '/dom.js';

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** meter-2 before meter-10, and what is not there last. */
export function natural(one, other) {
  if (one === other) return 0;
  if (one === undefined || one === null || one === '') return 1;
  if (other === undefined || other === null || other === '') return -1;
  return typeof one === 'number' && typeof other === 'number' ? one - other : collator.compare(one, other);
}

/** Compares by the value of a column; `sort` begins with - where it goes down. */
export function by(sort, value, otherwise = () => 0) {
  const sign = sort.startsWith('-') ? -1 : 1;
  return (one, other) => sign * natural(value(one), value(other)) || otherwise(one, other);
}

/** The column that is sorted by. */
export function columnOf(sort) {
  return sort.replace(/^-/, '');
}

/** Puts a button into each head that has a `data-sort`; `change` takes what was chosen. */
export function sortable(table, chosen, change) {
  for (const head of table.tHead.querySelectorAll('[data-sort]')) {
    const button = make('button', { type: 'button', class: 'sort', 'data-t': head.dataset.t });
    if (head.dataset.title) button.dataset.title = head.dataset.title;
    delete head.dataset.t;
    delete head.dataset.title;
    head.replaceChildren(button);
    button.addEventListener('click', () => {
      const { sort, down } = head.dataset;
      // What was chosen is turned round; else as the column is mostly wanted.
      const now = chosen();
      change(columnOf(now) === sort ? (now.startsWith('-') ? sort : '-' + sort) : (down === undefined ? '' : '-') + sort);
    });
  }
}

/** Says in the heads what is sorted by. */
export function showSorting(table, sort) {
  for (const head of table.tHead.querySelectorAll('[data-sort]')) {
    const here = head.dataset.sort === columnOf(sort);
    if (here) head.setAttribute('aria-sort', sort.startsWith('-') ? 'descending' : 'ascending');
    else head.removeAttribute('aria-sort');
  }
}
