// The panel: the history of one file, and what a person may do about it.

import { $, copy, el, foreign, icon, toast, unanswered } from './dom.js';
import { Refusal, object, throttled, wish } from './net.js';
import { thumb } from './ledger.js';
import { away, bytes, dayAndTime, fields, generation, kind, means, owed, pictured, split, story, what } from './words.js';

const COPIES_MOST = 20;

let row = null;
let told = '';
let trouble = () => {};
let changed = () => {};

/** `done` is called after something was done, `failed` told what went wrong. */
export function begin({ done, failed }) {
  trouble = failed;
  changed = done;
  $('p-close').onclick = () => $('panel').close();
  $('panel').onclose = () => {
    // This is told late: by now it may be open for another file.
    if ($('panel').open) return;
    row = null;
    $('p-body').replaceChildren();
    // The row from which it was opened may be there no more.
    const at = document.activeElement;
    if (at === document.body || $('panel').contains(at)) (document.querySelector('#rows [tabindex="0"]') ?? $('ledger')).focus({ preventScroll: true });
  };
  // Beside the panel is outside of it. A handler that gives false would undo all that is clicked in it.
  $('panel').onclick = ({ target }) => {
    if (target === $('panel')) $('panel').close();
  };
}

/** Opens it for a row of the ledger. */
export function show(of) {
  row = of;
  told = '';
  $('p-name').replaceChildren(foreign(split(of.path)[1]));
  $('p-body').replaceChildren(picture(of));
  if (!$('panel').open) $('panel').showModal();
  $('panel').scrollTop = 0;
  read().catch(trouble);
}

/** Reads again what is shown, if anything is. */
export const refresh = throttled(1_000, () => row && read().catch(trouble));

async function read() {
  const { id } = row;
  const of = await object(`/ui/why?id=${id}`);
  const text = JSON.stringify(of);
  if (row?.id !== id || text === told) return;
  // What somebody is writing or is asked stays.
  if (told && $('p-body').querySelector('input:focus, .asked')) return;
  told = text;
  const { act } = document.activeElement?.dataset ?? {};
  const field = $('p-body').querySelector('[data-act=field]')?.value;
  $('p-body').replaceChildren(...body({ ...of, id }));
  const select = $('p-body').querySelector('[data-act=field]');
  if (field && select && [...select.options].some((option) => option.value === field)) select.value = field;
  // What was pressed may be gone with what it did.
  if ($('panel').open && document.activeElement === document.body) ($('p-body').querySelector(`[data-act="${act}"]`) ?? $('p-close')).focus();
}

function picture(of) {
  const box = el('div', { className: 'p-pic' }, icon(kind(of.media_type)));
  if (pictured(of) && of.state !== 'ignored' && !of.gone_at) {
    const img = el('img', { alt: '' });
    img.onload = () => box.replaceChildren(img);
    img.src = thumb(of);
  }
  return box;
}

function* body(of) {
  yield picture(of);
  yield el('div', { className: 'p-acts' }, ...acts(of));
  yield facts(of);
  yield next(of);
  yield el('h3', {}, 'history');
  const happened = ({ at, words }) => el('li', {}, el('time', { dateTime: at }, dayAndTime(at)), foreign(words));
  yield el('ol', { className: 'story' }, ...story(of).map(happened));
  const copies = of.copies ?? [];
  if (copies.length) {
    yield el('h3', {}, 'the same content');
    const line = (each) => el('li', {}, foreign(each.path), ` ${each.state}${each.gone_at ? ', gone' : ''}`);
    const more = copies.length > COPIES_MOST ? el('li', {}, `and ${copies.length - COPIES_MOST} more`) : null;
    yield el('ul', { className: 'story' }, ...copies.slice(0, COPIES_MOST).map(line), more);
  }
  if (of.forgotten?.length) {
    yield el('h3', {}, 'forgotten, as somebody said');
    const line = (each) => el('li', {}, el('time', { dateTime: each.forgotten_at }, dayAndTime(each.forgotten_at)), foreign(each.asset_id));
    yield el('ul', { className: 'story' }, ...of.forgotten.map(line));
  }
}

function facts(of) {
  const list = el('dl', {});
  const fact = (title, ...words) => words[0] != null && words[0] !== '' && list.append(el('dt', {}, title), el('dd', {}, ...words));
  fact('state', el('span', { className: 'pill', 'data-state': of.state, title: means[of.state] ?? '' }, of.state), of.uploaded_at ? ` ${dayAndTime(of.uploaded_at)}` : null, of.reason ? foreign(of.reason, 'why') : null);
  if (of.asset_id) fact('assetId', el('code', {}, of.asset_id));
  fact('account', of.account ?? (['ignored', 'failed', 'settling'].includes(of.state) ? null : 'learnt from the first upload'));
  fact('content', [what(of), bytes(of.size)].filter(Boolean).join(', '));
  fact('path', foreign(of.path));
  if (of.decided_by) fact('sent from', foreign(of.decided_by.path), ', which held the same content');
  if (of.gone_at) fact('gone', dayAndTime(of.gone_at));
  if (of.next_try_at && of.state === 'queued') fact('next try', `${dayAndTime(of.next_try_at)}, ${away(of.next_try_at, new Date())}`);
  for (const each of of.errands ?? []) if (!each.outcome) fact('to do', owed(each, new Date()));
  if (of.hash) fact('hash', el('code', {}, of.hash));
  return list;
}

function next(of) {
  const commands = (of.commands ?? []).map((command) => el('code', {}, command));
  return el('div', { className: 'p-next' }, el('p', {}, el('b', {}, 'next '), of.next ?? ''), ...commands);
}

function* acts(of) {
  const button = (act, words, work, look = '') => {
    const made = el('button', { type: 'button', className: look, 'data-act': act }, ...words);
    made.onclick = () => work(made);
    return made;
  };
  if (of.asset_id) {
    yield button('copy', [icon('copy'), 'assetId'], (on) => copy(of.asset_id, on, of.asset_id), 'main');
    yield json(of, button);
  }
  const gaveUp = (of.errands ?? []).some((errand) => errand.outcome === 'failed');
  if (of.state === 'failed' || (of.state === 'uploaded' && gaveUp)) {
    yield button('retry', ['retry'], () => act('/ui/retry', { ids: [of.id] }, 'it is tried again'), of.state === 'failed' ? 'main' : '');
  }
  if (of.state === 'held') {
    yield el('p', {}, 'is it among your assets on Runway?');
    yield found(of);
    yield button('resolve', ['it is not on Runway: send it again'], () => act('/ui/resolve', { id: of.id, retry: true }, 'it is sent again'));
  }
  if (of.state === 'uploaded' && of.asset_id) yield button('forget', ['forget…'], () => forget(of), 'plain');
}

/** JSON under the name of the field that the request has for it. */
function json(of, button) {
  const select = el('select', { ariaLabel: 'field of the generation request', 'data-act': 'field' }, ...fields(of.media_type).map((field) => el('option', {}, field)));
  const text = () => generation(of, select.value);
  const one = button('json', [icon('json'), 'JSON'], (on) => copy(text(), on, text()));
  return el('span', { className: 'joined' }, one, select);
}

/** The asset that somebody found on Runway. */
function found(of) {
  const input = el('input', { placeholder: 'its assetId', ariaLabel: 'the assetId that it has on Runway', spellcheck: false, required: true, 'data-act': 'found' });
  const form = el('form', { className: 'joined' }, input, el('button', {}, 'it is on Runway'));
  form.onsubmit = (event) => {
    event.preventDefault();
    act('/ui/resolve', { id: of.id, uploaded: input.value.trim() }, 'it is uploaded');
  };
  return form;
}

/** Asks with the words of the daemon, and then does it. */
async function forget(of) {
  try {
    await wish('/ui/forget', { id: of.id });
    return after('it is forgotten');
  } catch (error) {
    if (!(error instanceof Refusal) || error.status !== 428) return refused(error);
    const yes = el('button', { type: 'button', className: 'danger' }, 'forget it');
    const no = el('button', { type: 'button', className: 'plain' }, 'keep it');
    const question = el('div', { className: 'asked', role: 'alert' }, el('p', {}, error.message), yes, no);
    no.onclick = () => {
      question.remove();
      $('p-body').querySelector('[data-act="forget"]')?.focus();
    };
    yes.onclick = () => {
      question.remove();
      $('p-close').focus();
      act('/ui/forget', { id: of.id, yes: true }, 'it is forgotten');
    };
    $('p-body').querySelector('.asked')?.remove();
    $('p-body').querySelector('.p-acts').after(question);
    no.focus();
  }
}

async function act(path, body, words) {
  try {
    const answers = await wish(path, body);
    const no = answers.find((answer) => answer.error);
    if (no) return toast(no.error, no.hint, true);
    return after(words);
  } catch (error) {
    return refused(error);
  }
}

function after(words) {
  toast(words);
  changed();
  return row && read().catch(trouble);
}

function refused(error) {
  unanswered(error);
  if (error instanceof Refusal) toast(error.message, error.hint, true);
  else trouble(error);
}
