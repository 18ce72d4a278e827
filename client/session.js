// What has happened, as the rows of the ladder: each has an end at the browser's side, an end at the
// server's, or both. Ends that belong together are joined by their name (track.js), whichever comes first.
// It touches no page.
//
//   left   { api, call, text, t, note, bad, ... }   what the page called, or what the browser reported
//   right  { kind, n, t, conn, dir, ... }           as the tracker makes them
//
// A left end's t is in milliseconds of the browser's clock, a right end's in microseconds of the server's.

import { Clock } from './clock.js';

export class Session {
  /** most: so many rows are kept; older ones are dropped, and counted. */
  constructor(most = 50_000) {
    this.most = most;
    this.passes = () => true;
    this.clock = new Clock();
    this.clear();
  }

  clear() {
    this.rows = [];
    this.shown = [];                // those that pass the filter
    this.dropped = 0;
    this.droppedShown = 0;          // of the dropped rows, those that had passed
    this.number = 0;                // of the newest row
    this.waiting = new Map();       // rows with one end, by the name of the other
    this.ofRight = new WeakMap();   // the row of a right end
    this.called = new Map();        // when the page made the last call that a connection has seen at the right
    this.changed = [];              // rows that settle() has not seen yet as they are now
    this.ahead = this.clock.ahead;  // what the clock said when it last did
  }

  /** The trace begins again, perhaps of another server, whose clock is another. */
  newClock() {
    this.clock = new Clock();
    this.waiting.clear();
    this.called.clear();
  }

  addLeft(left, name = null) {
    return this.#join('left', left, name);
  }

  addRight(right) {
    const known = this.ofRight.get(right);
    if (known) return this.#changed(known);
    if (right.dir === 'out') right.notBefore ??= this.called.get(right.conn);
    const row = this.#join('right', right, right.joins);
    this.ofRight.set(right, row);
    return row;
  }

  #join(side, end, name) {
    const partner = name === null ? undefined : this.waiting.get(name);
    if (!partner || partner[side]) return this.#newRow(side, end, name);
    this.waiting.delete(name);
    partner[side] = end;
    this.#compareClocks(partner);
    return this.#changed(partner);
  }

  #newRow(side, end, name) {
    const row = { number: this.number += 1, version: 0, left: null, right: null, name, clock: this.clock, at: Infinity, passes: false, [side]: end };
    if (name !== null) this.waiting.set(name, row);
    this.rows.push(row);
    return this.#changed(row);
  }

  #changed(row) {
    row.version += 1;
    this.changed.push(row);
    return row;
  }

  // A frame that broke off has not crossed, and a Close frame's event waits for the end of the connection.
  #compareClocks({ left, right, clock, name }) {
    for (const early of right.early ?? []) early.notBefore = left.t;
    if (left.call) this.called.set(right.conn, left.t);
    if (left.bad || name.endsWith('close out')) return;
    if (left.call) clock.there(left.t, right.t / 1000);
    else clock.back(right.t / 1000, left.t);
  }

  /** From now on the rows that pass are shown: passes(row). */
  choose(passes) {
    this.passes = passes;
    this.changed = [...this.rows];
    this.droppedShown = 0;
  }

  /**
   * Puts the rows in the order of one clock, finds those that are shown, and drops what is too much. To be
   * called before looking. It touches the rows that have changed and those that come later, and no others:
   * however many there are, a picture of the newest ones takes no longer.
   */
  settle() {
    const since = this.#date();
    takeSince(this.shown, since);
    for (const row of takeSince(this.rows, since).sort(inOrder)) {
      this.rows.push(row);
      if (row.passes) this.shown.push(row);
    }
    this.#drop(this.rows.length - this.most);
  }

  // Gives the rows that have changed their times. Returns from which time on rows have to move. If the clock
  // is known better than before, all of them have, which is rarer the longer it goes on.
  #date() {
    const changed = this.clock.ahead === this.ahead ? this.changed : [...this.rows];
    this.ahead = this.clock.ahead;
    this.changed = [];
    let since = Infinity;
    for (const row of changed) {
      const [at, passes] = [startOf(row), this.passes(row)];
      if (at === row.at && passes === row.passes) continue;
      since = Math.min(since, at, row.at);
      Object.assign(row, { at, passes });
    }
    return since;
  }

  #drop(most) {
    const gone = this.rows.splice(0, Math.max(0, most));
    for (const row of gone) if (this.waiting.get(row.name) === row) this.waiting.delete(row.name);
    const shown = gone.filter(({ passes }) => passes).length;
    this.shown.splice(0, shown);
    this.droppedShown += shown;
    this.dropped += gone.length;
  }
}

// What the page did comes before what it caused, where the clock cannot tell.
const inOrder = (a, b) => a.at - b.at || !a.left - !b.left || a.number - b.number;

// Takes the rows of this time and later from the end, and returns them.
function takeSince(rows, since) {
  let first = rows.length;
  while (first > 0 && rows[first - 1].at >= since) first -= 1;
  return rows.splice(first);
}

/**
 * When a row's arrow begins, in milliseconds of the browser's clock. notBefore: the connection of a page
 * was not there before the page asked for it, and a reply not before the call, however coarse the clock is.
 */
export function startOf({ left, right, clock }) {
  if (!right) return left.t;
  return left && right.dir === 'in' ? left.t : Math.max(clock.browserTime(right.t), right.notBefore ?? -Infinity);
}

/** How long a row's arrow took; null if one of its ends is not known, or not when. */
export function tookOf({ left, right, clock }) {
  if (!left || !right || !clock.known) return null;
  const ms = left.t - clock.browserTime(right.t);
  return right.dir === 'in' ? -ms : ms;
}

/** How an echo's time splits: { all, there, server, back } in milliseconds. The last three may be null. */
export function splitOf(row) {
  const sent = row.left?.sent;
  if (!sent) return null;
  const all = row.left.t - sent.left.t;
  if (!sent.right || !row.right || !row.clock.known || sent.clock !== row.clock) {
    return { all, there: null, server: null, back: null };
  }
  const there = Math.max(tookOf(sent), 0);
  const back = Math.max(tookOf(row), 0);
  return { all, there, server: Math.max(all - there - back, 0), back };
}
