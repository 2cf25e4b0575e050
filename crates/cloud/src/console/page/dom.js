// Elements, made of text alone: what devices send never becomes markup, and what cannot
// be seen in it, or would reorder what is around it, is written out.

/** The element of this id. */
export function the(id) {
  return document.getElementById(id);
}

/** An element with these attributes and children, where strings become text. */
export function make(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** The same of SVG. */
export function draw(name, attributes = {}, ...children) {
  return fill(document.createElementNS('http://www.w3.org/2000/svg', name), attributes, children);
}

function fill(element, attributes, children) {
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value !== undefined && value !== false) {
      element.setAttribute(attribute, attribute === 'title' ? visible(value) : value === true ? '' : value);
    }
  }
  element.append(...children.filter((child) => child !== undefined && child !== '')
    .map((child) => typeof child === 'string' ? visible(child) : child));
  return element;
}

/** Changes the text of an element only where it differs, so that nothing is read aloud twice. */
export function say(element, text) {
  const shown = visible(text);
  if (element.textContent !== shown) element.textContent = shown;
}

/** Changes where a link leads and what it says, where they differ. */
export function link(element, text, href) {
  say(element, text);
  if (element.getAttribute('href') !== href) element.setAttribute('href', href);
}

/** Control and format characters, the bidirectional ones among them; not what ends a line. */
const UNSEEN = /[^\P{C}\n\t\p{Cn}]|[\u2028\u2029]/gu;

/** A text in which everything can be seen: U+202E as `\u{202E}`. */
export function visible(text) {
  return String(text).replace(UNSEEN, (each) =>
    `\\u{${each.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}}`);
}
