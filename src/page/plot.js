// The plot: bytes and uploads of the last hour or day, drawn as two rows of bars over one time.

import { $, draw, el } from './dom.js';
import { bytes, count } from './words.js';

const HIGH = { bytes: 84, uploads: 34 };
const ABOVE = 18;
const GAP = 22;
const MIDDLE = ABOVE + HIGH.bytes;
const BASE = MIDDLE + GAP + HIGH.uploads;

let told = { minutes: [], hours: [] };
let span = 'minutes';

/** Takes up what the daemon says. */
export function show(plot) {
  told = plot;
  paint();
}

export function begin() {
  for (const [id, of] of [['by-hour', 'minutes'], ['by-day', 'hours']]) {
    $(id).onclick = () => {
      span = of;
      $('by-hour').setAttribute('aria-pressed', of === 'minutes');
      $('by-day').setAttribute('aria-pressed', of === 'hours');
      paint();
    };
  }
  new ResizeObserver(paint).observe($('plot'));
}

function paint() {
  const bars = told[span];
  const wide = $('plot').clientWidth;
  if (!bars.length || !wide) return;
  const sum = (key) => bars.reduce((all, bar) => all + bar[key], 0);
  const [sent, uploads, failed] = [sum('bytes'), sum('uploads'), sum('failed')];
  $('sum-bytes').textContent = bytes(sent);
  $('sum-uploads').textContent = uploads.toLocaleString('en');
  $('sum-failed').textContent = failed.toLocaleString('en');
  $('sum-failed-of').hidden = failed === 0;
  const named = span === 'minutes' ? 'last hour' : 'last day';
  document.querySelector('.span-of').textContent = named;
  $('plot').replaceChildren(picture(bars, wide, `${named}: ${count(uploads, 'upload')}, ${bytes(sent)}, ${failed} failed`));
}

function picture(bars, wide, label) {
  const most = { bytes: Math.max(1, ...bars.map((bar) => bar.bytes)), uploads: Math.max(1, ...bars.map((bar) => bar.uploads + bar.failed)) };
  const step = wide / bars.length;
  const body = Math.max(2, step - Math.min(3, step / 4));
  const svg = draw('svg', { role: 'img', 'aria-label': label, viewBox: `0 0 ${wide} ${BASE + 20}`, width: wide, height: BASE + 20 });
  const bar = (at, foot, high, name) =>
    high > 0 && svg.append(draw('rect', { class: name, x: at * step, y: foot - high, width: body, height: high, rx: Math.min(1.5, body / 2) }));
  for (const foot of [MIDDLE, BASE]) {
    svg.append(draw('line', { class: 'foot', x1: 0, x2: wide, y1: foot + 0.5, y2: foot + 0.5 }));
  }
  bars.forEach((each, at) => {
    const high = (value, of) => (value ? Math.max(2, (value / most[of]) * HIGH[of]) : 0);
    bar(at, MIDDLE, high(each.bytes, 'bytes'), 'bytes');
    const good = high(each.uploads, 'uploads');
    bar(at, BASE, good, 'uploads');
    bar(at, BASE - good, high(each.failed, 'uploads'), 'failed');
  });
  const text = (x, y, words, anchor = 'start') => draw('text', { x, y, 'text-anchor': anchor }, words);
  const each = span === 'minutes' ? 'a minute' : 'an hour';
  if (most.bytes > 1) svg.append(text(0, 10, `${bytes(most.bytes)} ${each}`));
  svg.append(text(0, MIDDLE + 16, 'uploads'));
  for (let at = 0; at < bars.length; at += bars.length / 4) {
    svg.append(text(at * step, BASE + 16, hour(bars[at].at)));
  }
  svg.append(text(wide, BASE + 16, 'now', 'end'));
  point(svg, bars, step, wide);
  return svg;
}

const hour = (at) => new Date(at).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });

/** What a bar means, under the pointer. */
function point(svg, bars, step, wide) {
  const mark = draw('rect', { class: 'mark', y: 0, height: BASE, width: step, visibility: 'hidden' });
  svg.prepend(mark);
  const said = el('p', { className: 'readout', hidden: true });
  svg.onpointermove = ({ offsetX }) => {
    const at = Math.min(bars.length - 1, Math.max(0, Math.floor(offsetX / step)));
    const bar = bars[at];
    mark.setAttribute('x', at * step);
    mark.setAttribute('visibility', 'visible');
    const lost = bar.failed ? `, ${bar.failed} failed` : '';
    said.textContent = `${hour(bar.at)}  ${bytes(bar.bytes)}, ${count(bar.uploads, 'upload')}${lost}`;
    said.hidden = false;
    if (!said.isConnected) $('plot').append(said);
    said.style.left = `${Math.max(0, Math.min(at * step - 60, wide - said.offsetWidth))}px`;
  };
  svg.onpointerleave = () => {
    said.hidden = true;
    mark.setAttribute('visibility', 'hidden');
  };
}
