// From the server's events to rows: this file joins the lines of a request and its response to
// one row, finds the page's own connections, and tells which frames make up which message.
// It touches no page, so the tests can use it without a browser.
//
// The browser and the server number nothing alike. But both see the same address, with the
// page's random number in it, and on one connection the messages come in order. So the row of
// a frame gets a name such as "5f3a in 0", for the first message that came in, and the row of
// the log for the first send() gets the same. Rows with one name belong together.

import { decodeFrame, isUpgrade, requestOf } from './wire.js';

const CLOSE = 8;

export function groupOf(id, what, index) {
  return index === undefined ? `${id} ${what}` : `${id} ${what} ${index}`;
}

export class Tracker {
  constructor() {
    this.talks = new Map();         // by the server's number, while they last
    this.ids = new Set();           // the random numbers of this page
  }

  /** This page is about to connect to an address with this id in it. */
  expect(id) {
    this.ids.add(id);
  }

  /** The view begins anew: what happened in between was not seen. */
  forget() {
    this.talks.clear();
  }

  /** Takes the server's next event, and returns the rows that are new or have changed. */
  add(event) {
    if (event.event === 'missed') return [this.missed(event)];
    const talk = this.talkOf(event);
    if (event.event === 'line') return this.line(talk, event);
    if (event.event === 'disconnected') this.talks.delete(event.conn);
    return [event.event === 'frame' ? frameRow(talk, event) : remember(talk, smallRow(talk, event))];
  }

  // A connection that began before the view did is known by its number only.
  talkOf({ conn, event }) {
    if (!this.talks.has(conn)) {
      this.talks.set(conn, {
        conn, id: null, http: null, early: [], sure: event === 'connected',
        in: { begun: 0, inside: 0 }, out: { begun: 0, inside: 0 },
      });
    }
    return this.talks.get(conn);
  }

  line(talk, event) {
    const row = talk.http ??= httpRow(talk, event);
    row.lines[event.dir].push(event.text + (event.cut ? ' …' : ''));
    if (event.dir === 'in' && row.lines.in.length === 1) this.identify(talk, event.text);
    row.upgrade = isUpgrade(row.lines.in);
    row.id = talk.id;
    row.group = talk.id && groupOf(talk.id, 'open');
    return [...talk.early.splice(0), row];
  }

  // A row of before its connection was known to be the page's own changes too.
  identify(talk, line) {
    const [, id] = requestOf(line).target.match(/[?&]page=([^&]*)/) ?? [];
    if (!this.ids.has(id)) return void talk.early.splice(0);
    talk.id = id;
    for (const row of talk.early) row.id = id;
  }

  // Frames can no longer be counted, so those of the present connections get no name.
  missed(event) {
    for (const talk of this.talks.values()) talk.sure = false;
    return { ...smallRow({ id: null }, event), everyone: true };
  }
}

function rowOf(kind, talk, event) {
  const { n, t, conn, dir = null } = event;
  return { kind, n, t, conn, dir, id: talk.id, group: null, everyone: false };
}

function smallRow(talk, event) {
  return { ...rowOf('small', talk, event), event };
}

function remember(talk, row) {
  if (!talk.http) talk.early.push(row);
  return row;
}

function httpRow(talk, event) {
  return { ...rowOf('http', talk, event), lines: { in: [], out: [] }, upgrade: false };
}

function frameRow(talk, event) {
  const way = talk[event.dir];
  const opcode = parseInt(event.bytes.slice(1, 2), 16);
  const continues = opcode === 0 ? way.inside : null;
  const frame = decodeFrame(event, continues);
  if (talk.sure) frame.notes.push(...outOfOrder(way, frame));
  const group = talk.sure && talk.id ? nameOf(talk, way, frame) : null;
  if (frame.opcode < CLOSE) way.inside = frame.fin ? 0 : frame.messageOpcode ?? 0;
  return { ...rowOf('frame', talk, event), frame, group };
}

function outOfOrder({ inside }, { opcode }) {
  if (opcode === 0 && inside === 0) return ['It continues a message, but none was begun (section 5.4).'];
  if ((opcode === 1 || opcode === 2) && inside !== 0) {
    return ['It begins a message before the last one had ended (section 5.4).'];
  }
  return [];
}

// Called once for each frame, in order, for it counts the messages. Pings and pongs are
// between the browser and the server: no event tells the page of them.
function nameOf(talk, way, { dir, opcode }) {
  if (opcode === CLOSE) return groupOf(talk.id, 'close');
  if (opcode === null || opcode > 2 || opcode === 0 && way.inside === 0) return null;
  if (opcode !== 0) way.begun += 1;
  return groupOf(talk.id, dir, way.begun - 1);
}
