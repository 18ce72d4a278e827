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
//   5  the log             a bounded list of rows
//   6  words               what codes and errors mean
//   7  the buttons         which one calls what
//
// The file is loaded as a module, so its names are its own and not the window's.

const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];   // in the order of readyState: 0 to 3
const MAX_ROWS = 1000;                                        // of the log; older ones are dropped
const SHOWN_TEXT = 60;                                        // characters of a message in the log
const SHOWN_BYTES = 24;                                       // the same for binary messages

let socket = null;      // the present WebSocket, or the last one; null before the first
let waiting = [];       // sent messages whose echo has not come back yet, oldest first
let droppedRows = 0;

const byId = (id) => document.getElementById(id);

// ---- 1  The connection -------------------------------------------------------

function connect() {
  clearProblems();
  if (socket && socket.readyState !== WebSocket.CLOSED) {
    return problem('connect', 'There is a connection already. Close it, then connect again.');
  }
  const url = echoUrl();
  log('call', 'new WebSocket', url);
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
  const random = crypto.getRandomValues(new Uint8Array(8));
  return `${scheme}//${location.host}/echo?page=${hexOf(random, '')}`;
}

function closeConnection() {
  clearProblems();
  if (!socket || socket.readyState >= WebSocket.CLOSING) {
    return problem('close', 'There is no connection to close.');
  }
  try {
    callClose(byId('close-code').value.trim(), byId('close-reason').value);
    showState('The page asked to close, and now waits for the server’s answer.');
  } catch (error) {
    log('call', 'close', `threw ${error.name}`, closeRefused(error));
    problem('close', closeRefused(error), error.name === 'SyntaxError' ? 'close-reason' : 'close-code');
  }
}

function callClose(code, reason) {
  if (code === '') {
    socket.close();                 // a reason needs a code before it, so neither is sent
    return log('call', 'close', 'no code, no reason');
  }
  if (!/^\d+$/.test(code)) throw new RangeError(`${quote(code)} is not a number.`);
  socket.close(Number(code), reason);
  log('call', 'close', `code ${code}, reason ${quote(reason)}`);
}

// What readyState says now. There is no event for every change of it, so this is
// called after whatever may have changed it.
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
  log('event', 'open', '', 'The server agreed. Both sides may send now.');
  showState('Both sides may send now.');
}

function onMessage(event) {
  const now = performance.now();    // first of all, for the rest of this takes time as well
  const sent = waiting.shift();
  if (!sent) return log('event', 'message', describe(event.data), 'The server sent this unasked.');
  const time = `${(now - sent.at).toFixed(1)} ms`;
  const same = equal(sent, messageOf(event.data));
  byId('round-trip').textContent = time;
  log('event', 'message', describe(event.data),
    same ? `The same as was sent. Round trip ${time}.` : 'This differs from what was sent!', !same);
}

// The event itself is empty. If pages were told why a connection failed, any page could
// use its visitors' browsers to explore the networks that they sit in.
function onError() {
  log('event', 'error', 'no detail', errorWords(), true);
}

function onClose(event) {
  const unanswered = waiting.length;
  waiting = [];
  const words = closeWords(event.code);
  const clean = ` wasClean: ${event.wasClean ? '' : 'not '}both sides said goodbye.`;
  const lost = unanswered ? ` Sent, but not echoed: ${count(unanswered, 'message')}.` : '';
  log('event', 'close', closeDetails(event), words + clean + lost, !event.wasClean);
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

// All sending ends here. A string becomes a text message, bytes become a binary one.
// The server answers in order, so a queue is enough to know which echo belongs to what.
function send(place, data) {
  if (!socket || socket.readyState !== WebSocket.OPEN) {
    return problem(place, 'There is no open connection. Press Connect first.');
  }
  log('call', 'send', describe(data));
  waiting.push({ ...messageOf(data), at: performance.now() });
  socket.send(data);
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
  return Array.from({ length: size / 8 }, (_, i) => String(i).padStart(7, '0')).join(' ') + ' ';
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
  const start = type === 'text' ? startOfText(data) : startOfBytes(bytes);
  return `${type}, ${count(bytes.length, 'byte')}${bytes.length ? ': ' : ''}${start}`;
}

// Counted in whole characters: a cut through the middle of an emoji would show as rubbish.
function startOfText(text) {
  const start = [...text.slice(0, 2 * SHOWN_TEXT)].slice(0, SHOWN_TEXT).join('');
  if (text === '') return '';
  return quote(start) + (start.length < text.length ? ' …' : '');
}

function startOfBytes(bytes) {
  const start = hexOf(bytes.subarray(0, SHOWN_BYTES), ' ');
  return start + (bytes.length > SHOWN_BYTES ? ' …' : '');
}

function hexOf(bytes, between) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(between);
}

// In quotation marks, with line ends and the like written out as \n.
function quote(text) {
  return JSON.stringify(text);
}

function count(number, noun) {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

// ---- 5  The log --------------------------------------------------------------

// kind is 'call' (by the page) or 'event' (from the browser). Whatever comes from outside
// goes in as text, never as HTML: a message is then only ever shown, and cannot do anything.
function log(kind, name, details, note = '', bad = false) {
  const row = document.createElement('div');
  row.className = bad ? `entry ${kind} bad` : `entry ${kind}`;
  const what = part('what', '');
  what.append(part('name', kind === 'call' ? `${name}()` : name), ' ', part('details', details));
  row.append(part('time', clock()), part('mark', kind === 'call' ? '→' : '←'), what, part('note', note));
  addRow(row);
}

function part(className, text) {
  const span = document.createElement('span');
  span.className = className;
  span.textContent = text;
  return span;
}

// Follows the newest row, unless the reader has scrolled up to look at an older one.
function addRow(row) {
  const list = byId('log');
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 8;
  list.append(row);
  if (list.childElementCount > MAX_ROWS) {
    list.firstElementChild.remove();
    droppedRows += 1;
  }
  showDropped();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function showDropped() {
  byId('dropped').hidden = droppedRows === 0;
  byId('dropped').textContent =
    `The log keeps ${count(MAX_ROWS, 'row')}. Dropped from its beginning: ${count(droppedRows, 'row')}.`;
}

function clearLog() {
  byId('log').replaceChildren();
  droppedRows = 0;
  showDropped();
}

function clock() {
  const now = new Date();
  const two = (number) => String(number).padStart(2, '0');
  const milliseconds = String(now.getMilliseconds()).padStart(3, '0');
  return `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}.${milliseconds}`;
}

// ---- 6  Words ----------------------------------------------------------------

const CLOSE_WORDS = {
  1000: 'All is well, the work is done.',
  1001: 'One side is going away: the server is stopping, or the page is being left.',
  1002: 'One side broke a rule of the protocol.',
  1003: 'One side got a kind of message that it does not take.',
  1005: 'No code was given. (1005 is never sent: it is how the browser says so.)',
  1006: 'The connection ended without a goodbye, or never came to be. '
    + '(1006 is never sent: it is how the browser says so.)',
  1007: 'A text message was not valid UTF-8.',
  1008: 'A message went against the other side’s policy.',
  1009: 'A message was larger than the other side takes.',
  1010: 'The browser missed an extension that it needs.',
  1011: 'The server met a problem of its own.',
  1012: 'The server is restarting.',
  1013: 'The server has too much to do: try again later.',
};

function closeWords(code) {
  if (code in CLOSE_WORDS) return CLOSE_WORDS[code];
  if (code >= 4000) return 'A code of the program’s own: 4000 to 4999 are free for anyone to use.';
  if (code >= 3000) return 'A code registered for some library or program.';
  return 'A code of the protocol that this page has no words for.';
}

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
    + 'explore a network. The server may be stopped, or full, or not take pages from this address. '
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
// Left alone, it would load the page anew.
function onSubmit(id, action) {
  byId(id).addEventListener('submit', (event) => {
    event.preventDefault();
    action();
  });
}

byId('connect').addEventListener('click', connect);
byId('clear-log').addEventListener('click', clearLog);
onSubmit('close-form', closeConnection);
onSubmit('text-form', sendText);
onSubmit('hex-form', sendHex);
onSubmit('large-form', sendLarge);
showState('Press Connect to open a WebSocket.');
