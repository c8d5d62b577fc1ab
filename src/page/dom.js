// Elements. Texts are set as texts: nothing on this page is ever read as markup.

import { Lost } from './net.js';
import { escaped } from './words.js';

export const $ = (id) => document.getElementById(id);

/** An element with properties and children; a text child stands with its controls escaped. */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key.startsWith('aria-') || key.startsWith('data-') || key === 'role') made.setAttribute(key, value);
    else made[key] = value;
  }
  made.append(...children.filter((child) => child != null).map((child) => (child instanceof Node ? child : escaped(child))));
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

/** An element of a drawing. */
export function draw(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export const icon = (name) => draw('svg', { class: 'i', 'aria-hidden': 'true' }, draw('use', { href: `#i-${name}` }));

/** A text from outside, which does not turn what stands around it. */
export const foreign = (text, className = '') => el('bdi', { className, title: escaped(text) }, text);

// Behind a dialog that is open nothing is seen or heard: messages are told in it. The last one is in front.
const aside = () => ([...document.querySelectorAll('dialog[open]')].at(-1) ?? document.body).append($('veil'), $('toasts'));
for (const dialog of document.querySelectorAll('dialog')) {
  new MutationObserver(aside).observe(dialog, { attributeFilter: ['open'] });
}

/** Says something for a moment, and to who listens. */
export function toast(words, hint = '', bad = false) {
  const said = el('p', { className: bad ? 'toast bad' : 'toast' }, el('span', {}, words));
  if (hint) said.append(el('code', {}, hint));
  $('toasts').append(said);
  while ($('toasts').childElementCount > 4) $('toasts').firstElementChild.remove();
  setTimeout(() => said.remove(), bad ? 12_000 : 3_500);
}

/** Says that nobody knows whether what was wished was done. */
export function unanswered(error) {
  if (error instanceof Lost) toast('no answer: look again once the connection is back', '', true);
}

/** Copies a text, and says so on the button. */
export async function copy(text, button, words) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el('textarea', { value: text, className: 'sr' });
    (button.closest('dialog') ?? document.body).append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    button.focus();
    if (!copied) return toast('the browser does not let this page copy', '', true);
  }
  button.classList.add('did');
  setTimeout(() => button.classList.remove('did'), 1_400);
  toast(`copied ${words}`);
}

const pressed = (of) => (of.matches('button') ? of : of.querySelector('button'));

/**
 * Fills a list anew only where it changed, so that focus and selection stay. The focus goes to what
 * takes the place of what had it; where nothing does, to the ledger.
 */
export function refill(list, items, make) {
  const before = list.items ?? [];
  let focused = false;
  items.forEach((item, at) => {
    const text = JSON.stringify(item);
    if (before[at] === text) return;
    const made = make(item, at);
    const old = list.children[at];
    focused ||= old?.contains(document.activeElement);
    if (old) old.replaceWith(made);
    else list.append(made);
    if (focused && document.activeElement === document.body) pressed(made)?.focus({ preventScroll: true });
    before[at] = text;
  });
  while (list.childElementCount > items.length) {
    focused ||= list.lastElementChild.contains(document.activeElement);
    list.lastElementChild.remove();
  }
  if (focused && document.activeElement === document.body) (list.querySelector('button') ?? $('ledger')).focus({ preventScroll: true });
  list.items = before.slice(0, items.length);
}
