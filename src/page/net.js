// How the page talks with the daemon: questions, wishes, the stream of events, and what to do when
// there is no answer. Once the key has expired, nothing is asked any more.

const PATIENCE_MS = 10_000;
const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;

/** The daemon does not know this page's key. */
export class Expired extends Error {}
/** Nobody answers. */
export class Lost extends Error {}
/** The daemon says no: `message`, `hint` and the HTTP status. */
export class Refusal extends Error {
  constructor(told, status) {
    super(told.error ?? `the daemon answered ${status}`);
    // How to write a command is no help to who clicks.
    this.hint = told.hint === 'taxiway --help' ? '' : told.hint ?? '';
    this.status = status;
  }
}

let over = false;
/** Whether the key has expired. */
export const expired = () => over;

async function answer(path, options = {}) {
  if (over) throw new Expired();
  let response;
  try {
    response = await fetch(path, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE_MS), ...options });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Lost();
  }
  if (response.status === 401) {
    over = true;
    throw new Expired();
  }
  let text;
  try {
    text = await response.text();
  } catch {
    throw new Lost();
  }
  if (!response.ok) throw refusal(text, response.status);
  return { response, text };
}

function refusal(text, status) {
  let told = {};
  try {
    told = JSON.parse(text.split('\n')[0]);
  } catch {
    // Whatever it is, its status is told.
  }
  return new Refusal(told, status);
}

const lines = (text) => text.split('\n').filter(Boolean).map((line) => JSON.parse(line));

/** One object. */
export const object = async (path) => JSON.parse((await answer(path)).text);

/** A page of objects, a line each, and the cursor of the next. */
export async function page(path) {
  const { response, text } = await answer(path);
  return { rows: lines(text), next: response.headers.get('X-Next') };
}

/** Has something done; gives the objects of the answer. */
export async function wish(path, body = {}) {
  const { text } = await answer(path, {
    method: 'POST',
    headers: { 'X-Taxiway': 'page', 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  return lines(text);
}

let known = null;
/** How things stand, as the daemon tells that gave the key: who else answers at its address has no secret of its. */
export async function standing() {
  const told = await object('/ui/status');
  known ??= told.daemon;
  if (!known || told.daemon !== known) {
    over = true;
    throw new Expired();
  }
  return told;
}

/** Puts a file into a folder, by its number; `progress` is told bytes. */
export async function drop(folder, file, progress) {
  // No file goes to whoever took the address of a daemon that has ended.
  await standing();
  return new Promise((done, refuse) => {
    // fetch does not tell how much has gone out.
    const request = new XMLHttpRequest();
    request.open('POST', `/ui/drop?folder=${folder}&name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader('X-Taxiway', 'page');
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.onprogress = (event) => progress(event.loaded);
    request.onerror = () => refuse(new Lost());
    request.onload = () => {
      if (request.status === 401) {
        over = true;
        refuse(new Expired());
      } else if (request.status >= 200 && request.status < 300) {
        done(JSON.parse(request.responseText));
      } else {
        refuse(refusal(request.responseText, request.status));
      }
    };
    request.send(file);
  });
}

/**
 * Does the work when it is called, but not again within `gap_ms` or four times as long as it took, nor
 * twice at once: then once more, later.
 */
export function throttled(gap_ms, work) {
  let timer = 0;
  let running = false;
  let owed = false;
  let next = 0;
  const call = () => {
    if (running) owed = true;
    else timer ||= setTimeout(go, Math.max(0, next - performance.now()));
  };
  const go = async () => {
    timer = 0;
    running = true;
    owed = false;
    const began = performance.now();
    try {
      await work();
    } finally {
      running = false;
      const took_ms = performance.now() - began;
      next = began + Math.max(gap_ms, 4 * took_ms);
      if (owed) call();
    }
  };
  return call;
}

/**
 * The stream of events, for as long as the page is looked at. `all` reads everything, each time the
 * stream begins; `event` is told each event; `state` is told `live`, `lost`, `stopped` or `expired`.
 * Gives what is to be called when a question of somebody else's got no answer.
 */
export function listen({ all, event, state }) {
  let source = null;
  let timer = 0;
  let waited = FIRST_WAIT_MS;
  const close = () => {
    source?.close();
    source = null;
    clearTimeout(timer);
    timer = 0;
  };
  const again = () => {
    close();
    // Not all pages of a daemon that is back ask at the same moment.
    timer = setTimeout(begin, waited * (0.75 + Math.random() / 2));
    waited = Math.min(waited * 2, LONGEST_WAIT_MS);
  };
  const trouble = (error) => {
    if (error instanceof Expired) {
      close();
      state('expired');
    } else if (error instanceof Lost || error instanceof Refusal) {
      if (timer) return;
      again();
      state('lost');
    } else {
      throw error;
    }
  };
  const begin = () => {
    close();
    const mine = new EventSource('/v1/events');
    source = mine;
    mine.onmessage = ({ data }) => {
      const told = JSON.parse(data);
      if (told.event !== 'stopped') return event(told);
      again();
      state('stopped');
    };
    mine.onopen = async () => {
      // What happens while all is read is told by the stream.
      try {
        await all();
        if (source !== mine) return;
        waited = FIRST_WAIT_MS;
        state('live');
      } catch (error) {
        if (source === mine) trouble(error);
      }
    };
    mine.onerror = async () => {
      if (source !== mine) return;
      again();
      try {
        // A stream does not say why it ended: a question does.
        await object('/v1/status');
      } catch (error) {
        if (error instanceof Expired) trouble(error);
        else state('lost');
      }
    };
  };
  document.addEventListener('visibilitychange', () => {
    if (over) return;
    // A browser has few connections for one address: a page that nobody sees keeps none.
    if (document.hidden) close();
    else begin();
  });
  begin();
  return trouble;
}
