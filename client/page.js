// What the browser says: this file opens a WebSocket, uses all of its small API, and writes down, in
// order, each call it makes and each event it gets back, as left ends of the ladder's rows.
//
// The whole API is: new WebSocket(url), send(data), close(code, reason),
// readyState, binaryType, and four events: open, message, error, close.
//
//   1  the connection      connect, and close
//   2  the four events     what the browser reports
//   3  sending             text, bytes, a large message, many
//   4  messages            their bytes, and the echo beside what was sent
//   5  words               what went wrong
//   6  the controls        which one calls what
//
// The other end, what the server saw, is in view.js. The files are modules, so their names are
// their own and not the window's.

import './compose.js';
import './file.js';
import { lightFields } from './figure.js';
import { changed, session } from './ladder.js';
import { nameOf } from './track.js';
import { addRoundTrip } from './plot.js';
import { expectConnection, traceReady } from './view.js';
import { bytesOfHex, closeWords, count, hexOf, quote, startOf, startOfBytes } from './words.js';

const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];   // in the order of readyState: 0 to 3
const SHOWN_TEXT = 60;                                        // characters of a message in the ladder
const SHOWN_BYTES = 20;                                       // the same for binary messages
const SLICE_MS = 8;                                           // of sending, before the page may draw
const MOST_ON_THE_WAY = 50;                                   // echoes; with more, the browser would have no time to draw

let socket = null;      // the present WebSocket, or the last one; null before the first
let opening = false;    // Connect was pressed, and waits for the server's trace
let path = '';          // that it was opened with
let id = '';            // the random number in its address
let sent = 0;           // messages on it, each way
let received = 0;
let waiting = [];       // sent messages, oldest first, and the number of those whose echo has come
let echoed = 0;
let texts = [];         // that were sent, oldest first
let wasAtClose = false; // the focus was in the form of Close
let recalled = 0;       // which of them is in the field

const byId = (name) => document.getElementById(name);
const encoder = new TextEncoder();

// ---- 1  The connection -------------------------------------------------------

async function connect() {
  clearProblems();
  opening = true;
  const byKeyboard = byId('connect').matches(':focus-visible');
  showState('First the page asks for the server’s trace, on a WebSocket of its own.');
  await traceReady();               // or the beginning would not be in it
  opening = false;
  openSocket();
  if (byKeyboard) byId(byId('panel-text').hidden ? 'close' : 'text').focus();       // the button is gone
}

function openSocket() {
  const url = newUrl();
  log('new WebSocket', url, { call: true, way: 'in' }, nameOf(id, 'request'));
  socket = new WebSocket(url);            // returns at once; the events below tell how it went
  socket.binaryType = 'arraybuffer';      // the other choice, a Blob, can only be read later
  socket.addEventListener('open', onOpen);
  socket.addEventListener('message', onMessage);
  socket.addEventListener('error', onError);
  socket.addEventListener('close', onClose);
  showState('The browser is asking the server for a WebSocket.');
}

// A page is never told which connection of the server's is its own. A random number in
// the address is something that both ends can see, so it tells this connection from others.
function newUrl() {
  id = hexOf(crypto.getRandomValues(new Uint8Array(8)), '');
  path = pathChosen();
  [sent, received, waiting, echoed] = [0, 0, [], 0];
  expectConnection(id, path);
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return `${scheme}//${location.host}${path}${path.includes('?') ? '&' : '?'}page=${id}`;
}

function pathChosen() {
  const chosen = byId('path').value || byId('other').value.trim().replace(/#.*/, '');
  if (chosen === '/chat') return `/chat?name=${encodeURIComponent(byId('name').value.trim())}`;
  return chosen.startsWith('/') ? chosen : `/${chosen}`;
}

function closeConnection() {
  clearProblems();
  try {
    callClose(byId('close-code').value.trim(), byId('close-reason').value);
    showState('The browser sent a Close frame, and now waits for the server’s.');
  } catch (error) {
    log('close', `threw ${error.name}`, { call: true, note: closeRefused(error), alone: 'nothing was sent' });
    problem('close', closeRefused(error), error.name === 'SyntaxError' ? 'close-reason' : 'close-code');
  }
}

function callClose(code, reason) {
  const before = performance.now();
  const name = socket.readyState === WebSocket.OPEN ? nameOf(id, 'close in') : null;
  if (code === '') {
    socket.close();                 // a reason needs a code before it, so neither is sent
    return log('close', 'no code, no reason', { call: true, way: 'in', t: before }, name);
  }
  if (!/^\d+$/.test(code)) throw new RangeError(`${quote(code)} is not a number.`);
  socket.close(Number(code), reason);
  log('close', `code ${code}, reason ${quote(reason)}`, { call: true, way: 'in', t: before }, name);
}

// Shows what readyState says now. Not every change of it has an event, so this is called
// after everything that may have changed it. Only what can be done now is there.
function showState(words) {
  const name = socket ? STATES[socket.readyState] : 'NONE';
  const busy = opening || socket && socket.readyState !== WebSocket.CLOSED;
  document.documentElement.dataset.state = name;
  for (const item of byId('states').children) item.classList.toggle('now', item.dataset.state === name);
  const strong = document.createElement('strong');
  strong.textContent = socket ? `${name}, readyState ${socket.readyState}` : 'Not connected';
  byId('state').replaceChildren(strong, ' ', words);
  wasAtClose ||= byId('close-form').contains(document.activeElement);
  byId('connect-form').hidden = busy;
  byId('close-form').hidden = !busy;
  byId('close').disabled = opening || socket?.readyState === WebSocket.CLOSING;
  if (busy) return;
  if (wasAtClose && isNowhere(document.activeElement)) byId('connect').focus();
  wasAtClose = false;
}

// A browser takes the focus away from what is disabled or hidden: Firefox at once, Chromium later.
const isNowhere = (element) => element === null || element === document.body || byId('close-form').contains(element);

// ---- 2  The four events ------------------------------------------------------

function onOpen() {
  const compressed = socket.extensions ? ` Extensions: ${socket.extensions}.` : '';
  document.documentElement.dataset.extensions = socket.extensions;
  log('open', '', { note: `Both sides may send now.${compressed}`, way: 'out' }, nameOf(id, 'response'));
  showState('Both sides may send now.');
}

function onMessage(event) {
  const t = performance.now();      // first of all, because the rest of this takes time as well
  const name = nameOf(id, 'out', received);
  received += 1;
  const message = messageOf(event.data);
  const ours = path === '/echo' ? waiting[echoed] : undefined;
  const { type } = message;
  if (!ours) return log('message', describe(message), { t, type, way: 'out', note: path === '/echo' ? 'Unasked. ' : '' }, name);
  waiting[echoed] = undefined;
  echoed += 1;
  const same = equal(ours.message, message);
  addRoundTrip(t - ours.row.left.t, ours.behind);
  log('message', describe(message), { t, type, way: 'out', bad: !same, sent: ours.row, behind: ours.behind,
    note: same ? 'As sent. ' : 'This differs from what was sent! ' }, name);
}

// The event itself is empty. If pages were told why a connection failed, any page could use
// the browsers of its readers to explore their networks.
function onError() {
  log('error', 'no detail', { note: 'The browser tells a page no reason.', bad: true, alone: ' ' });
  problem('connect', errorWords());
}

function onClose(event) {
  const unanswered = path === '/echo' ? waiting.length - echoed : 0;
  const words = closeWords(event.code);
  const lost = unanswered ? ` Sent, but not echoed: ${count(unanswered, 'message')}.` : '';
  const clean = event.wasClean ? '' : ' There were not two Close frames.';
  const name = event.code === 1006 ? null : nameOf(id, 'close out');
  log('close', closeDetails(event), { note: words + clean + lost, bad: !event.wasClean, way: name ? 'out' : 'none',
    alone: name ? undefined : 'no Close frame' }, name);
  waiting = [];
  echoed = 0;
  byId('connect').textContent = 'Connect again';
  showState(`Code ${event.code}: ${words}${lost}`);
}

// ---- 3  Sending --------------------------------------------------------------

function sendText() {
  clearProblems();
  const text = byId('text').value;
  if (!send('text', text)) return;
  if (texts.at(-1) !== text) texts = [...texts, text].slice(-100);
  recalled = texts.length;
}

function sendHex() {
  clearProblems();
  try {
    send('hex', bytesOfHex(byId('hex').value));
  } catch (error) {
    problem('hex', error.message, 'hex');
  }
}

function sendLarge() {
  clearProblems();
  const [type, size] = byId('large').value.split(' ');
  send('large', type === 'text' ? largeText(Number(size)) : largeBytes(Number(size)));
}

// A slice of them for each picture that the browser draws, so that it goes on drawing.
function sendMany() {
  clearProblems();
  const many = Number(byId('many').value);
  const to = socket;
  let next = 1;
  const slice = () => {
    const end = performance.now() + SLICE_MS;
    while (next <= many && waiting.length - echoed < MOST_ON_THE_WAY && performance.now() < end) {
      if (socket !== to || !send('many', `number ${next}`)) return;
      next += 1;
    }
    if (next <= many) requestAnimationFrame(slice);
  };
  slice();
}

// All sending ends here. A string becomes a text message, bytes become a binary one.
// The echo replies in order, so a queue is enough to know which echo belongs to what.
function send(place, data) {
  if (!socket || socket.readyState !== WebSocket.OPEN) {
    problem(place, 'There is no open connection. Press Connect first.');
    return false;
  }
  const message = messageOf(data);
  const t = performance.now();
  socket.send(data);
  const row = log('send', describe(message), { call: true, type: message.type, way: 'in', t }, nameOf(id, 'in', sent));
  sent += 1;
  if (path === '/echo') waiting.push({ message, row, behind: waiting.length - echoed });
  return true;
}

// The large messages count as they go, so that a lost or a swapped piece would show.
function largeText(size) {
  const words = Array.from({ length: Math.ceil(size / 8) }, (_, i) => `${String(i).padStart(7, '0')} `);
  return words.join('').slice(0, size);
}

function largeBytes(size) {
  return new Uint8Array(Uint32Array.from({ length: size / 4 }, (_, i) => i).buffer);
}

// ---- 4  Messages -------------------------------------------------------------

// Text travels as UTF-8, so bytes are what both kinds of message have in common:
// they give the length on the wire, and one way to compare.
function messageOf(data) {
  if (typeof data === 'string') return { type: 'text', text: data, bytes: encoder.encode(data) };
  return { type: 'binary', bytes: new Uint8Array(data) };
}

function equal(a, b) {
  return a.type === b.type && a.bytes.length === b.bytes.length
    && a.bytes.every((byte, i) => byte === b.bytes[i]);
}

// Type, length and beginning; never the whole of a long message.
function describe({ type, text, bytes }) {
  const start = type === 'text' ? startOf(text, SHOWN_TEXT) : startOfBytes(bytes, SHOWN_BYTES);
  return `${type}, ${count(bytes.length, 'byte')}${bytes.length ? `: ${start}` : ''}`;
}

// A left end for the ladder. name is the name of its right end, which the server may have seen.
function log(api, text, more, name = null) {
  const row = session.addLeft({ api, text, t: performance.now(), name: name !== null, ...more }, name);
  changed();
  return row;
}

// ---- 5  Words ----------------------------------------------------------------

function closeDetails(event) {
  const reason = event.reason === '' ? 'no reason' : `reason ${quote(event.reason)}`;
  return `code ${event.code}, ${reason}, wasClean ${event.wasClean}`;
}

// close() throws two kinds of error; the third, RangeError, is our own from above.
function closeRefused(error) {
  if (error.name === 'InvalidAccessError') {
    return 'The browser did not close with this code. A page may use 1000, and 3000 to 4999; '
      + 'the others are for the browser and the server themselves.';
  }
  if (error.name === 'SyntaxError') {
    const length = encoder.encode(byId('close-reason').value).length;
    return `The browser did not close with this reason. It may be 123 bytes long; this one has ${length}.`;
  }
  return error.message;
}

function errorWords() {
  return 'The connection failed. The browser does not say why, because a page could use that to explore '
    + 'your network. The server may be stopped or full, have nothing at this path, or reject pages of this '
    + `address. Look at its terminal, or ask it:\ncurl -i ${location.origin}/`;
}

// Shown beside what the reader just did; field is the input to mend, if there is one.
function problem(place, words, field) {
  byId(`${place}-problem`).textContent = words;
  if (!field) return;
  byId(field).setAttribute('aria-invalid', 'true');
  byId(field).focus();
}

function clearProblems() {
  for (const element of document.querySelectorAll('#controls .problem')) element.textContent = '';
  for (const element of document.querySelectorAll('[aria-invalid]')) element.removeAttribute('aria-invalid');
}

// ---- 6  The controls ---------------------------------------------------------

// A form's submit is both a click on its button and Enter in one of its fields.
// Left alone, it would load another page.
function onSubmit(id, action) {
  byId(id).addEventListener('submit', (event) => {
    event.preventDefault();
    action();
  });
}

// Enter sends; ↑ in the first line brings back the text before, ↓ in the last one the text after.
function textKey(event) {
  const { key, shiftKey, target: { value, selectionStart, selectionEnd } } = event;
  if (key === 'Enter' && !shiftKey && !event.isComposing) {
    event.preventDefault();
    byId('text-form').requestSubmit();
  } else if (key === 'ArrowUp' && !value.slice(0, selectionStart).includes('\n')) {
    recall(event, -1);
  } else if (key === 'ArrowDown' && !value.slice(selectionEnd).includes('\n')) {
    recall(event, 1);
  }
}

// What is in the field already would be no news.
function recall(event, step) {
  let next = recalled + step;
  while (texts[next] === byId('text').value) next += step;
  if (next < 0 || next >= texts.length) return;
  event.preventDefault();
  recalled = next;
  byId('text').value = texts[recalled];
  fitText();
}

// As many lines as the text has, long ones broken; the field scrolls from the fifth on.
function fitText() {
  const field = byId('text');
  field.rows = 1;
  const extra = field.scrollHeight - field.clientHeight;
  field.rows = Math.min(1 + Math.round(extra / parseFloat(getComputedStyle(field).lineHeight)), 4);
}

const tabs = [...byId('tabs').children];

function showTab(tab) {
  for (const one of tabs) {
    const chosen = one === tab;
    one.setAttribute('aria-selected', String(chosen));
    one.tabIndex = chosen ? 0 : -1;
    byId(one.getAttribute('aria-controls')).hidden = !chosen;
  }
  clearProblems();
}

byId('tabs').addEventListener('click', ({ target }) => { if (target.matches('[role="tab"]')) showTab(target); });
byId('tabs').addEventListener('keydown', ({ key, target }) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
  if (!step) return;
  const next = tabs[(tabs.indexOf(target) + step + tabs.length) % tabs.length];
  showTab(next);
  next.focus();
});

byId('path').addEventListener('change', () => {
  byId('name-label').hidden = byId('path').value !== '/chat';
  byId('other-label').hidden = byId('path').value !== '';
});
byId('text').addEventListener('keydown', textKey);
byId('text').addEventListener('input', fitText);
onSubmit('connect-form', connect);
onSubmit('close-form', closeConnection);
onSubmit('text-form', sendText);
onSubmit('hex-form', sendHex);
onSubmit('large-form', sendLarge);
onSubmit('many-form', sendMany);
byId('path').dispatchEvent(new Event('change'));    // a browser may have kept what was chosen
lightFields(byId('detail'));
showState('Press Connect to open a WebSocket.');
