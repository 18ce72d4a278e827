// The WebSocket that Node.js has built in, of undici, which keeps to the browsers' standard: it has
// the API that pages have, and another parser than npm's ws.
//
//   node --experimental-websocket tests/peers/builtin.test.mjs
//
// Node.js 22 has it without that option, 20 with it, and older ones not at all.

import { after, before, test } from 'node:test';
import assert from 'node:assert/strict';
import { startServer, within } from '../harness/server.mjs';

const TEST_MS = 60_000;

/** A connection. Its events come one by one from next(): 'open', a message's content, or how it ended. */
function connect(url, protocols = []) {
  const socket = new WebSocket(url, protocols);
  const events = [];
  let wake = () => {};
  const put = (event) => { events.push(event); wake(); };
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('open', () => put('open'));
  socket.addEventListener('message', ({ data }) => {
    put(typeof data === 'string' ? data : Buffer.from(data));
  });
  socket.addEventListener('error', () => put('error'));
  socket.addEventListener('close', ({ code, reason, wasClean }) => put({ code, reason, wasClean }));
  async function next() {
    if (events.length === 0) {
      await within(new Promise((done) => { wake = done; }), 'something from the server');
    }
    return events.shift();
  }
  return { socket, next };
}

async function opened(url, protocols) {
  const client = connect(url, protocols);
  assert.equal(await client.next(), 'open');
  return client;
}

/** Sends the message and expects the same back. A long one is not printed. */
async function assertEchoed({ socket, next }, message) {
  socket.send(message);
  const answer = await next();
  assert.equal(typeof answer, typeof message, 'the same kind of message');
  assert.ok(Buffer.from(message).equals(Buffer.from(answer)), `the same ${message.length} came back`);
}

async function assertCloses({ socket, next }, ...codeAndReason) {
  const [code = 1005, reason = ''] = codeAndReason;
  socket.close(...codeAndReason);
  assert.deepEqual(await next(), { code, reason, wasClean: true });
}

const bytes = (length) => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255));
const text = (length) => 'aé€😀'.repeat(Math.floor(length / 10)) + 'x'.repeat(length % 10);

let server;
let echo;

function tests() {
  before(async () => {
    server = await startServer();
    echo = `${server.wsUrl}echo`;
  });
  after(() => server?.stop());

  test('messages of every length come back the same', { timeout: TEST_MS }, async () => {
    for (const length of [0, 1, 125, 126, 127, 65535, 65536, 1 << 20]) {
      const client = await opened(echo);
      await assertEchoed(client, text(length));
      await assertEchoed(client, bytes(length));
      await assertCloses(client, 1000);
    }
  });

  test('200 messages sent at once come back in order', { timeout: TEST_MS }, async () => {
    const client = await opened(echo);
    const messages = Array.from({ length: 200 }, (_, i) => `message ${i}`);
    for (const message of messages) client.socket.send(message);
    for (const message of messages) assert.equal(await client.next(), message);
    await assertCloses(client, 1000);
  });

  test('compression that it offers is declined', { timeout: TEST_MS }, async () => {
    const client = await opened(echo);
    assert.equal(client.socket.extensions, '');
    await assertEchoed(client, text(1000));
    await assertCloses(client);
  });

  test('with --compress, messages come back the same', { timeout: TEST_MS }, async () => {
    const own = await startServer(['--compress']);
    try {
      const client = await opened(`${own.wsUrl}echo`);
      assert.match(client.socket.extensions, /^permessage-deflate/);
      for (const length of [0, 1, 125, 255, 256, 1024, 65535, 65536, 1 << 20]) {
        await assertEchoed(client, text(length));
        await assertEchoed(client, bytes(length));
      }
      await assertCloses(client, 1000);
    } finally {
      await own.stop();
    }
  });

  // As browsers' standard has it. Version 6 tells of no close after such an error, 7 does.
  test('without a subprotocol, and at another path, it gives up', { timeout: TEST_MS }, async () => {
    assert.equal(await connect(echo, ['chat']).next(), 'error');
    assert.equal(await connect(`${server.wsUrl}elsewhere`).next(), 'error');
  });

  test('a close, with or without a code, is answered by the same', { timeout: TEST_MS }, async () => {
    for (const close of [[1000, 'done'], [3000, ''], [4999, `${'é'.repeat(61)}!`], []]) {
      await assertCloses(await opened(echo), ...close);
    }
  });

  test('a message that is too long is answered by 1009', { timeout: TEST_MS }, async () => {
    const client = await opened(echo);
    client.socket.send(bytes((1 << 20) + 1));
    assert.equal((await client.next()).code, 1009);
  });

  test('a silent client answers pings, and stays', { timeout: TEST_MS }, async () => {
    const own = await startServer(['--timeout', '1']);
    try {
      const client = await opened(`${own.wsUrl}echo`);
      // Without its pongs it would be ended after two.
      await new Promise((done) => { setTimeout(done, 4000); });
      await assertEchoed(client, 'still here');
      await assertCloses(client, 1000);
    } finally {
      await own.stop();
    }
  });

  test('a server that is stopped says 1001', { timeout: TEST_MS }, async () => {
    const own = await startServer();
    const client = await opened(`${own.wsUrl}echo`);
    const stopped = own.stop(); // checks the exit code
    assert.equal((await client.next()).code, 1001);
    await stopped;
  });
}

if (typeof WebSocket === 'function') tests();
else console.log(`0 passed: left out, Node.js ${process.version} has no WebSocket built in`);
