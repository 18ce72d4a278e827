// From the server's events to right ends of the ladder: this file joins the lines of a request, and those
// of its response, to one end each, finds the page's own connections, and tells which frames make up which
// message. It touches no page, so the tests can use it without a browser.
//
// The browser and the server number nothing alike. But both see the same address, with the page's random
// number in it, and on one connection the messages come in order. So the first message that came in gets
// the name "5f3a in 0", and so does the first send(). Two ends with one name are one row.

import { agreesToDeflate, decodeFrame, inflate, isUpgrade, requestOf } from './wire.js';

const CLOSE = 8;
const INFLATED = 1 << 20;           // bytes that are inflated of a payload; no more are shown or counted

/** The name that both ends of a row share. what: request, response, in, out, "close in", "close out". */
export function nameOf(id, what, index) {
  return index === undefined ? `${id} ${what}` : `${id} ${what} ${index}`;
}

export class Tracker {
  constructor() {
    this.connections = new Map();   // by the server's number, until they end
    this.ids = new Set();           // the random numbers of this page
  }

  /** This page is about to connect to an address with this id in it. */
  expect(id) {
    this.ids.add(id);
  }

  /** The trace begins again: nobody recorded for us what happened in between. */
  forget() {
    this.connections.clear();
  }

  /** Takes the server's next event, and returns the ends that are new or have changed. */
  add(event) {
    if (event.event === 'dropped') return [this.dropped(event)];
    const connection = this.connectionOf(event);
    if (event.event === 'line') return this.line(connection, event);
    if (event.event === 'disconnected') this.connections.delete(event.conn);
    return [event.event === 'frame' ? frameEnd(connection, event) : remember(connection, noteEnd(connection, event))];
  }

  // If a connection began before the trace, only its number is known.
  connectionOf({ conn, event }) {
    if (!this.connections.has(conn)) {
      this.connections.set(conn, {
        conn, id: null, http: null, ends: {}, early: [], sure: event === 'connected', deflate: false,
        in: { begun: 0, inside: 0 }, out: { begun: 0, inside: 0 },
      });
    }
    return this.connections.get(conn);
  }

  line(connection, event) {
    const { http, dir } = { http: connection.http ??= { in: [], out: [], upgrade: false }, dir: event.dir };
    http[dir].push(event.text + (event.cut ? ' …' : ''));
    if (dir === 'in' && http.in.length === 1) this.identify(connection, event.text);
    http.upgrade = isUpgrade(http.in);
    connection.deflate = agreesToDeflate(http.out);
    const early = connection.early.splice(0);
    return [...early, connection.ends[dir] ??= { ...httpEnd(connection, event), early }];
  }

  // The ends before the request change too, once we know that the connection is this page's.
  identify(connection, line) {
    const [, id] = requestOf(line).target.match(/[?&]page=([^&]*)/) ?? [];
    if (!this.ids.has(id)) return void connection.early.splice(0);
    connection.id = id;
    for (const end of connection.early) end.id = id;
  }

  // A connection's end may be among the events that were dropped, and would then never come. So
  // all connections of others are forgotten: one that lasts is known again by its next event. The
  // page's own are few, and stay; but nobody can count their frames any more, so these get no name.
  dropped(event) {
    for (const connection of this.connections.values()) {
      connection.sure = false;
      if (connection.id === null) this.connections.delete(connection.conn);
    }
    return { ...noteEnd({ id: null }, event), everyone: true };
  }
}

// joins: the name of the end at the browser's side that this one belongs to. message: the name of the
// message of which the frame is a part.
function endOf(kind, connection, event) {
  const { n, t, conn, dir = null } = event;
  return { kind, n, t, conn, dir, id: connection.id, joins: null, message: null, everyone: false };
}

function noteEnd(connection, event) {
  return { ...endOf('note', connection, event), event };
}

function remember(connection, end) {
  if (!connection.http) connection.early.push(end);
  return end;
}

function httpEnd(connection, event) {
  const kind = event.dir === 'in' ? 'request' : 'response';
  return { ...endOf(kind, connection, event), http: connection.http, joins: connection.id && nameOf(connection.id, kind) };
}

function frameEnd(connection, event) {
  const way = connection[event.dir];
  const opcode = event.bytes.length < 2 ? null : parseInt(event.bytes[1], 16);
  const first = parseInt(event.bytes.slice(0, 2), 16);
  const disorder = connection.sure ? disorderOf(way, opcode) : null;
  const name = connection.sure && connection.id ? messageName(connection, way, event.dir, opcode) : null;
  const end = { ...endOf('frame', connection, event), opcode, fin: first >= 0x80, message: name, disorder,
    length: event.length, cut: event.cut === true, bytes: event.bytes, deflate: connection.deflate,
    continues: opcode === 0 ? way.inside : null, compressed: opcode === 0 && way.compressed === true };
  end.joins = joinsEvent(end) ? name : null;
  if (opcode < CLOSE) follow(way, end, connection.deflate && (first & 0x40) !== 0);
  return end;
}

// What a continuation will continue.
function follow(way, end, compressed) {
  if (end.opcode !== 0) way.compressed = compressed;
  way.inside = end.fin ? 0 : end.opcode || way.inside;
}

function disorderOf({ inside }, opcode) {
  if (opcode === 0 && inside === 0) return 'It continues a message, but none was begun (section 5.4).';
  if ((opcode === 1 || opcode === 2) && inside !== 0) {
    return 'It begins a message before the last one had ended (section 5.4).';
  }
  return null;
}

// Called once for each frame, in order, because it counts the messages. Pings and pongs are
// between the browser and the server: no event tells the page of them.
function messageName({ id }, way, dir, opcode) {
  if (opcode === CLOSE) return nameOf(id, `close ${dir}`);
  if (opcode === null || opcode > 2 || opcode === 0 && way.inside === 0) return null;
  if (opcode !== 0) way.begun += 1;
  return nameOf(id, dir, way.begun - 1);
}

// Of a message in several frames, send() belongs to the first, and the event message to the last.
function joinsEvent({ opcode, dir, fin }) {
  return opcode === CLOSE || (dir === 'in' ? opcode !== 0 : fin);
}

/** The frame of an end, taken apart, with what is wrong with it in its notes. */
export function frameOf(end) {
  const { continues, deflate, compressed, disorder } = end;
  const frame = decodeFrame(end, { messageOpcode: continues, deflate, compressed });
  if (disorder) frame.notes.push(disorder);
  return frame;
}

const inflated = new WeakMap();     // by end; null while it is being inflated

/**
 * What a compressed payload inflates to: { bytes, whole }; null if that is not known. It takes a moment the
 * first time, and whenKnown is called after it. A message in several frames needs them all: it stays null.
 */
export function inflatedOf(end, frame, whenKnown = () => {}) {
  if (!frame.compressed || !frame.fin || frame.opcode === 0) return null;
  if (inflated.has(end)) return inflated.get(end);
  inflated.set(end, null);
  inflate(frame.plain, INFLATED).then((result) => {
    inflated.set(end, result);
    whenKnown();
  });
  return null;
}
