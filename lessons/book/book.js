// What every page of the book can do: open the menu, copy commands, search. Without it, the text is whole.
'use strict';

const up = document.body.dataset.up;

// ---- the menu of a small screen ----

const menu = document.getElementById('menu');
const side = document.getElementById('side');

menu.addEventListener('click', () => {
  menu.setAttribute('aria-expanded', String(side.classList.toggle('open')));
});
side.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });

// ---- copying ----

// What there is to type: where prompts stand, the lines behind one, with those that continue it.
function commandsIn(text) {
  const typed = [];
  let continues = false;
  for (const line of text.split('\n')) {
    const found = /^(?:\$|\(gdb\)) (.*)$/.exec(line) ?? (continues ? /^> (.*)$/.exec(line) : null);
    continues = found !== null;
    if (found) typed.push(found[1]);
  }
  return typed.length > 0 ? typed.join('\n') : text.trimEnd();
}

function addCopyButton(pre) {
  const block = document.createElement('div');
  const button = document.createElement('button');
  block.className = 'block';
  button.type = 'button';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    await copy(commandsIn(pre.textContent));
    button.textContent = 'Copied';
    setTimeout(() => { button.textContent = 'Copy'; }, 1500);
  });
  pre.replaceWith(block);
  block.append(pre, button);
}

// The clipboard's own way is closed to pages that came over http from another machine.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

for (const pre of document.querySelectorAll('main pre')) {
  if (pre.matches('.console') || pre.textContent.startsWith('make ')) addCopyButton(pre);
}

// ---- printing shows what is folded ----

for (const [event, open] of [['beforeprint', true], ['afterprint', false]]) {
  addEventListener(event, () => document.querySelectorAll('details').forEach((d) => { d.open = open; }));
}

// ---- the search ----

const MOST = 12;        // results
const AROUND = 70;      // characters of text before a word that was found, and twice as many behind it
const find = document.getElementById('find');
const found = document.getElementById('found');
let index;              // a promise, once somebody wants to search

function load(file) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    script.src = up + file;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
}

async function makeIndex() {
  await Promise.all([load('minisearch.js'), load('entries.js')]);
  const search = new MiniSearch({
    fields: ['heading', 'page', 'text'],
    tokenize: (text) => text.match(/[\p{L}\p{N}_]+/gu) ?? [],
    searchOptions: { boost: { heading: 4, page: 3 }, prefix: true, combineWith: 'AND',
      fuzzy: (word) => word.length > 5 ? 0.15 : false,
      boostDocument: (id) => entries[id].href.startsWith('source/') ? 0.3 : 1 },
  });
  search.addAll(entries.map((entry, id) => ({ id, ...entry })));
  return search;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

// The text around the first word that was found, with the words marked.
function excerpt(text, words) {
  const pattern = new RegExp(words.map((word) => word.replace(/[^\p{L}\p{N}_]/gu, '\\$&')).join('|') || '$^', 'iu');
  const at = Math.max(0, text.search(pattern) - AROUND);
  const small = element('small', at > 0 ? '… ' : '');
  let rest = text.slice(at, at + 3 * AROUND);
  for (let hit; (hit = pattern.exec(rest)) && hit[0]; rest = rest.slice(hit.index + hit[0].length)) {
    small.append(rest.slice(0, hit.index), element('mark', hit[0]));
  }
  small.append(rest, ' …');
  return small;
}

async function search() {
  const words = find.value.trim();
  index ??= makeIndex();
  const results = words.length < 2 ? [] : (await index).search(words);
  const weight = ({ id, score }) => entries[id].text.toLowerCase().includes(words.toLowerCase()) ? 3 * score : score;
  results.sort((a, b) => weight(b) - weight(a)).splice(MOST);
  if (words !== find.value.trim()) return;          // somebody has typed on
  found.replaceChildren(...results.map((result) => {
    const entry = entries[result.id];
    const link = element('a', entry.page + (entry.heading ? ` › ${entry.heading}` : ''));
    link.href = up + entry.href;
    link.append(excerpt(entry.text, result.terms));
    return link;
  }));
  if (results.length === 0) found.append(element('p', `Nothing has the words “${words}”.`));
  found.hidden = words.length < 2;
}

find.addEventListener('input', search);
find.addEventListener('focus', search);
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') found.hidden = true;
  if (event.key === 'Enter' && event.target === find) found.querySelector('a')?.click();
  if (event.key === '/' && !/INPUT|TEXTAREA|SELECT/.test(event.target.tagName)) {
    event.preventDefault();
    find.focus();
  }
});
document.addEventListener('click', (event) => {
  if (!event.target.closest('.find') || event.target.closest('#found a')) found.hidden = true;
});
