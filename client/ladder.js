// The ladder: the browser's end at the left, the server's at the right, time downwards, an arrow for each
// frame. page.js adds what the browser said, view.js what the server saw; this file draws it.
//
//   1  the session   what has happened, and a batch of it for each picture that the browser draws
//   2  a row         its two ends and its arrow
//   3  an end        in words
//   4  around it     whose rows, the clock, the numbers, what a screen reader is told

import { showDetail } from './figure.js';
import { List, part } from './list.js';
import { Session, splitOf, startOf, tookOf } from './session.js';
import { frameOf, inflatedOf } from './track.js';
import { statusOf } from './wire.js';
import { count, duration, hexOf, quote, startOf as startOfText, startOfBytes, visible } from './words.js';

const SHOWN_TEXT = 60;              // characters of a payload in a row; the row cuts what does not fit
const SHOWN_BYTES = 20;             // the same for bytes
const BUSY = 50;                    // changes from one picture to the next that are very many
const PAUSE_MS = 100;               // from one picture to the next, while there are
const QUIET_MS = 700;               // without news, before a screen reader is told

const byId = (id) => document.getElementById(id);

// ---- 1  The session --------------------------------------------------------------

export const session = new Session();

const list = new List(byId('ladder'), byId('newest'), { draw: drawRow, onSelect: open });
let looked = session;               // the one that is shown
let paused = null;                  // the rows when it was paused; null: it goes on
let asked = false;                  // for the next batch
let news = 0;                       // changes since the last one
let busy = false;                   // there were very many
let ahead = null;                   // what the clock said in the last one

/**
 * The session has changed. Many changes make one picture; and while they are very many, the page draws only
 * so often, because to draw all rows in sight anew takes longer than to take in what comes.
 */
export function changed() {
  news += 1;
  if (asked) return;
  asked = true;
  if (document.hidden || busy) setTimeout(batch, PAUSE_MS);     // no pictures are drawn in the background
  else requestAnimationFrame(batch);
}

function batch() {
  asked = false;
  busy = news > BUSY;
  news = 0;
  session.settle();
  if (paused) return showPause();
  looked.settle();
  list.show(looked.shown, looked.droppedShown);
  if (looked.clock.ahead !== ahead) list.redraw();          // times that are in sight may have changed
  ahead = looked.clock.ahead;
  if (list.selected) redrawDetail();
  showNumbers();
}

/** Shows another session, from a file, from its first row on, and says so; null: the one that goes on. */
export function look(other, words = '') {
  looked = other ?? session;
  choose();
  list.select(null);
  byId('banner').hidden = other === null;
  byId('banner-words').textContent = words;
  setPaused(false);
  looked.settle();
  list.show(looked.shown, looked.droppedShown);
  if (other) list.toStart();
  else list.toEnd();
}

// What the two fields above the ladder say. While it is paused, they choose from what was there then.
function choose() {
  const passes = passing(byId('whose').value === 'all', byId('kinds').value);
  for (const one of new Set([session, looked])) one.choose(passes);
  list.countAgain();
  if (paused) list.show(paused.filter(passes));
  else changed();
}

const passing = (all, kind) => ({ left, right }) =>
  (left || all || right.id !== null || right.everyone) && (kind === '' || kindOf(left, right) === kind);

function kindOf(left, right) {
  if (right?.kind !== 'frame') return right ? '' : left.type ?? (left.api === 'close' ? 'control' : '');
  return { 1: 'text', 2: 'binary', 0: { 1: 'text', 2: 'binary' }[right.continues] }[right.opcode] ?? 'control';
}

document.addEventListener('visibilitychange', () => { if (asked) batch(); });

// ---- 2  A row ----------------------------------------------------------------------

function drawRow(row, element) {
  const { left, right } = row;
  const frame = right?.kind === 'frame' ? frameOf(right) : null;
  const bad = left?.bad || (frame?.notes.length ?? 0) > 0;
  element.className = ['row', wayOf(row), right?.kind ?? 'left-only', bad ? 'bad' : '', partOf(right)].join(' ');
  Object.assign(element.dataset, dataOf(row));
  element.replaceChildren(part('time', (Math.max(0, startOf(row)) / 1000).toFixed(4)),
    leftEnd(row), arrow(row), rightEnd(row, frame));
}

/** Which way a row's arrow points: in (to the server), out, or none. */
const wayOf = ({ left, right }) => right?.dir ?? (!left || right ? 'none' : left.way ?? 'none');

// Frames of one message have a bracket.
function partOf(right) {
  if (right?.kind !== 'frame' || right.opcode === null || right.opcode > 2) return '';
  if (right.opcode !== 0) return right.fin ? '' : 'part first';
  return right.fin ? 'part last' : 'part';
}

// For the tests, and for anyone who looks at the page with the browser's tools.
function dataOf({ left, right }) {
  return { api: left?.api ?? '', kind: right?.kind ?? '', n: right?.n ?? '', conn: right?.conn ?? '', dir: right?.dir ?? '',
    opcode: right?.opcode ?? '', length: right?.length ?? '' };
}

function end(side, first, second, className = '') {
  const element = part(`${side} ${className}`);
  element.append(first, second);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

// The arrow's slope grows with the time that it took, tenfold by tenfold: from 0.1 ms to a second and more.
function arrow(row) {
  const way = wayOf(row);
  const took = tookOf(row);
  const element = part('arrow');
  element.append(part('unseen', { in: ' to the server: ', out: ' from the server: ', none: ' · ' }[way]));
  if (way === 'none') return element;
  const slope = took === null ? 0 : Math.min(Math.max(5 + 9 * Math.log10(Math.max(took, 0.01) / 0.1), 3), 36);
  const [from, to] = way === 'in' ? ['3%', '97%'] : ['97%', '3%'];
  const svg = document.createElementNS(SVG, 'svg');
  const line = svg.appendChild(document.createElementNS(SVG, 'line'));
  for (const [name, value] of Object.entries({ x1: from, x2: to, y1: `${62 - slope / 2}%`, y2: `${62 + slope / 2}%` })) {
    line.setAttribute(name, value);
  }
  svg.setAttribute('aria-hidden', 'true');
  element.append(svg);
  if (took !== null) element.append(part('took', `${took < 0 ? '≈ 0 ms' : duration(took)}`));
  element.classList.toggle('guess', !row.left || !row.right);
  return element;
}

// ---- 3  An end -----------------------------------------------------------------------

function leftEnd(row) {
  const { left, right } = row;
  if (!left) return end('left', part('nobody', whyNoLeft(right)), '', 'absent');
  const line = part('words');
  line.append(part('name', left.call ? `${left.api}()` : left.api), ' ', part('text', left.text));
  return end('left', line, part('note', noteOf(row)), left.call ? 'call' : 'event');
}

function noteOf(row) {
  const split = splitOf(row);
  const note = row.left.note ?? '';
  if (!split) return note;
  const { there, server, back } = split;
  const parts = there === null ? '' : `: there ${amount(there)}, server ${amount(server)}, back ${amount(back)}`
    + ` (±${amount(row.clock.uncertainty)})`;
  const queue = row.left.behind ? `, behind ${count(row.left.behind, 'other')} of this page` : '';
  return `${note}${duration(split.all)}${queue}${parts}`;
}

const amount = (ms) => duration(Math.max(ms, 0)).replace(' ms', '');

// What is at the server's end alone says why.
function whyNoLeft(right) {
  if (right.kind === 'note') return { connected: 'the browser opens a TCP connection', disconnected: '' }[right.event.event] ?? '';
  if (right.everyone || right.id === null) return right.kind === 'frame' || right.kind === 'request' ? `connection ${right.conn}` : '';
  if (right.kind !== 'frame') return 'the browser does this by itself';
  if (right.opcode === 9) return 'the browser replies by itself; the page is not told';
  if (right.opcode === 10) return 'the browser’s own reply; the page did not call anything';
  if (right.opcode === 8) return 'the browser’s own Close frame; close() was not called';
  if (right.opcode === 0 || !right.fin) return right.dir === 'in' ? 'the same message goes on' : 'the page waits for the whole message';
  return right.joins ? '' : 'not paired: events before it are missing';
}

function rightEnd(row, frame) {
  const { left, right } = row;
  if (!right) return end('right', part('nobody', whyNoRight(left)), '', 'absent');
  if (frame) return frameEnd(right, frame);
  if (right.kind === 'note') return noteEnd(right);
  return httpEnd(right);
}

function whyNoRight({ api, name, alone }) {
  if (alone) return alone;
  if (document.documentElement.dataset.view !== 'open') return 'no trace of the server';
  return api === 'close' && !name ? '' : 'not in the trace';
}

function frameEnd(right, frame) {
  const { rsv, fin, masked, key, length, name, notes } = frame;
  const line = part('words');
  const inflated = inflatedOf(right, frame, () => redraw(right));
  line.append(part('name', name), ' ', part('length', lengthWords(frame, inflated)), ' ', part('text preview', preview(frame, inflated)));
  const flags = [fin && 'FIN', ...(rsv ?? []).map((bit, i) => bit && `RSV${i + 1}`), masked && `MASK ${hexOf(key ?? [], '')}`];
  const below = notes.length ? part('note fault', notes.join(' '))
    : part('note flags', flags.filter(Boolean).join(' · '));
  if (!right.id && right.conn) below.prepend(part('conn', `#${right.conn} `));
  return end('right', line, below);
}

function lengthWords({ length }, inflated) {
  if (length === null) return '';
  const made = inflated && `, inflated ${inflated.whole ? '' : 'over '}${inflated.bytes.length.toLocaleString('en')}`;
  return `${count(length, 'byte')}${made ?? ''}`;
}

function preview({ close, text, plain, length, compressed, messageOpcode }, inflated) {
  if (close?.code) return `${close.code}${close.reason && ` ${quote(close.reason)}`}`;
  if (plain.length === 0) return '';
  if (text !== null) return startOfText(text, SHOWN_TEXT, length > plain.length);
  if (!inflated) return `${compressed ? 'compressed ' : ''}${startOfBytes(plain, SHOWN_BYTES, length > plain.length)}`;
  const { bytes, whole } = inflated;
  return messageOpcode === 1 ? startOfText(new TextDecoder().decode(bytes.subarray(0, 4 * SHOWN_TEXT), { stream: true }), SHOWN_TEXT,
    !whole || bytes.length > 4 * SHOWN_TEXT) : startOfBytes(bytes, SHOWN_BYTES, !whole);
}

function httpEnd({ kind, http, conn, id }) {
  const line = part('words');
  const [first = ''] = kind === 'request' ? http.in : http.out;
  const status = statusOf(first);
  line.append(part('name', kind), ' ', part('text', status ? `${status.code} ${status.words}` : visible(first)));
  const lines = kind === 'request' ? http.in : http.out;
  const what = kind === 'request' && http.upgrade ? 'asks for a WebSocket, ' : '';
  const below = part('note', `${what}${count(Math.max(lines.length - 2, 0), 'header field')}`);
  if (!id) below.prepend(part('conn', `#${conn} `));
  return end('right', line, below);
}

function noteEnd({ event, words, conn, id }) {
  const line = part('words');
  line.append(part('name', event.event.replace('-', ' ')), ' ', part('text', words ?? noteWords(event)));
  return end('right', line, part('note', conn && !id ? `#${conn}` : ''));
}

function noteWords(event) {
  const words = {
    connected: () => `from ${event.address}`,
    dropped: () => `${count(event.count, 'event')}: this page was too slow for them`,
  };
  return visible(words[event.event]?.() ?? event.why ?? '');
}

// ---- 4  Around it ----------------------------------------------------------------------

function open(row) {
  byId('detail').hidden = row === null;
  if (row) showDetail(byId('detail'), row, row.left ? noteOf(row) : '', close);
}

function redrawDetail() {
  const { number, version } = list.selected;
  if (byId('detail').dataset.version !== `${number} ${version}`) open(list.selected);
}

// Something about this end has become known only now.
function redraw(right) {
  list.redraw();
  if (list.selected?.right === right) open(list.selected);
}

function close() {
  const inside = byId('detail').contains(document.activeElement);
  list.select(null);
  if (inside) byId('ladder').focus();
}

document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && list.selected) close();
});

let quiet;

function showNumbers() {
  const shown = looked.shown.length;
  const hidden = looked.rows.length - shown;
  const words = [count(shown, 'row')];
  if (hidden) words.push(`${count(hidden, 'row')} ${byId('kinds').value ? '' : 'of other connections '}hidden`);
  if (looked.dropped) words.push(`${count(looked.dropped, 'row')} dropped from the beginning`);
  byId('count').textContent = `${words.join(', ')}.`;
  byId('empty').hidden = shown > 0;
  showClock();
  clearTimeout(quiet);
  quiet = setTimeout(sayNews, QUIET_MS);
}

function showClock() {
  const { clock } = looked;
  byId('clock').textContent = clock.known
    ? `One clock: the browser’s; the server’s is known to ±${duration(clock.uncertainty)}.` : '';
}

// A screen reader is told the newest event of the browser, once no more come.
function sayNews() {
  const { left } = looked.rows.findLast((row) => row.left) ?? {};
  if (left) byId('news').textContent = `${left.api} ${left.text}. ${left.note ?? ''}`;
}

// While it is paused, the ladder stays as it is, and what comes is only counted.
function setPaused(now) {
  paused = now ? [...looked.rows] : null;
  byId('pause').setAttribute('aria-pressed', String(now));
  byId('pause').textContent = now ? 'Go on' : 'Pause';
  pausedAt = session.number;
  choose();
}

let pausedAt = 0;                   // the number of the newest row then

function showPause() {
  const news = session.number - pausedAt;
  if (news) byId('pause').textContent = `Go on: ${news.toLocaleString('en')} new`;
}

byId('pause').addEventListener('click', () => setPaused(!paused));
for (const id of ['whose', 'kinds']) byId(id).addEventListener('change', choose);
choose();                           // a browser may have kept what was chosen
byId('clear').addEventListener('click', () => {
  list.select(null);
  session.clear();
  changed();
});

/** What stands in the ladder while it is empty. */
export function showEmpty(words) {
  byId('empty-words').textContent = words;
}
