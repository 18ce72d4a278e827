// What the server saw: this file opens a second WebSocket, on which the server sends its trace:
// an event for each line and frame that crosses the wire on all other connections. The events
// become rows.
//
//   1  the socket       open it, wait for it, and say how it is
//   2  the rows         a batch for each picture that the browser draws
//   3  a row            its line, and its drawing once it is opened
//   4  whose rows       this page's only, or all

import { drawFrame, drawHttp } from './figure.js';
import { RowList, part } from './list.js';
import { Tracker } from './track.js';
import { statusOf } from './wire.js';
import { closeWords, count, hexOf, quote, startOf } from './words.js';

const MAX_ROWS = 10_000;            // older ones are dropped
const ROWS_AT_ONCE = 400;           // made between two pictures, so that the page stays quick
const TIMEOUT_MS = 2000;            // that Connect waits for the trace
const QUIET_MS = 1000;              // without news, before a screen reader is told the number
const SHOWN_TEXT = 40;              // characters of a payload in a row
const SHOWN_BYTES = 12;             // the same for bytes

const byId = (id) => document.getElementById(id);
const list = byId('wire-list');
const rows = new RowList(list, byId('wire-dropped'), { most: MAX_ROWS, name: 'This list', inBlock: 100 });
const tracker = new Tracker();
const elements = new WeakMap();     // the element of a row
const rowOf = new WeakMap();        // and the row of an element

// ---- 1  The socket -------------------------------------------------------------

let socket = null;
let settled = Promise.resolve();    // once the socket is open, or has failed

/** To be called before a connection is made, so that the trace holds its beginning. */
export function traceReady() {
  if (!socket || socket.readyState >= WebSocket.CLOSING) open();
  return Promise.race([settled, new Promise((done) => { setTimeout(done, TIMEOUT_MS); })]);
}

/** The page is about to connect to an address with this id in it. */
export function expectConnection(id) {
  tracker.expect(id);
}

function open() {
  const ours = new WebSocket(`${location.protocol === 'https:' ? 'wss:' : 'ws:'}//${location.host}/wire`);
  socket = ours;
  showView('opening', 'Asking the server for its trace …');
  ours.addEventListener('message', ({ data }) => take(data));
  settled = new Promise((done) => {
    ours.addEventListener('open', () => { began(); done(); });
    ours.addEventListener('close', (event) => { ended(ours, event); done(); });
  });
}

function began() {
  if (kept.length) keep({ ...NEWS, words: 'The trace begins again. What happened in between is not in it.' });
  tracker.forget();
  showView('open', 'Press Connect: what crosses the wire then appears here.');
}

const NEWS = { kind: 'small', everyone: true, event: { event: 'trace' }, conn: 0, n: 0, t: null, id: null };

// If the trace never opened, it has not said why, and the browser does not say it either.
function ended(ours, { code, reason }) {
  if (ours !== socket) return;
  const seen = document.documentElement.dataset.view === 'open';
  const why = reason === '' ? code : `${code}, ${quote(reason)}`;
  if (seen) showView('ended', `The trace has ended. Code ${why}: ${closeWords(code)} Connect asks for it again.`);
  else showView('none', '');
}

function showView(state, words) {
  document.documentElement.dataset.view = state;
  byId('wire-help').hidden = state !== 'none';
  byId('wire-state').textContent = words;
  byId('wire-state').hidden = words === '' || state === 'open' && rows.count > 0;
}

// ---- 2  The rows ---------------------------------------------------------------

let kept = [];                      // all rows, shown or not
let waiting = new Set();            // those of them that are new or have changed, in their order
let asked = false;                  // for the next batch

function take(data) {
  try {
    for (const row of tracker.add(JSON.parse(data))) keep(row);
  } catch {
    keep({ ...NEWS, words: 'The server sent an event that this page cannot read.' });
  }
}

function keep(row) {
  if (!row.kept) kept.push(row);
  row.kept = true;
  waiting.add(row);
  ask();
}

// The browser draws no pictures of a page in the background, so a timer makes its rows.
function ask() {
  if (asked) return;
  asked = true;
  if (document.hidden) setTimeout(batch, 100);
  else requestAnimationFrame(batch);
}

function batch() {
  asked = false;
  dropOld();
  const now = [...waiting].slice(0, ROWS_AT_ONCE);
  for (const row of now) waiting.delete(row);
  rows.append(now.filter(isShown).map(render).filter((element) => element));
  showCount();
  if (waiting.size) ask();
}

function dropOld() {
  for (const row of kept.splice(0, Math.max(0, kept.length - MAX_ROWS))) {
    waiting.delete(row);
    rows.lose(elements.get(row));
  }
}

document.addEventListener('visibilitychange', () => {
  if (asked) batch();
});

// A new row's element; null if the row is there already, and only changes.
function render(row) {
  const old = elements.get(row);
  if (!old) return element(row);
  if (row.group) old.dataset.group = row.group;
  old.querySelector('.summary').replaceChildren(...summary(row));
  if (old.querySelector('.figure')) redraw(old);
  return null;
}

let quiet;

function showCount() {
  const hidden = kept.length - waiting.size - rows.count;
  const rest = hidden > 0 ? `. Hidden: ${count(hidden, 'row')} of other connections` : '';
  const words = `${count(rows.count, 'row')}${rest}.`;
  byId('wire-count').textContent = words;
  if (rows.count) byId('wire-state').hidden = document.documentElement.dataset.view === 'open';
  clearTimeout(quiet);
  quiet = setTimeout(() => { byId('wire-news').textContent = words; }, QUIET_MS);
}

// ---- 3  A row ------------------------------------------------------------------

function element(row) {
  const item = part(`wire-row ${row.kind} ${row.dir ?? ''}`, '', 'div');
  item.setAttribute('role', 'listitem');
  item.classList.toggle('bad', row.kind === 'frame' && row.frame.notes.length > 0);
  Object.assign(item.dataset, dataOf(row));
  const line = part('summary', '', row.kind === 'small' ? 'div' : 'button');
  line.tabIndex = -1;
  if (row.kind !== 'small') prepareOpening(line);
  line.append(...summary(row));
  item.append(line);
  elements.set(row, item);
  rowOf.set(item, row);
  return item;
}

// For the tests, and for anyone who looks at the page with the browser's tools.
function dataOf({ kind, n, conn, dir, group, frame }) {
  const data = { row: kind, n, conn };
  if (group) data.group = group;
  if (frame) Object.assign(data, { dir, opcode: frame.opcode, fin: frame.fin, length: frame.length });
  return data;
}

function prepareOpening(button) {
  button.type = 'button';
  button.setAttribute('aria-expanded', 'false');
}

// One listener serves all rows. A drawing is made when its row is opened.
list.addEventListener('click', ({ target }) => {
  const button = target.closest('button.summary');
  if (!button) return;
  const item = button.parentElement;
  const opened = button.getAttribute('aria-expanded') === 'true';
  button.setAttribute('aria-expanded', String(!opened));
  if (opened) item.querySelector('.figure').remove();
  else item.append(drawing(rowOf.get(item)));
});

function drawing(row) {
  return row.kind === 'frame' ? drawFrame(row) : drawHttp(row);
}

function redraw(item) {
  item.querySelector('.figure').replaceWith(drawing(rowOf.get(item)));
}

function summary(row) {
  const { kind, t, conn } = row;
  const time = part('time', t === null ? '' : (t / 1e6).toFixed(6));
  const number = part('conn', conn ? `#${conn}` : '');
  if (kind === 'frame') return [time, number, arrow(row), frameLine(row.frame)];
  if (kind === 'http') return [time, number, arrow(null), httpLine(row)];
  return [time, number, arrow(null), smallLine(row)];
}

function arrow(row) {
  const mark = part('mark', row ? { in: '→', out: '←' }[row.dir] : '·');
  mark.setAttribute('aria-hidden', 'true');
  return mark;
}

function frameLine(frame) {
  const { dir, name, fin, rsv, masked, length, key, notes } = frame;
  const mask = masked && `MASK ${hexOf(key ?? [], '')}`;
  const flags = [fin && 'FIN', ...(rsv ?? []).map((bit, i) => bit && `RSV${i + 1}`), mask];
  const line = part('what', '');
  line.append(part('unseen', dir === 'in' ? 'to the server: ' : 'from the server: '), part('name', name), ' ',
    ...flags.filter(Boolean).flatMap((flag) => [part('flag', flag), ' ']),
    part('length', length === null ? 'no length' : count(length, 'byte')), ' ',
    part('preview', preview(frame)),
    part('note', notes.join(' ')));
  return line;
}

function preview({ close, text, plain, length }) {
  if (close?.code) return `${close.code} ${close.reason && quote(close.reason)}`;
  if (plain.length === 0) return '';
  if (text !== null) return startOf(text, SHOWN_TEXT, length > plain.length);
  return hexOf(plain.subarray(0, SHOWN_BYTES), ' ') + (length > SHOWN_BYTES ? ' …' : '');
}

function httpLine({ upgrade, lines }) {
  const status = statusOf(lines.out[0] ?? '');
  const line = part('what', '');
  const request = part('preview', lines.in[0] ?? '(its request was not seen)');
  line.append(part('name', upgrade ? 'handshake' : 'request'), ' ', request,
    part('status', status ? `${status.code} ${status.words}` : 'no response yet'));
  return line;
}

function smallLine({ event, words }) {
  const line = part('what', '');
  line.append(part('name', event.event.replace('-', ' ')), ' ', words ?? smallWords(event));
  return line;
}

function smallWords(event) {
  const words = {
    connected: () => `from ${event.address}`,
    dropped: () => `${count(event.count, 'event')}: this page was too slow for them. Frames of the present `
      + 'connections are no longer paired with the log.',
  };
  return words[event.event]?.() ?? event.why ?? '';
}

// ---- 4  Whose rows -------------------------------------------------------------

function isShown(row) {
  return row.everyone || row.id !== null || byId('wire-all').checked;
}

// All rows are made again, so that each comes to its place.
function showWhose() {
  rows.empty();
  for (const row of kept) elements.delete(row);
  waiting = new Set(kept);
  ask();
}

byId('wire-mine').addEventListener('change', showWhose);
byId('wire-all').addEventListener('change', showWhose);
byId('wire-clear').addEventListener('click', () => {
  rows.clear();
  kept = [];
  waiting.clear();
  showCount();
});
showCount();
traceReady();
