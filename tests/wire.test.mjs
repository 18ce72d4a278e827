// The page's decoder, without a browser: frames, handshakes, and what belongs together.
//
//   node --test wire.test.mjs        (in tests/)

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { test } from 'node:test';
import { Tracker, groupOf } from '../client/track.js';
import { acceptOf, bytesOfHex, decodeFrame, headerOf, isUpgrade, requestOf, statusOf, unmask } from '../client/wire.js';

const hexOf = (bytes) => Buffer.from(bytes).toString('hex');
const textOf = (bytes) => Buffer.from(bytes).toString('utf8');
const decode = (bytes, dir = 'in', more = {}) => decodeFrame({ bytes, dir, ...more });

// A frame as a client or a server sends it, and as the trace holds it.
function frameOf(dir, opcode, payload, { fin = true, rsv = 0, key = '37fa213d', form } = {}) {
  const bytes = Buffer.from(payload);
  const shown = bytes.subarray(0, 64);
  const masked = dir === 'in' && key !== '';
  const first = (fin ? 0x80 : 0) | rsv << 4 | opcode;
  const header = Buffer.concat([
    Buffer.from([first]), lengthBytes(bytes.length, masked, form), Buffer.from(masked ? key : '', 'hex')]);
  const sent = masked ? unmask(shown, bytesOfHex(key)) : shown;
  const event = { event: 'frame', dir, bytes: hexOf(header) + hexOf(sent), length: bytes.length };
  return bytes.length > 64 ? { ...event, cut: true } : event;
}

function lengthBytes(length, masked, form = length < 126 ? 7 : length < 65536 ? 16 : 64) {
  const mask = masked ? 0x80 : 0;
  if (form === 7) return Buffer.from([mask | length]);
  const bytes = Buffer.alloc(form === 16 ? 3 : 9);
  bytes[0] = mask | (form === 16 ? 126 : 127);
  if (form === 16) bytes.writeUInt16BE(length, 1);
  else bytes.writeBigUInt64BE(BigInt(length), 1);
  return bytes;
}

function expectNotes(frame, ...words) {
  assert.equal(frame.notes.length, words.length, `notes: ${JSON.stringify(frame.notes)}`);
  words.forEach((one, i) => assert.match(frame.notes[i], one));
}

// ---- The examples of section 5.7 -------------------------------------------------

test('an unmasked text frame', () => {
  const frame = decode('810548656c6c6f', 'out');
  assert.deepEqual([frame.fin, frame.rsv, frame.opcode, frame.name], [true, [0, 0, 0], 1, 'text']);
  assert.deepEqual([frame.masked, frame.length7, frame.form, frame.length], [false, 5, 7, 5]);
  assert.deepEqual([frame.key, frame.headerSize, frame.headerWhole], [null, 2, true]);
  assert.equal(frame.text, 'Hello');
  expectNotes(frame);
});

test('a masked text frame', () => {
  const frame = decode('818537fa213d7f9f4d5158');
  assert.equal(hexOf(frame.key), '37fa213d');
  assert.equal(hexOf(frame.payload), '7f9f4d5158');
  assert.equal(textOf(frame.plain), 'Hello');
  assert.deepEqual([frame.masked, frame.headerSize, frame.text], [true, 6, 'Hello']);
  expectNotes(frame);
});

test('a fragmented text message', () => {
  const first = decode('010348656c', 'out');
  const second = decodeFrame({ bytes: '80026c6f', dir: 'out' }, 1);
  assert.deepEqual([first.fin, first.opcode, first.text], [false, 1, 'Hel']);
  assert.deepEqual([second.fin, second.name, second.messageOpcode, second.text], [true, 'continuation', 1, 'lo']);
  expectNotes(first);
  expectNotes(second);
});

test('a ping, and its pong', () => {
  const ping = decode('890548656c6c6f', 'out');
  const pong = decode('8a8537fa213d7f9f4d5158');
  assert.deepEqual([ping.name, textOf(ping.plain)], ['ping', 'Hello']);
  assert.deepEqual([pong.name, textOf(pong.plain)], ['pong', 'Hello']);
  expectNotes(ping);
  expectNotes(pong);
});

test('256 bytes, and 64 KiB', () => {
  const small = decode(`827e0100${'ab'.repeat(64)}`, 'out', { cut: true });
  assert.deepEqual([small.form, small.length, hexOf(small.extended), small.payload.length], [16, 256, '0100', 64]);
  const large = decode(`827f0000000000010000${'ab'.repeat(64)}`, 'out', { cut: true });
  assert.deepEqual([large.form, large.length, large.headerSize, large.text], [64, 65536, 10, null]);
  expectNotes(small);
  expectNotes(large);
});

// ---- Lengths ---------------------------------------------------------------------

for (const [length, form] of [[0, 7], [1, 7], [64, 7], [65, 7], [125, 7], [126, 16], [65535, 16], [65536, 64]]) {
  for (const dir of ['in', 'out']) {
    test(`${length} bytes, ${dir}: a length in ${form} bits`, () => {
      const frame = decodeFrame(frameOf(dir, 1, 'x'.repeat(length)));
      assert.deepEqual([frame.length, frame.form, frame.masked], [length, form, dir === 'in']);
      assert.equal(frame.text, 'x'.repeat(Math.min(length, 64)));
      expectNotes(frame);
    });
  }
}

test('a length beyond what a number holds exactly', () => {
  const frame = decode('827f7fffffffffffffff', 'out', { cut: true });
  assert.equal(frame.length, 2n ** 63n - 1n);
  expectNotes(frame, /payload is not whole: 0 of 9,223,372,036,854,775,807/);
});

// ---- Broken rules ----------------------------------------------------------------

const broken = [
  ['an RSV bit', frameOf('in', 1, 'a', { rsv: 4 }), /RSV bit/],
  ['all RSV bits', frameOf('out', 1, 'a', { rsv: 7 }), /RSV bit/],
  ['an opcode without a meaning', frameOf('in', 3, 'a'), /no meaning/],
  ['a control opcode without a meaning', frameOf('out', 11, 'a'), /no meaning/],
  ['an unmasked frame of a client', frameOf('in', 1, 'a', { key: '' }), /not masked/],
  ['a masked frame of a server', { ...frameOf('in', 1, 'a'), dir: 'out' }, /must not be/],
  ['125 in 16 bits', frameOf('in', 1, 'x'.repeat(125), { form: 16 }), /has to use the shortest/],
  ['65535 in 64 bits', frameOf('out', 2, 'x'.repeat(65535), { form: 64 }), /has to use the shortest/],
  ['a ping of 126 bytes', frameOf('in', 9, 'x'.repeat(126)), /125 bytes at most/],
  ['a ping in fragments', frameOf('in', 9, 'a', { fin: false }), /must not be cut into fragments/],
  ['half a close code', frameOf('in', 8, [3]), /half a close code/],
  ['a close code that is never sent', frameOf('in', 8, [3, 238]), /close code must not be sent/],
  ['a close code out of range', frameOf('in', 8, [0x13, 0x88]), /close code must not be sent/],
  ['a reason that is not UTF-8', frameOf('in', 8, [3, 232, 0xff]), /reason is not valid/],
  ['a text that is not UTF-8', frameOf('in', 1, [0xff]), /text is not valid/],
];

for (const [name, event, words] of broken) {
  test(`${name} is noted`, () => expectNotes(decodeFrame(event), words));
}

test('the highest bit of a length', () => {
  const frame = decode('82ff8000000000000000');
  assert.equal(frame.length, 2n ** 63n);
  expectNotes(frame, /highest bit/, /header is not whole: 10/);
});

test('a frame cut after each of its bytes', () => {
  const whole = frameOf('in', 2, 'x'.repeat(300)).bytes;
  for (let size = 0; size <= 8; size += 1) {
    const frame = decode(whole.slice(0, 2 * size));
    assert.equal(frame.headerWhole, size === 8);
    assert.equal(frame.length, size < 4 ? null : 300);
    assert.equal(frame.opcode, size < 1 ? null : 2);
    expectNotes(frame, size < 8 ? new RegExp(`header is not whole: ${size} `) : /payload is not whole: 0 of 300/);
  }
  expectNotes(decode(whole, 'in', { cut: true }));
});

test('a payload that breaks off', () => {
  expectNotes(decode('818537fa213d7f9f'), /payload is not whole: 2 of 5/);
  expectNotes(decode(`82c837fa213d${'00'.repeat(64)}`, 'in', { cut: true }));
  expectNotes(decode(`82c837fa213d${'00'.repeat(63)}`), /payload is not whole: 63 of 72/);
});

// ---- Text and close --------------------------------------------------------------

test('a character that the cut divides is left out', () => {
  const frame = decodeFrame(frameOf('out', 1, 'x'.repeat(63) + 'é'.repeat(30)));
  assert.equal(frame.text, 'x'.repeat(63));
  expectNotes(frame);
});

test('a character that two frames divide is left out in both', () => {
  const [first, second] = [Buffer.from('a👋b').subarray(0, 3), Buffer.from('a👋b').subarray(3)];
  assert.equal(decodeFrame(frameOf('in', 1, first, { fin: false })).text, 'a');
  assert.equal(decodeFrame(frameOf('in', 0, second), 1).text, 'b');
  assert.equal(decodeFrame(frameOf('in', 0, second), 2).text, null);
});

test('text that is not UTF-8 is shown as far as it goes', () => {
  assert.equal(decodeFrame(frameOf('in', 1, [0x61, 0xff, 0x62])).text, 'a\ufffdb');
  assert.equal(decodeFrame(frameOf('in', 1, [0xef, 0xbb, 0xbf, 0x61])).text, '\ufeffa');
});

test('close frames', () => {
  assert.deepEqual(decodeFrame(frameOf('in', 8, '')).close, { code: null, reason: '' });
  const close = frameOf('in', 8, [0x0f, 0xa0, ...Buffer.from('grüße')]);
  assert.deepEqual(decodeFrame(close).close, { code: 4000, reason: 'grüße' });
  assert.equal(decodeFrame(frameOf('in', 1, 'a')).close, null);
  for (const code of [1000, 1003, 1007, 1014, 3000, 4999]) {
    expectNotes(decodeFrame(frameOf('out', 8, [code >> 8, code & 255])));
  }
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535]) {
    expectNotes(decodeFrame(frameOf('out', 8, [code >> 8, code & 255])), /must not be sent/);
  }
});

// ---- The handshake ---------------------------------------------------------------

test('the accept value of section 1.3', async () => {
  const { joined, sha1, accept } = await acceptOf('dGhlIHNhbXBsZSBub25jZQ==', webcrypto.subtle);
  assert.equal(joined, 'dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11');
  assert.equal(hexOf(sha1), 'b37a4f2cc0624f1690f64606cf385945b2bec4ea');
  assert.equal(accept, 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
});

test('no accept value if the browser offers no SHA-1', async () => {
  assert.equal(await acceptOf('dGhlIHNhbXBsZSBub25jZQ==', null), null);
});

test('the lines of a handshake', () => {
  const lines = ['GET /echo?page=1 HTTP/1.1', 'Host: a', 'uPGRADE:  h2c, WebSocket ', 'sec-websocket-KEY:abc', ''];
  assert.deepEqual(requestOf(lines[0]), { method: 'GET', target: '/echo?page=1', version: 'HTTP/1.1' });
  assert.deepEqual(requestOf('junk'), { method: 'junk', target: '', version: '' });
  assert.deepEqual(statusOf('HTTP/1.1 101 Switching Protocols'), { code: 101, words: 'Switching Protocols' });
  assert.deepEqual(statusOf('HTTP/1.1 204'), { code: 204, words: '' });
  assert.equal(statusOf('junk'), null);
  assert.equal(headerOf(lines, 'Sec-WebSocket-Key'), 'abc');
  assert.equal(headerOf(lines, 'Origin'), null);
  assert.equal(isUpgrade(lines), true);
  assert.equal(isUpgrade(['GET / HTTP/1.1', 'Upgrade: h2c', '']), false);
});

// ---- What belongs together -------------------------------------------------------

// Plays events of one connection to a tracker that expects the page "5f3a".
function talk({ target = '/echo?page=5f3a', from = 'connected' } = {}) {
  const tracker = new Tracker();
  tracker.expect('5f3a');
  let n = 0;
  const add = (event, conn = 7) => tracker.add({ n: n += 1, t: n * 10, conn, ...event });
  const line = (dir, text) => add({ event: 'line', dir, text });
  const frame = (...rest) => add(frameOf(...rest))[0];
  const rows = from === 'connected' ? [add({ event: 'connected', address: '127.0.0.1:1' })[0]] : [];
  if (from !== 'frames') rows.push(...line('in', `GET ${target} HTTP/1.1`));
  return { tracker, add, line, frame, rows };
}

test('a page finds its connection, and the row before its request too', () => {
  const { rows: [connected, again, request] } = talk();
  assert.equal(connected, again);
  assert.deepEqual([connected.id, request.id, request.group], ['5f3a', '5f3a', groupOf('5f3a', 'open')]);
  for (const target of ['/echo?page=5f3', '/echo?page=5f3a1', '/echo', '/?x=5f3a']) {
    const other = talk({ target }).rows.at(-1);
    assert.deepEqual([other.id, other.group], [null, null], target);
  }
});

test('the lines of a request and its response are one row', () => {
  const { line, rows: [, , row] } = talk();
  line('in', 'Upgrade: websocket');
  line('in', '');
  const [same] = line('out', 'HTTP/1.1 101 Switching Protocols');
  assert.equal(same, row);
  assert.equal(row.upgrade, true);
  assert.deepEqual(row.lines, {
    in: ['GET /echo?page=5f3a HTTP/1.1', 'Upgrade: websocket', ''], out: ['HTTP/1.1 101 Switching Protocols'] });
});

test('messages are counted each way, and pings are not', () => {
  const { frame } = talk();
  assert.equal(frame('in', 1, 'a').group, '5f3a in 0');
  assert.equal(frame('in', 9, 'a').group, null);
  assert.equal(frame('in', 2, 'b').group, '5f3a in 1');
  assert.equal(frame('out', 1, 'a').group, '5f3a out 0');
  assert.equal(frame('in', 8, '').group, '5f3a close');
  assert.equal(frame('out', 8, '').group, '5f3a close');
});

test('the fragments of a message share its name', () => {
  const { frame } = talk();
  const rows = [frame('in', 1, 'a', { fin: false }), frame('in', 10, ''), frame('out', 2, 'x'),
    frame('in', 0, 'b', { fin: false }), frame('in', 0, 'c'), frame('in', 1, 'd')];
  assert.deepEqual(rows.map((row) => row.group),
    ['5f3a in 0', null, '5f3a out 0', '5f3a in 0', '5f3a in 0', '5f3a in 1']);
  assert.deepEqual(rows.map((row) => row.frame.text), ['a', null, null, 'b', 'c', 'd']);
  for (const row of rows) expectNotes(row.frame);
});

test('frames out of order are noted', () => {
  const { frame } = talk();
  const lonely = frame('in', 0, 'a');
  expectNotes(lonely.frame, /none was begun/);
  assert.equal(lonely.group, null);
  frame('in', 1, 'a', { fin: false });
  expectNotes(frame('in', 1, 'b').frame, /before the last one had ended/);
});

test('what began before the trace is shown, and not paired', () => {
  const { frame, add } = talk({ from: 'frames' });
  const row = frame('in', 0, 'a');
  assert.deepEqual([row.conn, row.id, row.group, row.frame.notes], [7, null, null, []]);
  const [response] = add({ event: 'line', dir: 'out', text: 'HTTP/1.1 200 OK' }, 8);
  assert.deepEqual(response.lines, { in: [], out: ['HTTP/1.1 200 OK'] });
});

test('after dropped events nothing is paired until a new connection', () => {
  const { frame, add, line } = talk();
  const [row] = add({ event: 'dropped', count: 12 }, 0);
  assert.deepEqual([row.kind, row.everyone, row.event.count], ['small', true, 12]);
  const { id, group } = frame('in', 1, 'a');
  assert.deepEqual([id, group], ['5f3a', null]);
  add({ event: 'disconnected', why: 'done' });
  add({ event: 'connected', address: '127.0.0.1:2' });
  line('in', 'GET /echo?page=5f3a HTTP/1.1');
  assert.equal(frame('in', 1, 'a').group, '5f3a in 0');
});

test('dropped events may hold the ends of connections: only this page’s own are kept', () => {
  const { tracker, add } = talk();
  for (let conn = 10; conn < 20; conn += 1) {
    add({ event: 'connected', address: '127.0.0.1:3' }, conn);
    add({ event: 'line', dir: 'in', text: 'GET / HTTP/1.1' }, conn);
  }
  assert.equal(tracker.connections.size, 11);
  add({ event: 'dropped', count: 12 }, 0);
  assert.deepEqual([...tracker.connections.keys()], [7]);
  const [row] = add(frameOf('out', 0, 'a'), 10);
  assert.deepEqual([row.conn, row.id, row.group, row.frame.notes], [10, null, null, []]);
  add({ event: 'disconnected', why: 'done' }, 10);
  assert.deepEqual([...tracker.connections.keys()], [7]);
});

test('a cut line says so', () => {
  const { add } = talk();
  const [row] = add({ event: 'line', dir: 'in', text: 'Cookie: a', cut: true });
  assert.equal(row.lines.in.at(-1), 'Cookie: a …');
});

test('connections are forgotten when they end', () => {
  const { tracker, add } = talk();
  add({ event: 'disconnected', why: 'done' });
  assert.equal(tracker.connections.size, 0);
});
