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

  /** Takes the server's next event, and returns the rows that are new or have changed. */
  add(event) {
    if (event.event === 'dropped') return [this.dropped(event)];
    const connection = this.connectionOf(event);
    if (event.event === 'line') return this.line(connection, event);
    if (event.event === 'disconnected') this.connections.delete(event.conn);
    return [event.event === 'frame' ? frameRow(connection, event) : remember(connection, smallRow(connection, event))];
  }

  // If a connection began before the trace, only its number is known.
  connectionOf({ conn, event }) {
    if (!this.connections.has(conn)) {
      this.connections.set(conn, {
        conn, id: null, http: null, early: [], sure: event === 'connected',
        in: { begun: 0, inside: 0 }, out: { begun: 0, inside: 0 },
      });
    }
    return this.connections.get(conn);
  }

  line(connection, event) {
    const row = connection.http ??= httpRow(connection, event);
    row.lines[event.dir].push(event.text + (event.cut ? ' …' : ''));
    if (event.dir === 'in' && row.lines.in.length === 1) this.identify(connection, event.text);
    row.upgrade = isUpgrade(row.lines.in);
    row.id = connection.id;
    row.group = connection.id && groupOf(connection.id, 'open');
    return [...connection.early.splice(0), row];
  }

  // The rows before the request change too, once we know that the connection is this page's.
  identify(connection, line) {
    const [, id] = requestOf(line).target.match(/[?&]page=([^&]*)/) ?? [];
    if (!this.ids.has(id)) return void connection.early.splice(0);
    connection.id = id;
    for (const row of connection.early) row.id = id;
  }

  // A connection's end may be among the events that were dropped, and would then never come. So
  // all connections of others are forgotten: one that lasts is known again by its next event. The
  // page's own are few, and stay; but nobody can count their frames any more, so these get no name.
  dropped(event) {
    for (const connection of this.connections.values()) {
      connection.sure = false;
      if (connection.id === null) this.connections.delete(connection.conn);
    }
    return { ...smallRow({ id: null }, event), everyone: true };
  }
}

function rowOf(kind, connection, event) {
  const { n, t, conn, dir = null } = event;
  return { kind, n, t, conn, dir, id: connection.id, group: null, everyone: false };
}

function smallRow(connection, event) {
  return { ...rowOf('small', connection, event), event };
}

function remember(connection, row) {
  if (!connection.http) connection.early.push(row);
  return row;
}

function httpRow(connection, event) {
  return { ...rowOf('http', connection, event), lines: { in: [], out: [] }, upgrade: false };
}

function frameRow(connection, event) {
  const way = connection[event.dir];
  const opcode = parseInt(event.bytes.slice(1, 2), 16);
  const continues = opcode === 0 ? way.inside : null;
  const frame = decodeFrame(event, continues);
  if (connection.sure) frame.notes.push(...outOfOrder(way, frame));
  const group = connection.sure && connection.id ? nameOf(connection, way, frame) : null;
  if (frame.opcode < CLOSE) way.inside = frame.fin ? 0 : frame.messageOpcode ?? 0;
  return { ...rowOf('frame', connection, event), frame, group };
}

function outOfOrder({ inside }, { opcode }) {
  if (opcode === 0 && inside === 0) return ['It continues a message, but none was begun (section 5.4).'];
  if ((opcode === 1 || opcode === 2) && inside !== 0) {
    return ['It begins a message before the last one had ended (section 5.4).'];
  }
  return [];
}

// Called once for each frame, in order, because it counts the messages. Pings and pongs are
// between the browser and the server: no event tells the page of them.
function nameOf(connection, way, { dir, opcode }) {
  if (opcode === CLOSE) return groupOf(connection.id, 'close');
  if (opcode === null || opcode > 2 || opcode === 0 && way.inside === 0) return null;
  if (opcode !== 0) way.begun += 1;
  return groupOf(connection.id, dir, way.begun - 1);
}
