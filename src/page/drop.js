// Files that are dropped on the page, or chosen, are copied into a folder, one after the other.

import { $, el, foreign, icon, toast } from './dom.js';
import { Refusal, drop } from './net.js';
import { bytes, count, split } from './words.js';

let folders = [];
let waiting = [];
let asked = [];
let copying = null;
let changed = () => {};
let trouble = () => {};

/** `moved` is called while something is copied, `failed` told what went wrong. */
export function begin({ moved, failed }) {
  changed = moved;
  trouble = failed;
  let depth = 0;
  const files = (event) => event.dataTransfer?.types.includes('Files');
  const over = (is) => {
    depth = is ? depth : 0;
    $('veil').hidden = !is;
  };
  addEventListener('dragenter', (event) => {
    if (!files(event)) return;
    event.preventDefault();
    depth += 1;
    over(true);
  });
  addEventListener('dragleave', (event) => files(event) && (depth -= 1) <= 0 && over(false));
  addEventListener('dragover', (event) => files(event) && event.preventDefault());
  addEventListener('drop', (event) => {
    if (!files(event)) return;
    event.preventDefault();
    over(false);
    take(dropped(event.dataTransfer));
  });
  $('add').onclick = () => $('files').click();
  $('files').onchange = () => {
    take([...$('files').files]);
    $('files').value = '';
  };
  $('c-cancel').onclick = () => $('choose').close();
}

/** Which folders there are. */
export function places(status) {
  folders = status.folders.map((folder, place) => ({ ...folder, number: status.folder_ids[place] }));
  const there = open();
  $('veil-to').textContent = there.length === 1 ? split(there[0].path)[1] : 'a folder';
  $('add').disabled = there.length === 0;
}

const open = () => folders.filter((folder) => folder.mode !== 'away');

/** What is under way, as the list of uploads shows it. */
export const progress = () => copying && { ...copying, waiting: waiting.length };

function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.());
  const directories = entries.filter((entry) => entry?.isDirectory).map((entry) => entry.name);
  if (directories.length) toast(`${directories.join(', ')}: drop the files, not the directory`, '', true);
  return [...transfer.files].filter((file) => !directories.includes(file.name));
}

function take(files) {
  if (!files.length) return;
  const there = open();
  if (!there.length) return toast('there is no folder to copy into', 'taxiway init', true);
  if (there.length === 1) return put(files, there[0]);
  // What came before, and of which the folder is still asked, goes there too.
  if ($('choose').open) files = [...asked, ...files];
  asked = files;
  const choices = there.map((folder) => {
    const choice = el('button', { type: 'button' }, icon('folder'), el('span', {}, foreign(split(folder.path)[1]), el('small', {}, foreign(folder.path))));
    choice.onclick = () => {
      $('choose').close();
      put(files, folder);
    };
    return choice;
  });
  $('c-title').textContent = `copy ${count(files.length, 'file')} into`;
  $('c-folders').replaceChildren(...choices);
  if (!$('choose').open) $('choose').showModal();
}

function put(files, folder) {
  waiting.push(...files.map((file) => ({ file, folder })));
  if (!copying) run();
}

async function run() {
  let copied = 0;
  let last = null;
  while (waiting.length) {
    const { file, folder } = waiting.shift();
    copying = { name: file.name, size: file.size, sent: 0, folder: folder.path };
    changed();
    try {
      await drop(folder.number, file, (sent) => {
        if (copying) copying.sent = sent;
        changed();
      });
      copied += 1;
      last = folder;
    } catch (error) {
      if (error instanceof Refusal) {
        toast(`${file.name}: ${error.message}`, error.hint, true);
      } else {
        const more = waiting.length ? `, nor ${count(waiting.length, 'more file')}` : '';
        toast(`${file.name} (${bytes(file.size)}) was not copied${more}`, '', true);
        waiting = [];
        trouble(error);
      }
    }
  }
  copying = null;
  changed();
  if (copied) toast(`copied ${count(copied, 'file')} into ${split(last.path)[1]}`);
}
