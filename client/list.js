// A list of rows that keeps the newest ones, follows its end, and is moved through with the
// arrow keys. The log and the trace are two of these; rows of theirs that belong together
// carry the same name, and are marked together.

import { count } from './words.js';

/** The row's element, or a part of it. Text only, never HTML: what comes from outside is just shown. */
export function part(className, text, tag = 'span') {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

const PICTURES = 3;                 // until what was out of sight has its true height

export class RowList {
  #list; #dropped; #most; #name; #inBlock;
  #count = 0;
  #lost = 0;
  #stop = null;
  #pictures = 0;      // still to come, in which the list follows its end
  #top = null;        // where it was put in the last one

  /**
   * list: the element that scrolls; dropped: a line for what is gone; most: how many rows stay.
   * inBlock: so many rows are put into an element of their own. The browser leaves out whole
   * blocks that are out of sight; ten thousand rows one by one would keep it busy.
   */
  constructor(list, dropped, { most, name, inBlock = 0 }) {
    [this.#list, this.#dropped, this.#most, this.#name, this.#inBlock] = [list, dropped, most, name, inBlock];
    list.addEventListener('keydown', (event) => moveFocus(list, event));
    list.addEventListener('focusin', (event) => this.#stopAt(event.target));
  }

  get count() {
    return this.#count;
  }

  append(rows) {
    this.#follow();
    for (const row of rows) this.#placeForRow().append(row);
    this.#count += rows.length;
    while (this.#count > this.#most) this.lose(firstRow(this.#list));
    this.#say();
  }

  // Whether the reader is at the end, and so wants to stay there. Asking where the list stands
  // makes the browser lay it out, so that is done once for each picture.
  #follow() {
    const list = this.#list;
    const following = this.#pictures > 0;
    if (!following && list.scrollHeight - list.scrollTop - list.clientHeight >= 8) return;
    this.#pictures = PICTURES;
    if (!following) requestAnimationFrame(() => this.#toEnd());
  }

  // To the newest row, unless the reader scrolls up meanwhile, or is at a row with the keyboard.
  #toEnd() {
    const list = this.#list;
    const reading = list !== document.activeElement && list.contains(document.activeElement);
    const left = this.#top !== null && list.scrollTop < this.#top - 4;
    this.#pictures = reading || left ? 0 : this.#pictures - 1;
    if (!reading && !left) list.scrollTop = list.scrollHeight;
    this.#top = this.#pictures ? list.scrollTop : null;
    if (this.#pictures) requestAnimationFrame(() => this.#toEnd());
  }

  #placeForRow() {
    if (this.#inBlock === 0) return this.#list;
    let block = this.#list.lastElementChild;
    if (!block || block.childElementCount >= this.#inBlock) {
      block = part('block', '', 'div');
      this.#list.append(block);
    }
    block.style.setProperty('--rows', block.childElementCount + 1);
    return block;
  }

  /** Drops a row for good; one without an element is only counted. */
  lose(row) {
    this.#lost += 1;
    if (!row || !this.#list.contains(row)) return;
    const block = row.parentElement;
    this.#top = null;
    row.remove();
    this.#count -= 1;
    if (block !== this.#list && block.childElementCount === 0) block.remove();
  }

  #say() {
    this.#dropped.hidden = this.#lost === 0;
    this.#dropped.textContent = `${this.#name} keeps ${count(this.#most, 'row')}. `
      + `Dropped from its beginning: ${count(this.#lost, 'row')}.`;
  }

  /** Takes the rows out, to put others in. */
  empty() {
    this.#list.replaceChildren();
    this.#count = 0;
  }

  clear() {
    this.empty();
    this.#lost = 0;
    this.#say();
  }

  // Tab leaves the list from any row, and comes back to the one it left.
  #stopAt(element) {
    if (element === this.#list || element.getAttribute('tabindex') !== '-1') return;
    if (this.#stop) this.#stop.tabIndex = -1;
    this.#stop = element;
    element.tabIndex = 0;
  }
}

// ---- The keyboard --------------------------------------------------------------

// The Tab key stops once at each list, for thousands of stops would be none. From there on, the
// arrow keys lead through the rows. A row's stop is the element with a tabindex.
const stopOf = (row) => row.matches('[tabindex]') ? row : row.querySelector('[tabindex]');

function moveFocus(list, event) {
  const row = event.target.closest('[data-row]');
  const wanted = {
    ArrowDown: () => row ? beside(row, true) : firstRow(list),
    ArrowUp: () => row ? beside(row, false) : lastRow(list),
    Home: () => firstRow(list),
    End: () => lastRow(list),
  }[event.key]?.();
  if (!wanted || event.altKey || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  stopOf(wanted).focus();
}

function firstRow(list) {
  const first = list.firstElementChild;
  return first?.matches('.block') ? first.firstElementChild : first;
}

function lastRow(list) {
  const last = list.lastElementChild;
  return last?.matches('.block') ? last.lastElementChild : last;
}

// The row after this one, or before it, where need be in the block beside.
function beside(row, onward) {
  const way = onward ? 'nextElementSibling' : 'previousElementSibling';
  if (row[way] || !row.parentElement.matches('.block')) return row[way];
  const block = row.parentElement[way];
  return block && (onward ? block.firstElementChild : block.lastElementChild);
}

// ---- What belongs together -----------------------------------------------------

let marked = null;                  // the name, and the rows that have it
let together = [];

// A pointer that rests on a row comes before the row that has the focus.
function mark(hovered) {
  const focused = document.activeElement?.closest('[data-group]');
  const group = (hovered ?? focused)?.dataset.group ?? null;
  if (group === marked) return;
  marked = group;
  for (const row of together) row.classList.remove('together');
  together = [...rowsOf(group)];
  for (const row of together) row.classList.add('together');
}

function rowsOf(group) {
  return group === null ? [] : document.querySelectorAll(`[data-group="${CSS.escape(group)}"]`);
}

// By keyboard there is no looking around: the other list scrolls to the row that belongs here.
// Heights of what was out of sight are guesses, so it looks again once that is drawn.
function reveal(row, again = true) {
  const list = row.closest('[data-rows]');
  const other = together.find((one) => one.closest('[data-rows]') !== list);
  if (!other) return;
  const place = other.closest('[data-rows]');
  const [inner, outer] = [other.getBoundingClientRect(), place.getBoundingClientRect()];
  if (inner.top < outer.top || inner.bottom > outer.bottom) place.scrollTop += inner.top - outer.top - 8;
  if (again) requestAnimationFrame(() => reveal(row, false));
}

// A list that scrolls under a pointer at rest makes a pointerover too. That one is not meant.
let pointer = '';
const placeOf = ({ screenX, screenY }) => `${screenX} ${screenY}`;
document.addEventListener('pointermove', (event) => { pointer = placeOf(event); });
document.addEventListener('pointerover', (event) => {
  if (placeOf(event) !== pointer) mark(event.target.closest('[data-group]'));
});
document.addEventListener('focusout', () => mark(null));
document.addEventListener('focusin', (event) => {
  mark(null);
  const row = event.target.closest('[data-group]');
  if (row && event.target.matches(':focus-visible')) reveal(row);
});
