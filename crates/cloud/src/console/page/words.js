// What the page says, in the languages that it speaks. Texts of the protocol (paths,
// option names, payloads) are shown as they are.

import { ENGLISH } from '/english.js';
import { CHINESE } from '/chinese.js';
import { inChinese } from '/reasons.js';

const WORDS = { en: ENGLISH, zh: CHINESE };

const KEPT_AS = 'iot-coap-cloud-language';

let language = kept() ?? (navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en');

function kept() {
  try {
    const value = localStorage.getItem(KEPT_AS);
    return Object.hasOwn(WORDS, value) ? value : undefined;
  } catch {
    return undefined; // Storage may be forbidden.
  }
}

/** The language that is spoken now. */
export function spoken() {
  return language;
}

/** Speaks another language from here on. */
export function speak(wanted) {
  language = wanted;
  try {
    localStorage.setItem(KEPT_AS, wanted);
  } catch {
    // Then it is asked for again next time.
  }
}

/** The words of this name, with its values put in. */
export function words(name, values = {}) {
  const text = WORDS[language][name] ?? name;
  return text.replace(/\{(\w+)\}/g, (place, value) => values[value] ?? place);
}

/** Why something was refused, or failed. */
export function reason(said) {
  return language === 'zh' ? inChinese(said) : said;
}

/** Translates what the document itself says. */
export function translate() {
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  for (const element of document.querySelectorAll('[data-t]')) {
    element.textContent = words(element.dataset.t);
  }
  for (const element of document.querySelectorAll('[data-label]')) {
    element.setAttribute('aria-label', words(element.dataset.label));
    if (element.matches('input')) element.title = words(element.dataset.label);
  }
  for (const element of document.querySelectorAll('[data-placeholder]')) {
    element.placeholder = words(element.dataset.placeholder);
  }
  for (const element of document.querySelectorAll('[data-title]')) {
    element.title = words(element.dataset.title);
  }
}

/** A time of day, to the second or the millisecond. */
export function clock(unixMs, milliseconds = false) {
  const parts = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
  if (milliseconds) parts.fractionalSecondDigits = 3;
  return new Intl.DateTimeFormat('en-GB', parts).format(unixMs);
}

/** Day and time. */
export function moment(unixMs) {
  const tag = language === 'zh' ? 'zh-CN' : 'en-GB';
  return new Intl.DateTimeFormat(tag, { dateStyle: 'medium', timeStyle: 'medium' }).format(unixMs);
}

/** A span of time, in its one or two largest units. */
export function span(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 60) return words('s', { n: seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return words('min', { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours >= 72) return words('d', { n: Math.floor(hours / 24) });
  const rest = minutes % 60;
  return words('h', { n: hours }) + (rest ? ' ' + words('min', { n: rest }) : '');
}
