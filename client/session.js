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
    this.clear();
    this.clock = new Clock();
  }

  clear() {
    this.rows = [];
    this.dropped = 0;
    this.number = 0;                // of the newest row
    this.waiting = new Map();       // rows with one end, by the name of the other
    this.ofRight = new WeakMap();   // the row of a right end
    this.disordered = false;        // a row may have to go to another place
  }

  /** The trace begins again, perhaps of another server, whose clock is another. */
  newClock() {
    this.clock = new Clock();
    this.waiting.clear();
  }

  addLeft(left, name = null) {
    return this.#join('left', left, name);
  }

  addRight(right) {
    const known = this.ofRight.get(right);
    if (known) return this.#changed(known);
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
    const row = { number: this.number += 1, version: 0, left: null, right: null, name, clock: this.clock, [side]: end };
    if (name !== null) this.waiting.set(name, row);
    this.rows.push(row);
    return this.#changed(row);
  }

  #changed(row) {
    row.version += 1;
    this.disordered = true;
    return row;
  }

  // A frame that broke off has not crossed, and a Close frame's event waits for the end of the connection.
  #compareClocks({ left, right, clock, name }) {
    for (const early of right.early ?? []) early.notBefore = left.t;
    if (left.bad || name.endsWith('close out')) return;
    if (left.call) clock.there(left.t, right.t / 1000);
    else clock.back(right.t / 1000, left.t);
  }

  /** Puts the rows in the order of one clock, and drops what is too much. To be called before looking. */
  settle() {
    if (this.disordered) {
      for (const row of this.rows) row.at = startOf(row);
      this.rows.sort((a, b) => a.at - b.at || !a.left - !b.left || a.number - b.number);
      this.disordered = false;
    }
    const gone = this.rows.splice(0, Math.max(0, this.rows.length - this.most));
    for (const row of gone) if (this.waiting.get(row.name) === row) this.waiting.delete(row.name);
    this.dropped += gone.length;
  }
}

/**
 * When a row's arrow begins, in milliseconds of the browser's clock. notBefore: the connection of a page
 * was not there before the page asked for it, however little is known of the clock.
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
