// A list of many rows, of which only those in sight are in the document. It follows its end until the
// reader scrolls away, and is moved through with the arrow keys. What a row looks like is the caller's.

/** An element with a text. Text only, never HTML: what comes from outside is just shown. */
export function part(className, text = '', tag = 'span') {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

/** An element with others inside. */
export function box(className, ...children) {
  const element = part(className, '', 'div');
  element.append(...children);
  return element;
}

const SPARE = 4;                    // rows made above and below those in sight

export class List {
  #list; #space; #probe; #newest; #draw; #onSelect;
  #rows = [];
  #before = 0;                      // rows that were there once, before these
  #made = new Map();                // row: its element, and the version that it shows
  #height = 46;
  #inSight = 0;                     // pixels of the list that are in sight, and where they begin
  #at = 0;
  #following = true;
  #seen = 0;                        // rows that there were, #before too, when the reader left the end
  #opened = null;                   // the row that was selected last, until the list has its new size
  #revealed = null;                 // rows that there were, #before too, when the opened one came into sight
  #ours = false;                    // the list has scrolled itself, and the event for it is to come
  #top = null;                      // the row in the list's first line, and its index, while the reader is not at the end

  selected = null;

  /**
   * list: the element that scrolls; newest: the button that leads back to the end. draw(row, element)
   * fills a row's element; a row has a number, a version, and may be drawn often. onSelect(row or null).
   */
  constructor(list, newest, { draw, onSelect }) {
    [this.#list, this.#newest, this.#draw, this.#onSelect] = [list, newest, draw, onSelect];
    this.#space = list.appendChild(box('space'));
    this.#space.setAttribute('role', 'presentation');
    this.#probe = this.#space.appendChild(box('row probe'));
    this.#probe.setAttribute('aria-hidden', 'true');
    list.addEventListener('scroll', () => this.#scrolled());
    list.addEventListener('keydown', (event) => this.#key(event));
    list.addEventListener('click', (event) => this.#click(event));
    newest.addEventListener('click', () => this.toEnd());
    new ResizeObserver(() => this.#resized()).observe(list);
  }

  /**
   * Shows these rows; the array stays the caller's, who calls this again when it has changed. before: so many
   * rows have been dropped from its beginning.
   */
  show(rows, before = 0) {
    this.#rows = rows;
    this.#before = before;
    this.#seen ??= this.#count();
    this.#space.style.height = `${rows.length * this.#height}px`;
    this.#moveTo(this.#placeToKeep());
  }

  /** The rows that are shown next are others: none of them is new. */
  countAgain() {
    this.#seen = null;
  }

  /** Draws again what is in sight. */
  redraw() {
    this.#made.forEach((made) => { made.version = -1; });
    this.#make();
  }

  toEnd() {
    this.#following = true;
    this.#moveTo(this.#placeToKeep());
  }

  toStart() {
    this.#following = this.#end() === 0;
    this.#top = null;
    this.#moveTo(0);
  }

  select(row) {
    if (row === this.selected) return;
    this.selected = this.#opened = row;
    this.#revealed = null;
    if (row) this.#reveal(this.#rows.indexOf(row));
    this.redraw();
    if (row) this.#list.setAttribute('aria-activedescendant', `row-${row.number}`);
    else this.#list.removeAttribute('aria-activedescendant');
    this.#onSelect(row);
  }

  // The newest row, or the opened one until a newer row comes; or so that the reader's first row stays where
  // it is, whatever came above it.
  #placeToKeep() {
    if (this.#following) return this.#revealed === this.#count() ? Math.min(this.#at, this.#end()) : this.#end();
    const at = this.#top ? this.#indexNear(this.#top) : -1;
    if (at < 0) return Math.min(this.#at, this.#end());
    this.#top.index = at;
    return at * this.#height + this.#top.inside;
  }

  // Where a row is now that was at this index in the last picture: rows have been dropped before it, mostly.
  #indexNear({ row, index }) {
    const at = this.#rows.lastIndexOf(row, index);
    return at < 0 ? this.#rows.indexOf(row, index) : at;
  }

  #count() {
    return this.#before + this.#rows.length;
  }

  #end() {
    return Math.max(0, this.#rows.length * this.#height - this.#inSight);
  }

  // To ask the browser where the list stands would make it lay out the page each time, so that is known
  // here; and it is told last, when all rows are in their places.
  #moveTo(place) {
    const moved = place !== this.#at;
    this.#at = place;
    this.#make();
    if (moved) this.#list.scrollTop = place;
  }

  // The list itself never leaves its end, so it was the reader who did.
  #scrolled() {
    if (this.#list.clientHeight !== this.#inSight) return;         // but its new size; #resized() is called next
    this.#at = this.#list.scrollTop;
    if (this.#ours) {
      this.#ours = false;
      return this.#make();
    }
    const following = this.#end() - this.#at < this.#height / 2;
    if (this.#following && !following) this.#seen = this.#count();
    this.#following = following;
    const index = Math.floor(this.#at / this.#height);
    this.#top = { row: this.#rows[index], index, inside: this.#at % this.#height };
    this.#make();
  }

  // A row that has just been opened stays in sight, though its drawing has taken room from the list. That
  // is not the reader who scrolls: the list goes on to follow its end.
  #resized() {
    this.#height = this.#probe.offsetHeight || this.#height;
    this.#inSight = this.#list.clientHeight;
    this.show(this.#rows, this.#before);
    if (!this.#opened) return;
    const before = this.#at;
    this.#reveal(this.#rows.indexOf(this.#opened));
    this.#ours = this.#at !== before;
    if (this.#ours) this.#revealed = this.#count();
    this.#opened = null;
  }

  #make() {
    const first = Math.max(0, Math.floor(this.#at / this.#height) - SPARE);
    const wanted = this.#rows.slice(first, Math.ceil((this.#at + this.#inSight) / this.#height) + SPARE);
    const keep = new Set(wanted);
    for (const [row, { element }] of this.#made) {
      if (keep.has(row)) continue;
      element.remove();
      this.#made.delete(row);
    }
    let before = this.#probe;
    wanted.forEach((row, i) => { before = this.#place(row, first + i, before); });
    this.#sayNews();
  }

  // In the document too, one row stands behind the other, for those who read or mark several.
  #place(row, index, before) {
    if (!this.#made.has(row)) this.#made.set(row, { element: box(), version: -1 });
    const made = this.#made.get(row);
    if (before.nextSibling !== made.element) before.after(made.element);
    if (made.version !== row.version) this.#fill(row, made);
    made.element.style.transform = `translateY(${index * this.#height}px)`;
    made.element.setAttribute('aria-posinset', index + 1);
    made.element.setAttribute('aria-setsize', this.#rows.length);
    return made.element;
  }

  #fill(row, made) {
    const { element } = made;
    element.id = `row-${row.number}`;
    element.className = 'row';
    element.setAttribute('role', 'option');
    element.setAttribute('aria-selected', String(row === this.selected));
    this.#draw(row, element);
    made.version = row.version;
  }

  #sayNews() {
    const news = this.#count() - this.#seen;
    this.#newest.hidden = this.#following;
    this.#newest.textContent = news > 0 ? `${news.toLocaleString('en')} new ↓` : 'newest ↓';
  }

  // ---- Keyboard and pointer ----

  #key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.selected ? this.#rows.indexOf(this.selected) : -1;
    const page = Math.max(1, Math.floor(this.#inSight / this.#height) - 1);
    const last = this.#rows.length - 1;
    const wanted = {
      ArrowDown: () => at < 0 ? this.#firstInSight() : at + 1,
      ArrowUp: () => at < 0 ? last : at - 1,
      PageDown: () => at + page,
      PageUp: () => at - page,
      Home: () => 0,
      End: () => last,
    }[event.key]?.();
    if (wanted === undefined || last < 0) return;
    event.preventDefault();
    this.select(this.#rows[Math.min(Math.max(wanted, 0), last)]);
  }

  #firstInSight() {
    return Math.ceil(this.#at / this.#height);
  }

  // A click opens a row; a pointer that has marked text, to copy it, does not.
  #click({ target }) {
    const element = target.closest('.row');
    if (!element || !getSelection().isCollapsed) return;
    const row = [...this.#made].find(([, made]) => made.element === element)?.[0];
    if (row) this.select(row === this.selected ? null : row);
  }

  #reveal(index) {
    if (index < 0) return;
    const [top, below] = [index * this.#height, (index + 1) * this.#height - this.#inSight];
    if (top < this.#at) this.#moveTo(top);
    else if (below > this.#at) this.#moveTo(below);
  }
}
