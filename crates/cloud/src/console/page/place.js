// Where the reader is: which page, which filters, which message. It stands in the URL
// behind the #, so that it can be kept and passed on, and never reaches a server's log.

/** What is not said is so. `sort` and `devices` begin with - where they go down. */
const USUAL = {
  page: 'messages', of: '', device: '', code: '', find: '', hide: 'faults', sort: '-time', row: '',
  devices: 'device', sessions: '-opened',
};

const PAGES = ['messages', 'sessions', 'device'];

let now = read();
let arrive = () => {};

function read() {
  const told = new URLSearchParams(location.hash.slice(1));
  const said = Object.fromEntries(Object.entries(USUAL).map(([name, usual]) => [name, told.get(name) ?? usual]));
  // Whoever writes it by hand may be wrong.
  if (!PAGES.includes(said.page)) said.page = USUAL.page;
  if (!/^[0-9a-f]+-\d{1,15}$/.test(said.row)) said.row = '';
  return said;
}

/** All of it, by name. */
export function place() {
  return now;
}

/** The URL of a place that differs from this one by these values. */
export function url(values) {
  const told = new URLSearchParams();
  for (const [name, value] of Object.entries({ ...now, ...values })) {
    if (value !== USUAL[name]) told.set(name, value);
  }
  // A slash need not be escaped there, and names have many.
  return '#' + told.toString().replaceAll('%2F', '/');
}

/** Changes what the URL says; the reader stays on the page. */
export function note(values) {
  const next = url(values);
  now = { ...now, ...values };
  history.replaceState(null, '', next);
}

/** Goes to another page; Back returns from it. */
export function go(values) {
  history.pushState(null, '', url(values));
  now = { ...now, ...values };
  arrive();
}

/** Who is told that the reader has gone elsewhere, by a link, by Back or by `go`. */
export function onArrive(take) {
  arrive = take;
}

addEventListener('popstate', () => {
  now = read();
  arrive();
});
