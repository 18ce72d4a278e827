// Debian's Firefox and the server: what it asks for, what it sends, and how it ends a connection.
// It is watched from three sides: by the ladder's left end, by its right end, and on /wire by
// npm's ws, which belongs to neither.
//
//   BROWSER=firefox node --test browser/firefox.test.mjs        (in tests/, after npm ci)
//
// SERVER names another server than ../server.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { startServer, within } from '../harness/server.mjs';
import { DEADLINE_MS, TEST_MS, connect, eventually, framesIn, lastRow, launchBrowser, pageTest as testOnPage, picture,
  row, rowsOf, sendFrom, state } from './browser.mjs';

const KIB_64 = 65536;
const MIB = 1048576;
const [TEXT, BINARY, CLOSE, PING, PONG] = [1, 2, 8, 9, 10];      // opcodes

let browser;
let server;
let trace;

before(async () => {
  server = await startServer(['--timeout', '20', '--wire']);
  trace = await traceOf(server);
  browser = await launchBrowser();
}, { timeout: 2 * TEST_MS });

after(async () => {
  await browser?.close();
  trace?.close();
  await server?.stop();
}, { timeout: TEST_MS });

const pageTest = (name, body, options) =>
  testOnPage(name, () => browser, () => server.url, body, options);

// ---- What the tests say --------------------------------------------------------

/** The server's trace, as it comes on /wire: event(what, check) is the first event that passes. */
async function traceOf({ wsUrl }) {
  const socket = new WebSocket(`${wsUrl}wire`);
  const events = [];
  let wake = () => {};
  socket.on('message', (data) => { events.push(JSON.parse(data)); wake(); });
  const opened = new Promise((resolve, reject) => { socket.on('open', resolve).on('error', reject); });
  await within(opened, '/wire to open');
  async function event(what, check) {
    for (let i = 0; ; i += 1) {
      const more = i < events.length || new Promise((done) => { wake = done; });
      await within(more, `the trace to hold ${what}`);
      if (check(events[i])) return events[i];
    }
  }
  /** The number of the connection that asks for this path. */
  const conn = async (target) =>
    (await event(`GET ${target}`, (one) => one.text?.startsWith(`GET ${target} `))).conn;
  /** The lines of its request, or of the response. */
  async function lines(target, dir) {
    const number = await conn(target);
    const mine = (one) => one.conn === number && one.event === 'line' && one.dir === dir;
    await event(`the end of the lines for ${target}`, (one) => mine(one) && one.text === '');
    return events.filter(mine).map((one) => one.text).slice(0, -1);
  }
  return { event, conn, lines, close: () => socket.close() };
}

const valueOf = (lines, name) =>
  lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);

/** Opens a WebSocket in the page, and collects what its events say, up to the first message or the end. */
function attempt(page, url, protocols = []) {
  return within(page.evaluate(([where, which]) => new Promise((done) => {
    const said = [];
    const socket = new WebSocket(where, which);
    socket.onopen = () => {
      said.push(`open "${socket.protocol}" "${socket.extensions}"`);
      socket.send('Hello');
    };
    socket.onmessage = ({ data }) => { said.push(data); done(said); socket.close(); };
    socket.onerror = () => said.push('error');
    socket.onclose = ({ code, wasClean }) => { said.push(`close ${code} ${wasClean}`); done(said); };
  }), [url, protocols]), 'the WebSocket to close, or to get its message');
}

/** The path that the page has asked for. */
async function targetOf(page) {
  const { pathname, search } =
    new URL((await rowsOf(page)).find(({ api }) => api === 'new WebSocket').left.match(/ws:\S+/)[0]);
  return pathname + search;
}

// Each message crosses the wire twice; the frames of the two ways come in any order to each other.
async function expectFrames(page, ...frames) {
  const way = (list, dir) => list.filter((one) => one[0] === dir);
  const expected = ['in', 'out'].flatMap((dir) =>
    frames.map(([opcode, length]) => [dir, opcode, true, length]));
  await eventually(async () => {
    const seen = (await framesIn(page)).map(({ dir, opcode, fin, length }) => [dir, opcode, fin, length]);
    assert.deepEqual([...way(seen, 'in'), ...way(seen, 'out')], expected);
  });
  assert.equal(await row(page, '.bad').count(), 0, 'the page finds fault with no frame');
}

// ---- The handshake ---------------------------------------------------------------

pageTest('what it asks for: a WebSocket, from this page, compressed if we like', async (page) => {
  await connect(page);
  const asked = await trace.lines(await targetOf(page), 'in');
  assert.equal(valueOf(asked, 'Origin'), new URL(server.url).origin);
  assert.equal(valueOf(asked, 'Host'), new URL(server.url).host);
  assert.equal(valueOf(asked, 'Upgrade'), 'websocket');
  assert.match(valueOf(asked, 'Connection'), /\bUpgrade\b/);
  assert.equal(valueOf(asked, 'Sec-WebSocket-Version'), '13');
  assert.match(valueOf(asked, 'Sec-WebSocket-Extensions'), /^permessage-deflate/);
  assert.equal(valueOf(asked, 'Sec-WebSocket-Protocol'), undefined);
  assert.match(valueOf(asked, 'User-Agent'), /Firefox\//);
});

pageTest('compression is declined, and it goes on without', async (page) => {
  assert.deepEqual(await attempt(page, `${server.wsUrl}echo?plain`), ['open "" ""', 'Hello']);
  const answered = await trace.lines('/echo?plain', 'out');
  assert.equal(answered[0], 'HTTP/1.1 101 Switching Protocols');
  assert.equal(valueOf(answered, 'Sec-WebSocket-Extensions'), undefined);
});

// Chromium gives the connection up here, as ws does.
pageTest('a subprotocol that the server does not choose: it goes on without', async (page) => {
  assert.deepEqual(await attempt(page, `${server.wsUrl}echo?chat`, ['chat']), ['open "" ""', 'Hello']);
  assert.equal(valueOf(await trace.lines('/echo?chat', 'in'), 'Sec-WebSocket-Protocol'), 'chat');
  assert.equal(valueOf(await trace.lines('/echo?chat', 'out'), 'Sec-WebSocket-Protocol'), undefined);
});

pageTest('a page of another origin gets 403, and only learns that it did not work', async (page) => {
  await page.goto('data:text/html,<title>from elsewhere</title>');
  assert.deepEqual(await attempt(page, `${server.wsUrl}echo?elsewhere`), ['error', 'close 1006 false']);
  assert.equal(valueOf(await trace.lines('/echo?elsewhere', 'in'), 'Origin'), 'null');
  assert.match((await trace.lines('/echo?elsewhere', 'out'))[0], /^HTTP\/1\.1 403 /);
}, { complaintsExpected: true });

// ---- Messages --------------------------------------------------------------------

pageTest('text and bytes: the two ends of the ladder agree', async (page) => {
  await connect(page);
  await page.fill('#text', 'grüße 👋');
  await page.click('#send-text');
  await lastRow(page, 'message', 'text, 12 bytes', 'As sent.');
  await sendFrom(page, 'hex');
  await lastRow(page, 'message', 'binary, 5 bytes: 48 65 6c 6c 6f', 'As sent.');
  for (const length of [125, 126, KIB_64]) {
    await sendFrom(page, 'large', `text ${length}`);
    await lastRow(page, 'message', `text, ${length.toLocaleString('en')} bytes`, 'As sent.');
  }
  await expectFrames(page, [TEXT, 12], [BINARY, 5], [TEXT, 125], [TEXT, 126], [TEXT, KIB_64]);
  await picture(page, 'both-ends');
});

pageTest('1 MiB, text or bytes, is one frame each way', async (page) => {
  await connect(page);
  for (const type of ['text', 'binary']) {
    await sendFrom(page, 'large', `${type} ${MIB}`);
    await lastRow(page, 'message', `${type}, 1,048,576 bytes`, 'As sent.');
  }
  await expectFrames(page, [TEXT, MIB], [BINARY, MIB]);
});

// ---- Idle, and the end -----------------------------------------------------------

test('an idle Firefox replies to pings, and stays', { timeout: TEST_MS }, async () => {
  const own = await startServer(['--timeout', '2', '--wire']);
  const page = await browser.newPage();
  try {
    page.setDefaultTimeout(DEADLINE_MS);
    await page.goto(own.url);
    await connect(page);
    const pongs = row(page, `[data-opcode="${PONG}"][data-dir="in"]`);
    await pongs.nth(1).waitFor();         // without its pongs it would be ended after the first
    const pings = row(page, `[data-opcode="${PING}"][data-dir="out"]`);
    assert.ok(await pings.count() >= 2);
    await page.click('#send-text');
    await lastRow(page, 'message', '"Hello"', 'As sent.');
    await state(page, 'OPEN');
  } finally {
    await page.close();
    await own.stop();
  }
});

const closes = [
  ['4000', 'grüße 👋', 'code 4000, reason "grüße 👋"', 14],
  ['1000', '', 'code 1000, no reason', 2],
  ['', '', 'code 1005, no reason', 0],
];

pageTest('a close, with a code or without: both ends agree', async (page) => {
  for (const [code, reason, reported, length] of closes) {
    await page.goto(server.url);
    await connect(page);
    await page.fill('#close-code', code);
    await page.fill('#close-reason', reason);
    await page.click('#close');
    await lastRow(page, 'close', reported, 'wasClean true');
    await expectFrames(page, [CLOSE, length]);
    await row(page, '.note').filter({ hasText: 'disconnected' }).last().waitFor();
  }
});

pageTest('a page that is left says 1001', async (page) => {
  await connect(page);
  const number = await trace.conn(await targetOf(page));
  await page.goto('about:blank');
  const isReply = ({ conn, event, dir, bytes }) =>
    conn === number && event === 'frame' && dir === 'out' && bytes === '880203e9';
  await trace.event('a Close frame with 1001', isReply);
});
