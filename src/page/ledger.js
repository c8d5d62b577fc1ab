// The ledger: a table of any length, of which only what is seen is in the page.
//
// Pages are asked for as they are scrolled to. Each begins behind its cursor; when one is read again
// and ends elsewhere, those behind it are read again as well. What is far away is forgotten, and
// read again when somebody comes back.

import { $, copy, el, foreign, icon } from './dom.js';
import { expired, object, page } from './net.js';
import { away, bytes, dayAndTime, generation, kind, means, pictured, place, short, split, what, when } from './words.js';

export const STATES = ['uploaded', 'uploading', 'queued', 'settling', 'unknown', 'held', 'failed', 'ignored'];
const ROW = 64;
const PAGE = 100;
const BEYOND = 8;
const FAR_PAGES = 30;
const THUMB_AFTER_MS = 140;
const TYPING_MS = 180;

const filter = { state: '', email: '', under: '', q: '' };
let pages = [fresh('')];
let loading = null;
let turn = 0;
let painted = -1;
let active = null;
let shown = new Map();
let roots = [];
let several = false;
let thumbs = 0;
let open = () => {};
let trouble = () => {};

function fresh(cursor) {
  return { cursor, next: undefined, rows: null, size: 0, stale: true };
}

/** `opened` is told the row whose history is wanted, `failed` what went wrong. */
export function begin({ opened, failed }) {
  open = opened;
  trouble = failed;
  chips({});
  let typing = 0;
  $('q').oninput = () => {
    clearTimeout(typing);
    typing = setTimeout(() => sift({ q: $('q').value.trim() }).catch(trouble), TYPING_MS);
  };
  $('email').onchange = () => sift({ email: $('email').value }).catch(trouble);
  $('under').onclick = () => sift({ under: '' }).catch(trouble);
  $('newer').onclick = () => {
    $('ledger').scrollIntoView();
    restart();
  };
  addEventListener('scroll', () => requestAnimationFrame(() => paint()), { passive: true });
  addEventListener('resize', () => requestAnimationFrame(() => paint()));
  steady();
  $('rows').onkeydown = keys;
  $('rows').onclick = ({ target }) => {
    const row = target.closest('.row')?.row;
    if (row && !target.closest('button')) choose(row);
  };
  $('rows').addEventListener('focusin', ({ target }) => activate(target.closest('.row')?.row.id));
}

/** What is above grows and shrinks: what somebody looks at stays where it is. */
function steady() {
  let before = 0;
  const moved = new ResizeObserver(() => {
    const by = $('ledger').offsetTop - before;
    before += by;
    const was = $('ledger').getBoundingClientRect().top - by;
    if (by && scrollY && was < innerHeight / 2) scrollBy(0, by);
  });
  for (const above of document.querySelectorAll('.top, .now')) moved.observe(above);
}

/** Looks through other rows, from the first on. */
export function sift(by) {
  Object.assign(filter, by);
  if ($('ledger').getBoundingClientRect().top < 0) $('ledger').scrollIntoView();
  $('under').hidden = !filter.under;
  $('under').replaceChildren(...(filter.under ? [icon('folder'), foreign(split(filter.under)[1]), icon('close')] : []));
  $('under').setAttribute('aria-label', `only ${filter.under}: show all folders`);
  for (const chip of $('chips').children) chip.setAttribute('aria-pressed', chip.state === filter.state);
  restart();
  return counted();
}

/** Where folders and accounts are. */
export function places(status) {
  const emails = [...new Set(status.accounts.map((account) => account.email).filter(Boolean))];
  const paths = status.folders.map((folder) => folder.path);
  if (paths.join('\n') !== roots.join('\n') || several !== emails.length > 1) {
    roots = paths;
    several = emails.length > 1;
    for (const line of shown.values()) fill(line, line.row);
  }
  $('by-account').hidden = !several;
  if (emails.join() === $('email').dataset.emails) return;
  $('email').dataset.emails = emails.join();
  $('email').replaceChildren(el('option', { value: '' }, 'all accounts'), ...emails.map((email) => el('option', { value: email }, email)));
  $('email').value = filter.email;
}

/** Reads again what is seen, and how much there is. */
export async function refresh() {
  for (const each of pages) each.stale = true;
  const [first] = range();
  $('newer').hidden = pages.length < 2 || first < pages[0].size;
  await Promise.all([load(), counted()]);
}

function restart() {
  turn += 1;
  loading = null;
  pages = [fresh('')];
  $('newer').hidden = true;
  load().catch(trouble);
}

function parameters(more) {
  const asked = new URLSearchParams();
  for (const [key, value] of Object.entries({ ...filter, ...more })) {
    if (value !== '' && value != null) asked.set(key, value);
  }
  return asked.toString();
}

async function counted() {
  const mine = turn;
  const { states, total: all } = await object(`/ui/counts?${parameters({ state: '' })}`);
  if (mine !== turn) return;
  chips(states, all);
  $('grid').setAttribute('aria-rowcount', (filter.state ? states[filter.state] ?? 0 : all) + 1);
}

function chips(states, all) {
  const wanted = [['', 'all', all], ...STATES.map((state) => [state, state, states[state] ?? 0])];
  if (!$('chips').childElementCount) {
    for (const [state, word] of wanted) {
      const chip = el('button', { type: 'button', className: 'chip', 'data-state': state, 'aria-pressed': state === '', title: means[state] ?? '' }, el('span', {}, word), el('b', {}));
      chip.state = state;
      chip.onclick = () => sift({ state }).catch(trouble);
      $('chips').append(chip);
    }
  }
  wanted.forEach(([state, , number], at) => {
    const chip = $('chips').children[at];
    chip.lastChild.textContent = number?.toLocaleString('en') ?? '';
    chip.classList.toggle('none', state !== '' && !number);
  });
}

/** The first and last row that are seen, or nearly. */
function range() {
  const above = -$('rows').getBoundingClientRect().top;
  const first = Math.floor(above / ROW);
  return [Math.max(0, first - BEYOND), Math.max(0, first + Math.ceil(innerHeight / ROW) + BEYOND)];
}

/** Reads the pages that are seen and are not there, or not as they are now; one run at a time. */
function load() {
  if (expired()) return Promise.resolve();
  if (!loading) {
    const mine = run(turn).finally(() => {
      if (loading === mine) loading = null;
    });
    loading = mine;
  }
  return loading;
}

async function run(mine) {
  for (;;) {
    const at = wanted();
    if (at < 0) break;
    const one = pages[at];
    one.stale = false;
    let answer;
    try {
      answer = await page(`/ui/rows?${parameters({ after: one.cursor, limit: PAGE })}`);
    } catch (error) {
      one.stale = true;
      throw error;
    }
    if (mine !== turn) return;
    const kept = looked();
    Object.assign(one, { rows: answer.rows, size: answer.rows.length, next: answer.next });
    const behind = pages[at + 1];
    if (answer.next === null) {
      pages.length = at + 1;
    } else if (!behind) {
      pages.push(fresh(answer.next));
    } else if (behind.cursor !== answer.next) {
      pages.length = at + 2;
      Object.assign(behind, { cursor: answer.next, stale: true });
    }
    paint(kept);
  }
  pages.forEach((each, at) => {
    if (each.rows && far(at)) Object.assign(each, { rows: null, stale: true });
  });
  paint();
}

/** The first page in sight that has to be read. */
function wanted() {
  const [first, last] = range();
  let begins = 0;
  for (let at = 0; at < pages.length; at += 1) {
    const ends = begins + pages[at].size;
    const seen = begins <= last && (ends >= first || at === pages.length - 1);
    if (seen && pages[at].stale) return at;
    begins = ends;
  }
  return -1;
}

function far(at) {
  const [first] = range();
  let begins = 0;
  let here = 0;
  while (here < pages.length - 1 && begins + pages[here].size <= first) {
    begins += pages[here].size;
    here += 1;
  }
  return Math.abs(at - here) > FAR_PAGES;
}

function size() {
  return pages.reduce((all, each) => all + each.size, 0);
}

function rowAt(index) {
  for (const each of pages) {
    if (index < each.size) return each.rows?.[index];
    index -= each.size;
  }
  return undefined;
}

function indexOf(id) {
  let begins = 0;
  for (const each of pages) {
    const at = each.rows?.findIndex((row) => row.id === id) ?? -1;
    if (at >= 0) return begins + at;
    begins += each.size;
  }
  return -1;
}

/** The rows that somebody looks at, unless the first one is among them: there new ones are to be seen. */
function looked() {
  const bar = document.querySelector('.sieve').getBoundingClientRect().bottom;
  const top = $('rows').getBoundingClientRect().top;
  if (painted !== turn || top >= bar) return [];
  return [...shown].filter(([, line]) => top + line.index * ROW >= bar).map(([id, line]) => [id, line.index]);
}

/** Puts the rows that are seen into the page, and takes the others out of it; those in `still` do not move. */
function paint(still = []) {
  const all = size();
  $('rows').style.height = `${all * ROW}px`;
  for (const [id, index] of still) {
    const now = indexOf(id);
    if (now < 0) continue;
    scrollBy(0, (now - index) * ROW);
    break;
  }
  painted = turn;
  const [first, last] = range();
  const seen = new Map();
  for (let index = first; index < Math.min(all, last); index += 1) {
    const row = rowAt(index);
    if (row && !seen.has(row.id)) seen.set(row.id, [index, row]);
  }
  // Where the focus is, it stays, however far away.
  const kept = active === null ? -1 : indexOf(active);
  if (kept >= 0 && !seen.has(active) && shown.get(active)?.contains(document.activeElement)) {
    seen.set(active, [kept, rowAt(kept)]);
  }
  const focused = document.activeElement;
  for (const [id, line] of shown) if (!seen.has(id)) line.remove();
  const before = shown;
  shown = new Map();
  if (!seen.has(active)) active = seen.size ? seen.keys().next().value : null;
  let cursor = $('rows').firstElementChild;
  for (const [id, [index, row]] of [...seen].sort((a, b) => a[1][0] - b[1][0])) {
    const line = before.get(id) ?? blank();
    if (line.told !== JSON.stringify(row)) fill(line, row);
    line.index = index;
    line.style.transform = `translateY(${index * ROW}px)`;
    line.setAttribute('aria-rowindex', index + 2);
    reach(line, id === active);
    shown.set(id, line);
    if (line === cursor) cursor = cursor.nextElementSibling;
    else $('rows').insertBefore(line, cursor);
  }
  if (focused !== document.activeElement) (focused.isConnected ? focused : shown.get(active) ?? $('ledger')).focus({ preventScroll: true });
  empty(all);
  clearTimeout(thumbs);
  thumbs = setTimeout(look, THUMB_AFTER_MS);
  if (wanted() >= 0) load().catch(trouble);
}

function empty(all) {
  const asked = Object.values(filter).some(Boolean);
  const read = pages[0].rows !== null || pages.length > 1;
  $('none').hidden = all > 0 || !read;
  $('none').textContent = asked ? 'nothing here is like that' : 'nothing yet: drop a file anywhere on this page';
}

function blank() {
  const cell = (name) => el('div', { className: name, role: 'gridcell' });
  const line = el('div', { className: 'row', role: 'row' }, cell('pic'), cell('file'), cell('state'), cell('what'), cell('when'), cell('id'));
  return line;
}

function fill(line, row) {
  const [pic, file, state, facts, time, id] = line.children;
  const picture = `${row.id} ${row.hash} ${row.media_type}`;
  if (line.picture !== picture) {
    line.picture = picture;
    line.pending = pictured(row) && row.state !== 'ignored' && !row.gone_at;
    pic.replaceChildren(icon(kind(row.media_type)));
  }
  const [, name] = split(row.path);
  file.replaceChildren(foreign(name, 'name'), foreign(place(row.path, roots), 'place'));
  state.replaceChildren(el('span', { className: 'pill', 'data-state': row.state }, row.state));
  if (row.reason) state.append(foreign(row.reason, 'why'));
  facts.replaceChildren(el('span', {}, what(row)), el('small', {}, [bytes(row.size), several ? row.account : null].filter(Boolean).join(' · ')));
  const at = row.uploaded_at ?? row.seen_at;
  time.replaceChildren(el('time', { dateTime: at, title: dayAndTime(at) }), el('small', {}));
  age(time);
  const focus = id.contains(document.activeElement);
  if (row.asset_id !== line.row?.asset_id || !id.childElementCount) id.replaceChildren(...(row.asset_id ? buttons(row) : []));
  if (focus) id.firstElementChild?.focus();
  line.row = row;
  line.told = JSON.stringify(row);
}

/** How long ago it was, as of now. */
function age(cell) {
  const [time, small] = cell.children;
  time.textContent = when(time.dateTime, new Date());
  small.textContent = away(time.dateTime, new Date());
}

/** Time has passed. */
export function tick() {
  for (const line of shown.values()) age(line.children[4]);
}

function buttons(row) {
  const name = split(row.path)[1];
  const one = el('button', { type: 'button', className: 'mono', title: row.asset_id, ariaLabel: `copy the assetId ${short(row.asset_id)} of ${name}` }, icon('copy'), el('span', {}, short(row.asset_id)));
  const json = el('button', { type: 'button', title: generation(row), ariaLabel: `copy JSON for a generation with ${name}` }, icon('json'));
  one.onclick = () => copy(row.asset_id, one, row.asset_id);
  json.onclick = () => copy(generation(row), json, generation(row));
  return [one, json];
}

/** Asks for the pictures of rows at which somebody stays. */
function look() {
  if (expired()) return;
  for (const line of shown.values()) {
    if (!line.pending) continue;
    line.pending = false;
    const { row } = line;
    const img = el('img', { alt: '', decoding: 'async' });
    img.onload = () => line.row.id === row.id && line.firstChild.replaceChildren(img);
    img.src = thumb(row);
  }
}

/** Where the small picture of a row is; another content is another address. */
export const thumb = (row) => `/ui/thumb?id=${row.id}&v=${row.hash ?? ''}`;

function choose(row) {
  activate(row.id);
  shown.get(row.id)?.focus({ preventScroll: true });
  open(row);
}

/** One row, and what is on it, is reached with Tab; the others from there with the arrows. */
function activate(id) {
  if (id === undefined || id === active) return;
  if (shown.has(active)) reach(shown.get(active), false);
  active = id;
  if (shown.has(active)) reach(shown.get(active), true);
}

function reach(line, is) {
  line.tabIndex = is ? 0 : -1;
  for (const button of line.lastChild.children) button.tabIndex = is ? 0 : -1;
}

function keys(event) {
  const line = event.target.closest('.row');
  if (!line || event.ctrlKey || event.metaKey || event.altKey) return;
  const index = indexOf(line.row.id);
  const some = Math.max(1, Math.floor(innerHeight / ROW) - 3);
  const step = { ArrowDown: 1, ArrowUp: -1, PageDown: some, PageUp: -some, Home: -Infinity, End: Infinity }[event.key];
  if (step !== undefined) {
    event.preventDefault();
    go(Math.min(size() - 1, Math.max(0, index + step)));
  } else if (event.target === line && (event.key === 'Enter' || event.key === ' ')) {
    event.preventDefault();
    choose(line.row);
  } else if (event.key === 'c' && line.row.asset_id) {
    line.lastChild.firstElementChild.click();
  } else if (event.key === 'j' && line.row.asset_id) {
    line.lastChild.lastElementChild.click();
  }
}

function go(index) {
  const row = rowAt(index);
  const top = $('rows').getBoundingClientRect().top + index * ROW;
  const bar = document.querySelector('.sieve').offsetHeight + 40;
  if (top < bar) scrollBy(0, top - bar);
  else if (top + ROW > innerHeight) scrollBy(0, top + ROW - innerHeight + 8);
  if (!row) return paint();
  paint();
  activate(row.id);
  shown.get(row.id)?.focus({ preventScroll: true });
}
