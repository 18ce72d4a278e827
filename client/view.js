// What the server saw: this file opens a second WebSocket, on which the server sends its trace: an event
// for each line and frame that crosses the wire on all other connections. The events become right ends of
// the ladder's rows. How the trace itself is stands at the ladder's foot.

import { changed, session, showEmpty } from './ladder.js';
import { Tracker } from './track.js';
import { closeWords, quote } from './words.js';

const TIMEOUT_MS = 2000;            // that Connect waits for the trace

const byId = (id) => document.getElementById(id);
const tracker = new Tracker();
const paths = new Map();            // by the page's random number: the path that was asked for

let socket = null;
let settled = Promise.resolve();    // once the socket is open, or has failed
let hasTold = false;                // some trace has: then another one begins again

/** To be called before a connection is made, so that the trace holds its beginning. */
export function traceReady() {
  if (!socket || socket.readyState >= WebSocket.CLOSING) open();
  return Promise.race([settled, new Promise((done) => { setTimeout(done, TIMEOUT_MS); })]);
}

/** The page is about to connect to this path, with this id in the address. */
export function expectConnection(id, path) {
  tracker.expect(id);
  paths.set(id, path);
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

// It may be another server, with another clock.
function began() {
  tracker.forget();
  session.newClock();
  if (hasTold) add({ ...NEWS, words: 'begins again. What happened in between is not in it.' });
  showView('open', '');
}

// News of the trace itself stand at the time of the browser's clock.
const NEWS = { kind: 'note', dir: null, everyone: true, event: { event: 'trace' }, conn: 0, n: 0, id: null, joins: null };

function add(end) {
  const now = performance.now();
  session.addRight(end.t === undefined ? { ...end, t: (now + aheadOr0()) * 1000 } : end);
  changed();
}

const aheadOr0 = () => (Number.isFinite(session.clock.ahead) ? session.clock.ahead : 0);

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
  showEmpty(state === 'none' ? 'Press Connect. The browser’s end of each exchange will appear here.'
    : 'Press Connect, then Send. Each call that the page makes, each frame that crosses the wire, and each event that comes back will appear here.');
  changed();
}

// Each event is at least as old as its arrival is late, which bounds the clock from one side.
function take(data) {
  const now = performance.now();
  try {
    const event = JSON.parse(data);
    hasTold = true;
    session.clock.told(event.t / 1000, now);
    for (const end of tracker.add(event)) add(end.id ? Object.assign(end, { path: paths.get(end.id) }) : end);
  } catch {
    add({ ...NEWS, words: 'holds an event that this page cannot read.' });
  }
}

traceReady();
