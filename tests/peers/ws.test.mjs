// The npm package ws as a client: an implementation of RFC 6455 that was not
// written for this server, and that checks strictly what it receives.

import { after, before, describe, test } from 'node:test';
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import WebSocket from 'ws';
import { startServer, within } from '../harness/server.mjs';

/**
 * A connection whose events come one by one from next(), in the order in which
 * they happened, so that a test states the order as well:
 * { text } | { binary } | { ping } | { pong } | { code, reason } for the end.
 */
class Client {
  #events = [];
  #wake = () => {};

  constructor(url, { protocols = [], ...options } = {}) {
    const socket = new WebSocket(url, protocols, options);
    const put = (event) => { this.#events.push(event); this.#wake(); };
    socket.on('message', (data, isBinary) => put(isBinary ? { binary: data } : { text: data.toString() }));
    socket.on('ping', (data) => put({ ping: data.toString() }));
    socket.on('pong', (data) => put({ pong: data.toString() }));
    socket.on('error', (error) => put({ error: error.message }));
    socket.on('close', (code, reason) => put({ code, reason: reason.toString() }));
    this.socket = socket;
    this.opened = new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    this.opened.catch(() => {}); // the error is among the events too
  }

  async next() {
    if (this.#events.length === 0) {
      await within(new Promise((resolve) => { this.#wake = resolve; }), 'something from the server');
    }
    return this.#events.shift();
  }
}

async function connect(url, options) {
  const client = new Client(url, options);
  await within(client.opened, 'the connection to open');
  return client;
}

async function close(client, ...codeAndReason) {
  client.socket.close(...codeAndReason);
  return client.next();
}

/** Sends the message and expects the same back. A long one is not printed. */
async function assertEchoed(client, message) {
  const kind = typeof message === 'string' ? 'text' : 'binary';
  client.socket.send(message);
  const answer = await client.next();
  assert.deepEqual(Object.keys(answer), [kind], `expected a ${kind} message back`);
  const [want, got] = [Buffer.from(message), Buffer.from(answer[kind])];
  assert.equal(got.length, want.length, 'the length in bytes of what came back');
  const difference = want.findIndex((byte, i) => byte !== got[i]);
  assert.equal(difference, -1, `expected the same bytes back, but byte ${difference} differs`);
}

/** Bytes in which a mask applied at the wrong place would show. */
const bytes = (length) => Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255));

/** Text of that many bytes, with characters of one to four bytes. */
function text(length) {
  const characters = 'aé€😀'; // 1 + 2 + 3 + 4 bytes
  return characters.repeat(Math.floor(length / 10)) + 'x'.repeat(length % 10);
}

/** The status of the answer to a handshake that is expected to be refused. */
function refusal(url, options) {
  const socket = new WebSocket(url, options);
  return within(new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('open', () => {
      socket.terminate();
      reject(new Error('expected a refusal, but the connection opened'));
    });
    socket.on('unexpected-response', (request, response) => {
      response.resume().on('error', reject).on('end', () => resolve(response.statusCode));
    });
  }), 'a whole answer to the handshake');
}

describe('ws as a client', () => {
  let server;
  let echo;
  before(async () => {
    server = await startServer();
    echo = `${server.wsUrl}echo`;
  });
  after(() => server?.stop());

  // The lengths lie on both sides of each change in how a frame writes its
  // length: in 7 bits up to 125, in 16 up to 65535, in 64 above. 1 MiB is the
  // longest message that the server takes unless told otherwise.
  for (const length of [0, 1, 125, 126, 127, 65535, 65536, 1 << 20]) {
    test(`a text of ${length} bytes comes back as the same text`, async () => {
      const client = await connect(echo);
      await assertEchoed(client, text(length));
      assert.deepEqual(await close(client, 1000), { code: 1000, reason: '' });
    });

    test(`a binary message of ${length} bytes comes back as the same bytes`, async () => {
      const client = await connect(echo);
      await assertEchoed(client, bytes(length));
      assert.deepEqual(await close(client, 1000), { code: 1000, reason: '' });
    });
  }

  test('text and binary messages on one connection each come back as their own kind', async () => {
    const client = await connect(echo);
    for (const message of ['text', bytes(256), '', bytes(0), 'é€😀']) await assertEchoed(client, message);
    await close(client);
  });

  test('a message in three fragments comes back whole, and a ping between them is answered at once', async () => {
    const client = await connect(echo);
    const [first, second, third] = ['Zwölf ', '€ und ', '😀'];
    client.socket.send(first, { fin: false });
    client.socket.send(second, { fin: false });
    client.socket.ping('in between');
    // The message is not complete yet, so only the pong can come now.
    assert.deepEqual(await client.next(), { pong: 'in between' });
    client.socket.send(third, { fin: true });
    assert.deepEqual(await client.next(), { text: first + second + third });
    await close(client);
  });

  test('a character may be split between two fragments', async () => {
    const client = await connect(echo);
    const euro = Buffer.from('€');
    client.socket.send(euro.subarray(0, 1), { fin: false, binary: false });
    client.socket.send(euro.subarray(1), { fin: true, binary: false });
    assert.deepEqual(await client.next(), { text: '€' });
    await close(client);
  });

  test('a binary message in fragments, the last one empty, comes back whole', async () => {
    const client = await connect(echo);
    const want = bytes(1000);
    client.socket.send(want.subarray(0, 1), { fin: false });
    client.socket.send(want.subarray(1), { fin: false });
    client.socket.send(Buffer.alloc(0), { fin: true });
    assert.deepEqual(await client.next(), { binary: want });
    await close(client);
  });

  // 125 bytes are the most that a control frame may carry.
  for (const [name, payload] of [['no', ''], ['a short', 'are you there?'], ['the longest', 'x'.repeat(125)]]) {
    test(`a ping with ${name} payload is answered by a pong with the same`, async () => {
      const client = await connect(echo);
      client.socket.ping(payload);
      assert.deepEqual(await client.next(), { pong: payload });
      await close(client);
    });
  }

  test('200 messages sent at once come back in order', async () => {
    const client = await connect(echo);
    const messages = Array.from({ length: 200 }, (_, i) => `message ${i}`);
    for (const message of messages) client.socket.send(message);
    for (const message of messages) assert.deepEqual(await client.next(), { text: message });
    await close(client);
  });

  // A close frame has room for a code of 2 bytes and a reason of up to 123.
  const closes = [[1000, ''], [1001, 'going away'], [3000, 'done, thanks'], [4999, `${'é'.repeat(61)}!`]];
  for (const [code, reason] of closes) {
    const length = Buffer.byteLength(reason);
    test(`a close with code ${code} and a reason of ${length} bytes is answered by the same`, async () => {
      const client = await connect(echo);
      assert.deepEqual(await close(client, code, reason), { code, reason });
    });
  }

  test('a close without a code is answered by one without a code', async () => {
    const client = await connect(echo);
    // 1005 never travels: it is how a client says that it received no code.
    assert.deepEqual(await close(client), { code: 1005, reason: '' });
  });

  test('compression that the client offers is declined', async () => {
    const client = await connect(echo, { perMessageDeflate: true });
    assert.equal(client.socket.extensions, '', 'expected no extension in use');
    await assertEchoed(client, text(1000));
    await close(client);
  });

  test('a subprotocol that the client asks for is not answered', async () => {
    // The server speaks none. ws then gives up the connection, as a client may.
    const client = new Client(echo, { protocols: ['chat'] });
    assert.deepEqual(await client.next(), { error: 'Server sent no subprotocol' });
  });

  test('a handshake for another path is refused with 404', async () => {
    assert.equal(await refusal(`${server.wsUrl}elsewhere`), 404);
  });

  test('a handshake from the page of another site is refused with 403', async () => {
    assert.equal(await refusal(echo, { origin: 'http://other.example' }), 403);
  });

  test('a handshake from a page of this server is accepted', async () => {
    const client = await connect(echo, { origin: new URL(server.url).origin });
    await assertEchoed(client, 'from a page');
    await close(client);
  });

  test('50 clients at once each get back their own messages', async () => {
    const clients = await Promise.all(Array.from({ length: 50 }, () => connect(echo)));
    await Promise.all(clients.map(async (client, i) => {
      for (let k = 0; k < 10; k++) await assertEchoed(client, `client ${i}, message ${k}`);
    }));
    await Promise.all(clients.map(async (client) => {
      assert.deepEqual(await close(client, 1000), { code: 1000, reason: '' });
    }));
  });
});

describe('ws as a client of a server with options', () => {
  /** Runs the body with a server of its own and always stops that. */
  async function withServer(options, body) {
    const server = await startServer(options);
    try {
      await body(`${server.wsUrl}echo`, server);
    } finally {
      await server.stop();
    }
  }

  test('a message longer than --max-message ends the connection with 1009, one as long does not', () =>
    withServer(['--max-message', '1000'], async (echo) => {
      const client = await connect(echo);
      await assertEchoed(client, bytes(1000));
      client.socket.send(bytes(1001));
      assert.equal((await client.next()).code, 1009);
    }));

  test('fragments that add up to more than --max-message end the connection with 1009', () =>
    withServer(['--max-message', '1000'], async (echo) => {
      const client = await connect(echo);
      client.socket.send(bytes(600), { fin: false });
      client.socket.send(bytes(600), { fin: true });
      assert.equal((await client.next()).code, 1009);
    }));

  // What the client offers, and the names of what it must have been given. It checks that by itself, too.
  const both = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
  for (const [offer, response] of [
    [{}, both],
    [{ serverNoContextTakeover: true, clientNoContextTakeover: true }, both],
    [{ serverMaxWindowBits: 9, clientMaxWindowBits: 9 }, `${both}; server_max_window_bits=9`],
    [{ serverMaxWindowBits: 15, threshold: 0 }, `${both}; server_max_window_bits=13`],
  ]) {
    test(`with --compress, messages come back the same, offered ${JSON.stringify(offer)}`, () =>
      withServer(['--compress'], async (echo) => {
        const client = new Client(echo, { perMessageDeflate: offer });
        let extensions;
        client.socket.on('upgrade', (answer) => { extensions = answer.headers['sec-websocket-extensions']; });
        await within(client.opened, 'the connection to open');
        assert.equal(extensions, response);
        for (const length of [0, 1, 125, 255, 256, 1024, 65535, 65536, 1 << 20]) {
          await assertEchoed(client, text(length));
          await assertEchoed(client, bytes(length));
          await assertEchoed(client, randomBytes(length));
        }
        const parts = ['Zwölf ', '€ und '.repeat(300), '😀'];
        parts.forEach((part, i) => client.socket.send(part, { fin: i === 2, compress: true }));
        assert.deepEqual(await client.next(), { text: parts.join('') });
        assert.deepEqual(await close(client, 1000), { code: 1000, reason: '' });
      }));
  }

  test('with --compress, a window of 2^8 bytes is declined', () =>
    withServer(['--compress'], async (echo) => {
      const client = await connect(echo, { perMessageDeflate: { serverMaxWindowBits: 8 } });
      assert.equal(client.socket.extensions, '');
      await assertEchoed(client, text(1000));
      await close(client);
    }));

  test('with --compress, --max-message holds for what was inflated: 1009', () =>
    withServer(['--compress', '--max-message', '10000'], async (echo) => {
      const client = await connect(echo, { perMessageDeflate: true });
      await assertEchoed(client, Buffer.alloc(10000));
      client.socket.send(Buffer.alloc(10001));
      assert.equal((await client.next()).code, 1009);
    }));

  test('a page that --origin names is accepted', () =>
    withServer(['--origin', 'https://friend.example'], async (echo) => {
      const client = await connect(echo, { origin: 'https://friend.example' });
      await assertEchoed(client, 'from a friend');
      await close(client);
    }));

  test('a silent client is sent pings, and stays connected as long as it answers them', () =>
    withServer(['--timeout', '1'], async (echo) => {
      const client = await connect(echo);
      // ws answers pings by itself. Without its answers the connection would
      // be ended after 2 s, before the third ping.
      for (let i = 0; i < 3; i++) assert.ok('ping' in await client.next(), 'expected a ping');
      await assertEchoed(client, 'still here');
      await close(client);
    }));

  test('a server that is stopped says 1001 to each client and ends with exit code 0', () =>
    withServer([], async (echo, server) => {
      const clients = await Promise.all([connect(echo), connect(echo), connect(echo)]);
      const stopped = server.stop(); // checks the exit code
      for (const client of clients) assert.equal((await client.next()).code, 1001);
      await stopped;
    }));
});
