// The page: how things stand, live, and what a person may do about it.

import { $, el, foreign, icon, refill, toast, unanswered } from './dom.js';
import { Refusal, listen, object, standing, throttled, wish } from './net.js';
import * as drops from './drop.js';
import * as ledger from './ledger.js';
import * as panel from './panel.js';
import * as plot from './plot.js';
import { bytes, clock, escaped, remedy, split, stopped } from './words.js';

const STATUS_GAP_MS = 500;
const ROWS_GAP_MS = 1_000;
const PLOT_GAP_MS = 5_000;
const BUSY_MS = 1_000;
const QUIET_MS = 15_000;
const ANNOUNCE_GAP_MS = 4_000;

let status = null;
let connection = 'begins';
let tick = 0;

async function readStatus() {
  status = await standing();
  paint();
  ledger.tick();
  clearTimeout(tick);
  if (!document.hidden) tick = setTimeout(soonStatus, status.uploading.length || status.bytes_per_second ? BUSY_MS : QUIET_MS);
}

const readPlot = async () => plot.show(await object('/ui/plot'));

/** Not while nobody looks or there is no connection: everything is read when they are back. */
const live = (work) => async () => {
  if (connection !== 'live' || document.hidden) return;
  try {
    await work();
  } catch (error) {
    failed(error);
  }
};
const soonStatus = throttled(STATUS_GAP_MS, live(readStatus));
const soonRows = throttled(ROWS_GAP_MS, live(ledger.refresh));
const soonPlot = throttled(PLOT_GAP_MS, live(readPlot));

function failed(error) {
  if (error instanceof Refusal) toast(error.message, error.hint, true);
  else trouble(error);
}

/** What changes no row; an account that stops leaves those queued that were going out. */
const NO_ROW = new Set(['started', 'scanned', 'paused', 'resumed']);

function happened({ event }) {
  soonStatus();
  if (!NO_ROW.has(event)) {
    soonRows();
    panel.refresh();
  }
  if (['uploaded', 'failed'].includes(event)) soonPlot();
}

function connected(now) {
  connection = now;
  document.body.dataset.connection = now;
  if (now !== 'live') clearTimeout(tick);
  if (status || now !== 'live') paint();
  if (now !== 'expired') return;
  for (const control of document.querySelectorAll('button, input, select')) control.disabled = true;
  $('pause').hidden = true;
  $('panel').close();
}

const WITHOUT = {
  // It may be back already, at another address.
  lost: ['connection lost, trying again', ['taxiway ui']],
  stopped: ['taxiway has stopped; waiting for it to come back', ['taxiway run', 'taxiway ui']],
  expired: ['this page’s key has expired: run', ['taxiway ui']],
};

function paint() {
  const [words, commands] = WITHOUT[connection] ?? [status.line ?? status.reason ?? status.state, status.next ?? []];
  const state = WITHOUT[connection] ? connection : status.state;
  $('truth').dataset.state = state;
  $('truth').toggleAttribute('data-moving', state === 'busy' && status.uploading.length > 0);
  // What is behind the first stop says more of the same.
  const [, first, rest] = /^(.*?[^,:;])([,:;] .*)?$/s.exec(escaped(words)) ?? ['', words, ''];
  $('said').replaceChildren(first, ...(rest ? [el('span', {}, rest)] : []));
  refill($('next'), ['next', ...commands], (each, at) => (at ? command(each) : el('span', {}, each)));
  $('next').hidden = !commands.length;
  document.title = `${{ attention: '! ', busy: '↑ ', paused: '‖ ' }[state] ?? ''}taxiway`;
  announce(state, words);
  if (!status) return;
  onlyOne(status.state === 'paused');
  $('speed').textContent = `${bytes(status.bytes_per_second)}/s`;
  refill($('folders'), status.folders, folder);
  refill($('accounts'), status.accounts, account);
  uploads();
  drops.places(status);
  ledger.places(status);
}

/** Shows pause or resume; the focus goes over to the one that is there. */
function onlyOne(paused) {
  const [goes, comes] = paused ? [$('pause'), $('resume')] : [$('resume'), $('pause')];
  const focused = goes.contains(document.activeElement);
  comes.hidden = false;
  goes.hidden = true;
  if (focused) (comes.querySelector('summary') ?? comes).focus({ preventScroll: true });
}

/** What to type; what this page can do itself is a button. */
function command(text) {
  const [, state] = /^taxiway ls --state (\w+)$/.exec(text) ?? [];
  const [words, work] = {
    'taxiway retry --all': ['try all again', () => ask('/v1/retry', { all: true }, 'what failed is tried again')],
    'taxiway resume': ['resume', () => ask('/v1/resume', {}, 'uploads go on')],
  }[text] ?? (state ? [state === 'failed' ? 'show what failed' : `show what is ${state}`, () => look({ state })] : []);
  if (!work) return el('code', {}, text);
  const button = el('button', { type: 'button', title: text }, words);
  button.onclick = work;
  return button;
}

/** Goes to the ledger, and to some of its rows. */
function look(by) {
  ledger.sift(by).catch(failed);
  $('ledger').scrollIntoView();
  $('ledger').focus({ preventScroll: true });
}

let heard = '';
let said = 0;
let late = 0;
/** Tells who listens when the state changes, and not at each number of it. */
function announce(state, words) {
  clearTimeout(late);
  const key = `${state} ${words.replace(/\d[\d.:]*/g, '#').replace(/#.*$/s, '')}`;
  if (key === heard) return;
  const tell = () => {
    heard = key;
    said = performance.now();
    $('told').textContent = escaped(words);
  };
  const wait = said + ANNOUNCE_GAP_MS - performance.now();
  if (wait > 0) late = setTimeout(tell, wait);
  else tell();
}

function folder(of) {
  const [, name] = split(of.path);
  const button = el('button', { type: 'button', className: 'plain', title: `only what is in ${escaped(of.path)}` }, foreign(name || of.path, 'name'));
  button.onclick = () => look({ under: of.path });
  const scanned = of.last_scan_at ? `scanned ${clock(new Date(of.last_scan_at))}` : 'not scanned yet';
  const missed = of.missed_by_events ? `, ${of.missed_by_events} missed by events` : '';
  const mode = { events: 'watched', poll: 'polled', away: 'away' }[of.mode] ?? of.mode;
  // Why it is polled is no trouble; that it is away, or was not seen whole, is.
  const fine = of.mode !== 'away' && !of.reason?.startsWith('not all could be seen');
  return el('li', {},
    el('div', { className: 'line' }, icon('folder'), button, el('span', { className: 'pill', 'data-state': of.mode }, mode)),
    el('p', { className: 'sub' }, foreign(of.path, 'path')),
    el('p', { className: 'sub' }, [of.account, `${scanned}${missed}`].filter(Boolean).join(' · ')),
    of.reason ? el('p', { className: fine ? 'sub' : 'why' }, foreign(of.reason)) : null);
}

function account(of) {
  const [words, command] = remedy(of.state);
  const until = of.until ? `next try ${clock(new Date(of.until))}` : null;
  const bad = of.state !== 'ok';
  return el('li', {},
    el('div', { className: 'line' }, foreign(of.email ?? 'learnt from the first upload', 'name'), el('span', { className: 'pill', 'data-state': of.state }, stopped(of.state))),
    bad && of.reason ? el('p', { className: 'why' }, foreign(of.reason)) : null,
    bad ? el('p', { className: 'sub' }, [words, until].filter(Boolean).join('; ')) : null,
    bad && command ? el('code', {}, command) : null);
}

/** What goes out, and what comes in from this page. */
function uploads() {
  const coming = drops.progress();
  const all = [...(coming ? [{ path: coming.name, sent: coming.sent, size: coming.size, into: coming.folder, waiting: coming.waiting }] : []), ...(status?.uploading ?? [])];
  $('outgoing').hidden = !all.length;
  const list = $('uploading');
  all.forEach((each, at) => {
    const line = list.children[at] ?? list.appendChild(el('li', {}, foreign('', 'name'), el('small', {}), el('progress', {})));
    const [name, small, bar] = line.children;
    const into = each.into ? `copied into ${split(each.into)[1]}${each.waiting ? `, ${each.waiting} more` : ''}` : '';
    name.textContent = escaped(split(each.path)[1]);
    name.title = escaped(each.path);
    const sent = Math.min(each.sent, each.size);
    const much = sent < each.size || into ? `${Math.floor((100 * sent) / (each.size || 1))}% of ${bytes(each.size)}` : `${bytes(each.size)} sent, waiting for the answer`;
    small.textContent = [into, much].filter(Boolean).join(', ');
    bar.max = each.size || 1;
    bar.value = sent;
    bar.setAttribute('aria-label', name.textContent);
  });
  while (list.childElementCount > all.length) list.lastElementChild.remove();
}

/** A wish of the buttons above. */
async function ask(path, body, words) {
  try {
    await wish(path, body);
    toast(words);
    await readStatus();
    soonRows();
  } catch (error) {
    unanswered(error);
    failed(error);
  }
}

function buttons() {
  $('rescan').onclick = () => ask('/v1/rescan', {}, 'every folder is scanned');
  $('resume').onclick = () => ask('/v1/resume', {}, 'uploads go on');
  for (const choice of $('pause').querySelectorAll('button')) {
    choice.onclick = () => {
      $('pause').open = false;
      $('pause').firstElementChild.focus();
      const span = choice.dataset.for;
      ask('/v1/pause', span ? { for: span } : {}, 'no upload begins; those under way end');
    };
  }
  addEventListener('click', ({ target }) => !$('pause').contains(target) && ($('pause').open = false));
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && $('pause').open) {
      $('pause').open = false;
      $('pause').firstElementChild.focus();
    }
    const writes = event.target.closest?.('input, select, textarea, dialog');
    if (event.key === '/' && !writes && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      $('q').focus();
      $('q').select();
    }
  });
}

plot.begin();
buttons();
ledger.begin({ opened: panel.show, failed });
panel.begin({ done: () => [soonStatus, soonRows].forEach((soon) => soon()), failed });
drops.begin({ moved: uploads, failed });
const trouble = listen({
  all: () => Promise.all([readStatus(), readPlot(), ledger.refresh()]),
  event: happened,
  state: connected,
});
setInterval(soonPlot, 60_000);
