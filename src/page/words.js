// What the page says in words. Pure: nothing here touches the page, the network or the clock.

const CONTROL = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;
const SHORT = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** A text in which what would break the line or turn its direction stands as an escape. */
export const escaped = (text) =>
  String(text ?? '').replace(CONTROL, (c) => SHORT[c] ?? `\\u{${c.codePointAt(0).toString(16)}}`);

/** "4.2 MB", "812 kB", "17 bytes". */
export function bytes(count) {
  for (const [unit, size] of [['TB', 1e12], ['GB', 1e9], ['MB', 1e6], ['kB', 1e3]]) {
    if (count >= 10 * size) return `${Math.floor(count / size)} ${unit}`;
    if (count >= size) return `${(Math.floor((count / size) * 10) / 10).toFixed(1)} ${unit}`;
  }
  return count === 1 ? '1 byte' : `${Math.floor(count)} bytes`;
}

/** A number of seconds as one says it: "30 s", "12 min", "3 h". */
export function about(seconds) {
  if (seconds < 100) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 6000) return `${Math.ceil(seconds / 60)} min`;
  if (seconds < 360000) return `${Math.ceil(seconds / 3600)} h`;
  return `${Math.ceil(seconds / 86400)} days`;
}

const two = (number) => String(number).padStart(2, '0');
const day = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

/** "14:03:05". */
export const clock = (date) => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;

/** "2026-11-28 14:03:05". */
export const dayAndTime = (text) => {
  const date = new Date(text);
  return `${day(date)} ${clock(date)}`;
};

/** The time alone if it is today, else the day. */
export function when(text, now) {
  const date = new Date(text);
  return day(date) === day(now) ? clock(date) : day(date);
}

/** "in 4 min", "2 h ago", "now". */
export function away(text, now) {
  const seconds = (new Date(text) - now) / 1000;
  if (Math.abs(seconds) < 1) return 'now';
  return seconds > 0 ? `in ${about(seconds)}` : `${about(-seconds)} ago`;
}

/** The last part of a path, and what is before it. */
export function split(path) {
  const at = path.lastIndexOf('/');
  return at < 0 ? ['', path] : [path.slice(0, at) || '/', path.slice(at + 1)];
}

/** Where a file lies, from the folder's own name on: "Runway/drafts". */
export function place(path, roots) {
  const [directory] = split(path);
  const within = (root) => directory === root || directory.startsWith(`${root === '/' ? '' : root}/`);
  const root = roots.filter(within).sort((a, b) => b.length - a.length)[0];
  return root === undefined ? directory : split(root)[1] + directory.slice(root.length);
}

/** image, video, audio or file. */
export function kind(mediaType) {
  const type = (mediaType ?? '').split('/')[0];
  return ['image', 'video', 'audio'].includes(type) ? type : 'file';
}

/** Whether the daemon gives a small picture of such a file. */
export const pictured = (row) =>
  ['image/jpeg', 'image/png', 'image/gif', 'image/webp'].includes(row.media_type) && row.size <= 20e6;

const CALLED = {
  'audio/mpeg': 'MP3', 'video/quicktime': 'MOV', 'video/x-matroska': 'MKV', 'video/x-msvideo': 'AVI',
  'video/3gpp': '3GP', 'video/MP2T': 'TS', 'video/x-motion-jpeg': 'MJPEG', 'video/ogg': 'OGV',
};

/** "PNG, 1920 × 1080", "MOV, 1:35 min". */
export function what(row) {
  const parts = [];
  const type = row.media_type;
  if (type) parts.push(CALLED[type] ?? type.split('/')[1].replace(/^x-/, '').toUpperCase());
  if (row.width && row.height) parts.push(`${row.width} × ${row.height}`);
  if (row.duration != null) parts.push(length(row.duration));
  return parts.join(', ');
}

const length = (seconds) =>
  seconds < 60 ? `${seconds.toFixed(1)} s` : `${Math.floor(seconds / 60)}:${two(Math.floor(seconds % 60))} min`;

/** The part of an assetId that tells it from others. */
export const short = (assetId) => assetId.replace(/^.*asset:/, '').slice(0, 8);

/** The fields of generation requests that take an asset of this type; the first is the usual one. */
export function fields(mediaType) {
  return {
    image: ['firstImage_assetId', 'imageAssetId1', 'startFrameAssetId', 'endFrameAssetId', 'character_assetId'],
    video: ['videoAssetId', 'driving_assetId', 'assetId'],
    audio: ['audioAssetId1', 'assetId'],
  }[kind(mediaType)] ?? ['assetId'];
}

/** JSON to paste into a generation request. */
export const generation = (row, field = fields(row.media_type)[0]) =>
  JSON.stringify({ [field]: row.asset_id }, null, 2);

/** The state of an account, in plain words. */
export const stopped = (state) =>
  ({ auth: 'token refused', subscription: 'no subscription', broken: 'in trouble', rate: 'slowed down', server: 'server trouble' })[state] ?? state;

/** What a state of a file means. */
export const means = {
  uploaded: 'it has its assetId',
  uploading: 'being sent',
  queued: 'to be sent',
  settling: 'seen, but not at rest, or its end is missing',
  unknown: 'sent whole, but the answer was lost; being looked up',
  held: 'the answer was lost and looking cannot tell: open the file and say what became of it',
  failed: 'the server or the disk said no: open the file to read why',
  ignored: 'a rule or its type says no',
};

/** What a person does about an account that is stopped: words, and what to type. */
export function remedy(state) {
  return {
    auth: ['put the new token where the old one came from; it is taken up by itself', 'taxiway doctor'],
    subscription: ['renew the subscription at useapi.net; it is tried again every few minutes', 'taxiway retry --all'],
    broken: ['mend the account at useapi.net', 'taxiway retry --all'],
    refused: ['check the email of the folder', 'taxiway config show'],
    rate: ['nothing: it goes on by itself', null],
    server: ['nothing: it goes on by itself', null],
  }[state] ?? ['', null];
}

/** "1 upload", "3 uploads". */
export const count = (number, word) => `${number.toLocaleString('en')} ${word}${number === 1 ? '' : 's'}`;

/** What happened to a file, oldest first, as `taxiway why` tells it. */
export function story(of) {
  const told = [[of.seen_at, 'seen for the first time']];
  for (const each of of.decisions ?? []) told.push([each.at, decided(each)]);
  for (const each of of.errands ?? []) {
    // A file that was moved away has that in its decisions.
    const moved = each.errand === 'after_upload' && each.outcome === 'done';
    if (each.ended_at && !moved) told.push([each.ended_at, done(each)]);
  }
  (of.tries ?? []).forEach((each, n) => told.push([each.began_at, tried(n + 1, each, of)]));
  return told
    .map(([at, words]) => ({ at, words }))
    .sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
}

function decided({ decision, detail }) {
  if (['relinked', 'back', 'gone', 'retried', 'moved'].includes(decision)) return detail;
  const said = { settled: 'at rest', resolved: 'resolved by a person', forgotten: 'forgotten, as a person said' };
  return `${said[decision] ?? decision}: ${detail}`;
}

function done({ errand, outcome, failures, detail }) {
  const became = { done: 'done', failed: `given up after ${failures} failures` }[outcome] ?? 'not needed';
  return `${errand} ${became}: ${detail ?? ''}`;
}

/** What is still to be done for a file, and what has failed so far. */
export function owed({ errand, failures, detail, next_try_at }, now) {
  let words = errand;
  if (failures > 0) words += ` failed ${count(failures, 'time')}`;
  if (detail) words += `: ${detail}`;
  if (next_try_at) words += `; next try ${clock(new Date(next_try_at))}, ${away(next_try_at, now)}`;
  return words;
}

function tried(number, attempt, of) {
  let words = `attempt ${number}, as “${attempt.name}”`;
  if (attempt.path !== of.path) words += `, from ${attempt.path}`;
  if (!attempt.of_content_now) words += ', of what it held before';
  if (attempt.account && attempt.account !== of.account) words += `, to ${attempt.account}`;
  return `${words}: ${became(attempt, of.state)}`;
}

function became({ outcome, status, detail, sent_at, looks }, state) {
  const lost = `sent whole, answer lost${status ? ` (status ${status})` : ''}`;
  const times = { 0: 'not looked at yet', 1: 'looked at once' }[looks] ?? `looked at ${looks} times`;
  const looked = `the account's list was ${times}`;
  switch (outcome) {
    case 'stored': return 'stored';
    case 'found': return `${lost}, and found in the account's list`;
    case 'absent': return `${lost}, and not in the account's list: not stored`;
    case 'cannot_tell': return `${lost}, and ${detail ?? ''}`;
    case 'not_sent': return `not sent whole: ${detail ?? ''}`;
    case 'refused': return `refused: ${detail ?? ''}`;
    case null: case undefined:
      if (sent_at) return `${lost}: ${detail ?? ''}; ${looked}`;
      return state === 'uploading' ? 'under way' : `broken off, so that its end is not known; ${looked}`;
    default: return `${outcome}: ${detail ?? ''}`;
  }
}
