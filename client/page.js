// What the browser says: this file opens a WebSocket, uses all of its small API,
// and writes down, in order, each call it makes and each event it gets back.
//
// The whole API is: new WebSocket(url), send(data), close(code, reason),
// readyState, binaryType, and four events: open, message, error, close.
//
//   1  the connection      connect, and close
//   2  the four events     what the browser reports
//   3  sending             text, bytes, a large message
//   4  messages            their bytes, and the echo beside what was sent
//   5  the log             a row for each call and each event
//   6  words               what went wrong
//   7  the buttons         which one calls what
//
// The other half, what the server saw, is in view.js. The files are modules, so their names are
// their own and not the window's.

import { RowList, part } from './list.js';
import { groupOf } from './track.js';
import { expectConnection, traceReady } from './view.js';
import { closeWords, count, hexOf, quote, startOf } from './words.js';

const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];   // in the order of readyState: 0 to 3
const MAX_ROWS = 1000;                                        // of the log; older ones are dropped
const SHOWN_TEXT = 60;                                        // characters of a message in the log
const SHOWN_BYTES = 24;                                       // the same for binary messages

let socket = null;      // the present WebSocket, or the last one; null before the first
let opening = false;    // Connect was pressed, and waits for the server's trace
let id = '';            // the random number in its address
let sent = 0;           // messages on it, each way
let received = 0;
let waiting = [];       // sent messages whose echo has not come back yet, oldest first

const byId = (name) => document.getElementById(name);
const rows = new RowList(byId('log'), byId('dropped'), { most: MAX_ROWS, name: 'The log' });

// ---- 1  The connection -------------------------------------------------------

async function connect() {
  clearProblems();
  if (opening || socket && socket.readyState !== WebSocket.CLOSED) {
    return problem('connect', 'There is a connection already. Close it, then connect again.');
  }
  opening = true;
  showState('First the page asks for the server’s trace, on a WebSocket of its own.');
  await traceReady();               // or the beginning would not be in it
  opening = false;
  openSocket();
}

function openSocket() {
  const url = echoUrl();
  log('call', 'new WebSocket', url, { group: groupOf(id, 'open') });
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
function echoUrl() {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  id = hexOf(crypto.getRandomValues(new Uint8Array(8)), '');
  [sent, received] = [0, 0];
  expectConnection(id);
  return `${scheme}//${location.host}/echo?page=${id}`;
}

function closeConnection() {
  clearProblems();
  if (!socket || socket.readyState >= WebSocket.CLOSING) {
    return problem('close', 'There is no connection to close.');
  }
  try {
    callClose(byId('close-code').value.trim(), byId('close-reason').value);
    showState('The browser sent a Close frame, and now waits for the server’s.');
  } catch (error) {
    log('call', 'close', `threw ${error.name}`, { note: closeRefused(error) });
    problem('close', closeRefused(error), error.name === 'SyntaxError' ? 'close-reason' : 'close-code');
  }
}

function callClose(code, reason) {
  if (code === '') {
    socket.close();                 // a reason needs a code before it, so neither is sent
    return log('call', 'close', 'no code, no reason', { group: groupOf(id, 'close') });
  }
  if (!/^\d+$/.test(code)) throw new RangeError(`${quote(code)} is not a number.`);
  socket.close(Number(code), reason);
  log('call', 'close', `code ${code}, reason ${quote(reason)}`, { group: groupOf(id, 'close') });
}

// Shows what readyState says now. Not every change of it has an event, so this is called
// after everything that may have changed it.
function showState(words) {
  const name = socket ? STATES[socket.readyState] : 'NONE';
  document.documentElement.dataset.state = name;
  for (const item of byId('states').children) {
    item.classList.toggle('now', item.dataset.state === name);
  }
  const strong = document.createElement('strong');
  strong.textContent = socket ? `${name}, readyState ${socket.readyState}` : 'Not connected';
  byId('state').replaceChildren(strong, ' ', words);
}

// ---- 2  The four events ------------------------------------------------------

function onOpen() {
  log('event', 'open', '', { note: 'The server agreed. Both sides may send now.', group: groupOf(id, 'open') });
  showState('Both sides may send now.');
}

function onMessage(event) {
  const now = performance.now();    // first of all, because the rest of this takes time as well
  const group = groupOf(id, 'out', received);
  received += 1;
  const ours = waiting.shift();
  if (!ours) return log('event', 'message', describe(event.data), { note: 'The server sent this unasked.', group });
  const time = `${(now - ours.at).toFixed(1)} ms`;
  const same = equal(ours, messageOf(event.data));
  byId('round-trip').textContent = time;
  const note = same ? `The same as was sent. Round trip ${time}.` : 'This differs from what was sent!';
  log('event', 'message', describe(event.data), { note, group, bad: !same });
}

// The event itself is empty. If pages were told why a connection failed, any page could use
// the browsers of its readers to explore their networks.
function onError() {
  log('event', 'error', 'no detail', { note: errorWords(), bad: true });
}

function onClose(event) {
  const unanswered = waiting.length;
  waiting = [];
  const words = closeWords(event.code);
  const clean = ` wasClean: ${event.wasClean ? '' : 'not '}both sides sent a Close frame.`;
  const lost = unanswered ? ` Sent, but not echoed: ${count(unanswered, 'message')}.` : '';
  log('event', 'close', closeDetails(event),
    { note: words + clean + lost, group: groupOf(id, 'close'), bad: !event.wasClean });
  byId('connect').textContent = 'Connect again';
  showState(`Code ${event.code}: ${words}`);
}

// ---- 3  Sending --------------------------------------------------------------

function sendText() {
  clearProblems();
  send('text', byId('text').value);
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

// What the buttons send: "text" and a text, or "length" and a number of bytes. A length of 125 is
// the largest that fits into a frame's first two bytes; 126 and 65,536 need longer forms.
function sendReady(button) {
  clearProblems();
  const { text, length, times = 1 } = button.dataset;
  const data = text ?? largeText(Number(length));
  for (let i = 1; i <= times; i += 1) {
    if (!send('ready', times === 1 ? data : `${data} ${i}`)) return;
  }
}

// All sending ends here. A string becomes a text message, bytes become a binary one.
// The server replies in order, so a queue is enough to know which echo belongs to what.
function send(place, data) {
  if (!socket || socket.readyState !== WebSocket.OPEN) {
    problem(place, 'There is no open connection. Press Connect first.');
    return false;
  }
  log('call', 'send', describe(data), { group: groupOf(id, 'in', sent) });
  sent += 1;
  waiting.push({ ...messageOf(data), at: performance.now() });
  socket.send(data);
  return true;
}

// "48 65 6c" or "48656c" to bytes; throws an error whose message can be shown.
function bytesOfHex(hex) {
  const wrong = hex.match(/[^0-9a-f\s]/iu);
  if (wrong) throw new SyntaxError(`${quote(wrong[0])} is not a hex digit. These are 0–9 and a–f.`);
  const words = hex.split(/\s+/);
  const odd = words.find((word) => word.length % 2 === 1);
  if (odd) throw new SyntaxError(`${quote(odd)} is half a byte short: write two digits a byte, such as 0a.`);
  const pairs = words.join('').match(/../g) ?? [];
  return Uint8Array.from(pairs, (pair) => parseInt(pair, 16));
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
  if (typeof data === 'string') return { type: 'text', bytes: new TextEncoder().encode(data) };
  return { type: 'binary', bytes: new Uint8Array(data) };
}

function equal(a, b) {
  return a.type === b.type && a.bytes.length === b.bytes.length
    && a.bytes.every((byte, i) => byte === b.bytes[i]);
}

// Type, length and beginning; never the whole of a long message.
function describe(data) {
  const { type, bytes } = messageOf(data);
  const start = type === 'text' ? textStart(data) : startOfBytes(bytes);
  return `${type}, ${count(bytes.length, 'byte')}${bytes.length ? ': ' : ''}${start}`;
}

function textStart(text) {
  return text === '' ? '' : startOf(text, SHOWN_TEXT);
}

function startOfBytes(bytes) {
  const start = hexOf(bytes.subarray(0, SHOWN_BYTES), ' ');
  return start + (bytes.length > SHOWN_BYTES ? ' …' : '');
}

// ---- 5  The log --------------------------------------------------------------

// kind is 'call' (by the page) or 'event' (from the browser). Everything that comes from outside
// goes in as text, never as HTML, so a message is shown and cannot do anything else.
// group is the name that this row shares with the rows of the trace about the same thing.
function log(kind, name, details, { note = '', bad = false, group = '' } = {}) {
  const row = document.createElement('div');
  row.className = bad ? `entry ${kind} bad` : `entry ${kind}`;
  row.tabIndex = -1;
  row.dataset.row = '';
  if (group) row.dataset.group = group;
  const what = part('what', '');
  what.append(part('name', kind === 'call' ? `${name}()` : name), ' ', part('details', details));
  row.append(part('time', clock()), part('mark', kind === 'call' ? '→' : '←'), what, part('note', note));
  rows.append([row]);
}

function clock() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, '0');
  const milliseconds = String(now.getMilliseconds()).padStart(3, '0');
  return `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}.${milliseconds}`;
}

// ---- 6  Words ----------------------------------------------------------------

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
    const length = messageOf(byId('close-reason').value).bytes.length;
    return `The browser did not close with this reason. It may be 123 bytes long; this one has ${length}.`;
  }
  return error.message;
}

function errorWords() {
  return 'Something failed, and the browser does not tell a page what, so that pages cannot use it to '
    + 'explore a network. The server may be stopped, or full, or reject pages of this address. '
    + `Look at the server’s terminal, or ask it yourself:\ncurl -i ${location.origin}/`;
}

// Shown beside what the reader just did; field is the input to mend, if there is one.
function problem(place, words, field) {
  byId(`${place}-problem`).textContent = words;
  if (!field) return;
  byId(field).setAttribute('aria-invalid', 'true');
  byId(field).focus();
}

function clearProblems() {
  for (const element of document.querySelectorAll('.problem')) element.textContent = '';
  for (const element of document.querySelectorAll('[aria-invalid]')) element.removeAttribute('aria-invalid');
}

// ---- 7  The buttons ----------------------------------------------------------

// A form's submit is both a click on its button and Enter in one of its fields.
// Left alone, it would load another page.
function onSubmit(id, action) {
  byId(id).addEventListener('submit', (event) => {
    event.preventDefault();
    action();
  });
}

byId('connect').addEventListener('click', connect);
byId('clear-log').addEventListener('click', () => rows.clear());
byId('ready').addEventListener('click', ({ target }) => {
  if (target.matches('button')) sendReady(target);
});
onSubmit('close-form', closeConnection);
onSubmit('text-form', sendText);
onSubmit('hex-form', sendHex);
onSubmit('large-form', sendLarge);
showState('Press Connect to open a WebSocket.');
