// The page's modules that need no browser: frames, handshakes, what belongs together, the clock, the rows,
// and the C that a row names.
//
//   node --test browser/modules.test.mjs        (in tests/)

import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { deflateRawSync } from 'node:zlib';
import { Clock } from '../../client/clock.js';
import { Session, splitOf, startOf, tookOf } from '../../client/session.js';
import { CODE, LESSONS, breakpointOf, codeOf, talkOf } from '../../client/source.js';
import { Tracker, frameOf as frameOfEnd, inflatedOf, nameOf } from '../../client/track.js';
import { acceptOf, agreesToDeflate, bytesOfHex, decodeFrame, deflate, headerOf, inflate, isUpgrade, requestOf, statusOf,
  unmask } from '../../client/wire.js';
import { bytesOfHex as bytesOfWords, duration, quote, startOf as startOfText } from '../../client/words.js';

const SHOWN = 498;                 // bytes of a payload that the trace holds

// Node.js 18 does not know this format. Every browser does: compression.test.mjs inflates in Chromium.
const rawDeflate = { skip: !knows('deflate-raw') && `left out, Node.js ${process.version} has no deflate-raw` };

function knows(format) {
  try {
    return Boolean(new DecompressionStream(format));
  } catch {
    return false;
  }
}

const hexOf = (bytes) => Buffer.from(bytes).toString('hex');
const textOf = (bytes) => Buffer.from(bytes).toString('utf8');
const decode = (bytes, dir = 'in', more = {}) => decodeFrame({ bytes, dir, ...more });

// A frame as a client or a server sends it, and as the trace holds it.
function frameOf(dir, opcode, payload, { fin = true, rsv = 0, key = '37fa213d', form } = {}) {
  const bytes = Buffer.from(payload);
  const shown = bytes.subarray(0, SHOWN);
  const masked = dir === 'in' && key !== '';
  const first = (fin ? 0x80 : 0) | rsv << 4 | opcode;
  const header = Buffer.concat([
    Buffer.from([first]), lengthBytes(bytes.length, masked, form), Buffer.from(masked ? key : '', 'hex')]);
  const sent = masked ? unmask(shown, bytesOfHex(key)) : shown;
  const event = { event: 'frame', dir, bytes: hexOf(header) + hexOf(sent), length: bytes.length };
  return bytes.length > SHOWN ? { ...event, cut: true } : event;
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
  const second = decodeFrame({ bytes: '80026c6f', dir: 'out' }, { messageOpcode: 1 });
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

for (const [length, form] of [[0, 7], [1, 7], [125, 7], [126, 16], [498, 16], [499, 16], [65535, 16], [65536, 64]]) {
  for (const dir of ['in', 'out']) {
    test(`${length} bytes, ${dir}: a length in ${form} bits`, () => {
      const frame = decodeFrame(frameOf(dir, 1, 'x'.repeat(length)));
      assert.deepEqual([frame.length, frame.form, frame.masked], [length, form, dir === 'in']);
      assert.equal(frame.text, 'x'.repeat(Math.min(length, SHOWN)));
      expectNotes(frame);
    });
  }
}

test('a length beyond what a number holds exactly', () => {
  const frame = decode('827f7fffffffffffffff', 'out');
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
  expectNotes(decode(`82fe020037fa213d${'00'.repeat(498)}`, 'in', { cut: true }));
  expectNotes(decode(`82fe020037fa213d${'00'.repeat(498)}`), /payload is not whole: 498 of 512/);
});

// ---- Text and close --------------------------------------------------------------

test('a character that the cut divides is left out', () => {
  const frame = decodeFrame(frameOf('out', 1, 'x'.repeat(497) + 'é'.repeat(30)));
  assert.equal(frame.text, 'x'.repeat(497));
  expectNotes(frame);
});

test('a character that two frames divide is left out in both', () => {
  const [first, second] = [Buffer.from('a👋b').subarray(0, 3), Buffer.from('a👋b').subarray(3)];
  assert.equal(decodeFrame(frameOf('in', 1, first, { fin: false })).text, 'a');
  assert.equal(decodeFrame(frameOf('in', 0, second), { messageOpcode: 1 }).text, 'b');
  assert.equal(decodeFrame(frameOf('in', 0, second), { messageOpcode: 2 }).text, null);
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

// ---- Compression -----------------------------------------------------------------

// A payload as RFC 7692 has it: without the last four bytes of a flush, which a block of no length makes.
const deflated = (text) => deflateRawSync(text, { finishFlush: 2 }).subarray(0, -4);

test('the lines of a response agree on permessage-deflate, or do not', () => {
  const lines = (value) => ['HTTP/1.1 101 Switching Protocols', `Sec-WebSocket-Extensions: ${value}`, ''];
  assert.equal(agreesToDeflate(lines('permessage-deflate; server_no_context_takeover')), true);
  assert.equal(agreesToDeflate(lines('x-other, permessage-deflate')), true);
  assert.equal(agreesToDeflate(lines('x-permessage-deflate')), false);
  assert.equal(agreesToDeflate(['HTTP/1.1 101 Switching Protocols', '']), false);
});

test('what a payload inflates to', rawDeflate, async () => {
  const long = 'many times the same '.repeat(1000);
  for (const text of ['', 'Hello', long]) {
    const { bytes, whole } = await inflate(deflated(text));
    assert.deepEqual([textOf(bytes), whole], [text, true]);
  }
  const start = await inflate(deflated(long).subarray(0, -4));
  assert.equal(start.whole, false);
  assert.equal((await inflate(deflated(long), 100)).whole, false);
  assert.equal((await inflate(new Uint8Array([0xff, 0xff]))).whole, false);
  const ended = await inflate(bytesOfHex('f348cdc9c9070000'));        // RFC 7692, section 7.2.3.4
  assert.deepEqual([textOf(ended.bytes), ended.whole], ['Hello', true]);
  assert.equal(hexOf(await deflate(Buffer.from('Hello'))), 'f348cdc9c9070000');
});

test('RSV1 stands on the first frame of a compressed message, and on no other', () => {
  const at = (event, more) => decodeFrame(event, { deflate: true, ...more });
  const good = at(frameOf('in', 1, deflated('Hello'), { rsv: 4 }));
  assert.deepEqual([good.compressed, good.text, good.notes], [true, null, []]);
  assert.equal(at(frameOf('in', 1, 'Hello')).text, 'Hello');
  const last = at(frameOf('in', 0, [0xff]), { messageOpcode: 1, compressed: true });
  assert.deepEqual([last.compressed, last.text, last.notes], [true, null, []]);
  for (const [opcode, rsv] of [[0, 4], [9, 4], [1, 2], [1, 1], [1, 7]]) {
    expectNotes(at(frameOf('in', opcode, [], { rsv })), /Compression uses RSV1/);
  }
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
  const ends = from === 'connected' ? [add({ event: 'connected', address: '127.0.0.1:1' })[0]] : [];
  if (from !== 'frames') ends.push(...line('in', `GET ${target} HTTP/1.1`));
  return { tracker, add, line, frame, ends };
}

test('a page finds its connection, and the end before its request too', () => {
  const { ends: [connected, again, request] } = talk();
  assert.equal(connected, again);
  assert.deepEqual([connected.id, request.id, request.joins], ['5f3a', '5f3a', nameOf('5f3a', 'request')]);
  for (const target of ['/echo?page=5f3', '/echo?page=5f3a1', '/echo', '/?x=5f3a']) {
    const other = talk({ target }).ends.at(-1);
    assert.deepEqual([other.id, other.joins], [null, null], target);
  }
});

test('the lines of a request are one end, and those of its response another', () => {
  const { line, ends: [, , request] } = talk();
  line('in', 'Upgrade: websocket');
  assert.equal(line('in', '')[0], request);
  const [response] = line('out', 'HTTP/1.1 101 Switching Protocols');
  assert.equal(line('out', '')[0], response);
  assert.deepEqual([request.kind, response.kind, response.joins], ['request', 'response', nameOf('5f3a', 'response')]);
  assert.equal(request.http, response.http);
  assert.deepEqual(request.http, { upgrade: true,
    in: ['GET /echo?page=5f3a HTTP/1.1', 'Upgrade: websocket', ''], out: ['HTTP/1.1 101 Switching Protocols', ''] });
});

test('messages are counted each way, and pings are not', () => {
  const { frame } = talk();
  assert.equal(frame('in', 1, 'a').joins, '5f3a in 0');
  assert.equal(frame('in', 9, 'a').joins, null);
  assert.equal(frame('in', 2, 'b').joins, '5f3a in 1');
  assert.equal(frame('out', 1, 'a').joins, '5f3a out 0');
  assert.equal(frame('in', 8, '').joins, '5f3a close in');
  assert.equal(frame('out', 8, '').joins, '5f3a close out');
});

test('of a message in several frames, the first joins send(), and the last the event', () => {
  const { frame } = talk();
  const ends = [frame('in', 1, 'a', { fin: false }), frame('in', 10, ''), frame('out', 2, 'x', { fin: false }),
    frame('in', 0, 'b', { fin: false }), frame('in', 0, 'c'), frame('in', 1, 'd'), frame('out', 0, 'y')];
  assert.deepEqual(ends.map((end) => end.message),
    ['5f3a in 0', null, '5f3a out 0', '5f3a in 0', '5f3a in 0', '5f3a in 1', '5f3a out 0']);
  assert.deepEqual(ends.map((end) => end.joins), ['5f3a in 0', null, null, null, null, '5f3a in 1', '5f3a out 0']);
  assert.deepEqual(ends.map((end) => frameOfEnd(end).text), ['a', null, null, 'b', 'c', 'd', null]);
  for (const end of ends) expectNotes(frameOfEnd(end));
});

test('a compressed message, as the response has agreed on it', rawDeflate, async () => {
  const { line, frame } = talk();
  line('out', 'HTTP/1.1 101 Switching Protocols');
  line('out', 'Sec-WebSocket-Extensions: permessage-deflate; client_no_context_takeover');
  const end = frame('in', 1, deflated('Hello, Hello, Hello'), { rsv: 4 });
  expectNotes(frameOfEnd(end));
  await new Promise((done) => { assert.equal(inflatedOf(end, frameOfEnd(end), done), null); });
  assert.deepEqual(textOf(inflatedOf(end, frameOfEnd(end)).bytes), 'Hello, Hello, Hello');
  const parts = [frame('in', 1, [0xf2], { rsv: 4, fin: false }), frame('in', 0, [0x48])].map(frameOfEnd);
  assert.deepEqual(parts.map(({ compressed, notes }) => [compressed, notes]), [[true, []], [true, []]]);
  assert.equal(inflatedOf({}, parts[1]), null);
});

test('frames out of order are noted', () => {
  const { frame } = talk();
  const lonely = frame('in', 0, 'a');
  expectNotes(frameOfEnd(lonely), /none was begun/);
  assert.equal(lonely.message, null);
  frame('in', 1, 'a', { fin: false });
  expectNotes(frameOfEnd(frame('in', 1, 'b')), /before the last one had ended/);
});

test('what began before the trace is shown, and not paired', () => {
  const { frame, add } = talk({ from: 'frames' });
  const end = frame('in', 0, 'a');
  assert.deepEqual([end.conn, end.id, end.joins, frameOfEnd(end).notes], [7, null, null, []]);
  const [response] = add({ event: 'line', dir: 'out', text: 'HTTP/1.1 200 OK' }, 8);
  assert.deepEqual(response.http, { in: [], out: ['HTTP/1.1 200 OK'], upgrade: false });
});

test('after dropped events nothing is paired until a new connection', () => {
  const { frame, add, line } = talk();
  const [end] = add({ event: 'dropped', count: 12 }, 0);
  assert.deepEqual([end.kind, end.everyone, end.event.count], ['note', true, 12]);
  const { id, joins } = frame('in', 1, 'a');
  assert.deepEqual([id, joins], ['5f3a', null]);
  add({ event: 'disconnected', why: 'done' });
  add({ event: 'connected', address: '127.0.0.1:2' });
  line('in', 'GET /echo?page=5f3a HTTP/1.1');
  assert.equal(frame('in', 1, 'a').joins, '5f3a in 0');
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
  const [end] = add(frameOf('out', 0, 'a'), 10);
  assert.deepEqual([end.conn, end.id, end.joins, frameOfEnd(end).notes], [10, null, null, []]);
  add({ event: 'disconnected', why: 'done' }, 10);
  assert.deepEqual([...tracker.connections.keys()], [7]);
});

test('a cut line says so', () => {
  const { add } = talk();
  const [end] = add({ event: 'line', dir: 'in', text: 'Cookie: a', cut: true });
  assert.equal(end.http.in.at(-1), 'Cookie: a …');
});

test('connections are forgotten when they end', () => {
  const { tracker, add } = talk();
  add({ event: 'disconnected', why: 'done' });
  assert.equal(tracker.connections.size, 0);
});

// ---- The clock -------------------------------------------------------------------

test('the quickest way there and the quickest way back decide', () => {
  const clock = new Clock();
  clock.there(10, 515);
  assert.equal(clock.known, false);
  clock.back(516, 19);
  assert.deepEqual([clock.known, clock.ahead], [true, 501]);
  assert.ok(Math.abs(clock.uncertainty - 4.1) < 1e-9);
  clock.there(20, 521);                       // a quicker one
  assert.equal(clock.ahead, 499);
  clock.there(30, 590);                       // a slow one says nothing
  clock.back(600, 150);
  assert.deepEqual([clock.most, clock.least], [501, 497]);
  assert.equal(clock.browserTime(509000), 10);
});

test('a frame that the server has noted late says nothing', () => {
  const clock = new Clock();
  clock.told(515, 25);                        // an event, 10 ms after it happened
  clock.there(10, 515);
  clock.back(520, 16);                        // 4 ms late, which nothing shows yet
  assert.deepEqual([clock.most, clock.least], [505, 504]);
  clock.there(30, 531);                       // but this does
  assert.deepEqual([clock.most, clock.least], [501, 490]);
  clock.back(540, 41);
  clock.back(560, 50);                        // and this is late by more
  assert.deepEqual([clock.most, clock.least], [501, 499]);
});

test('a clock that was set is found out', () => {
  const clock = new Clock({ most: 501, least: 499 });
  clock.told(910, 10);
  clock.there(20, 922);
  assert.deepEqual([clock.most, clock.least], [902, 900]);
  clock.there(30, 530);
  assert.deepEqual([clock.most, clock.known], [500, false]);
});

// ---- The rows --------------------------------------------------------------------

// A server whose clock is 1,000 ms ahead, and which takes a millisecond each way.
const right = (t, dir, joins) => ({ kind: 'frame', t: (t + 1000) * 1000, dir, joins, id: '5f3a' });

function echoed(session, at, server = 1) {
  const sent = session.addLeft({ api: 'send', call: true, text: '', t: at }, 'in');
  session.addRight(right(at + 1, 'in', 'in'));
  session.addRight(right(at + 1 + server, 'out', 'out'));
  return session.addLeft({ api: 'message', text: '', t: at + 2 + server, sent }, 'out');
}

test('two ends with one name are one row, whichever comes first', () => {
  const session = new Session();
  echoed(session, 10);
  session.settle();
  assert.deepEqual(session.rows.map((row) => [row.left.api, row.right.dir]), [['send', 'in'], ['message', 'out']]);
  assert.equal(session.waiting.size, 0);
});

test('a row says how its time splits, with a second at the server', () => {
  const session = new Session();
  echoed(session, 0, 0);
  const row = echoed(session, 10, 1000);
  const { all, there, server, back } = splitOf(row);
  assert.deepEqual([all, Math.round(there), server, Math.round(back)], [1002, 1, 1000, 1]);
  assert.ok(Math.abs(tookOf(row) - 1) <= row.clock.uncertainty);
  assert.ok(session.clock.uncertainty < 1.2);
});

test('without the trace a row has its left end, and the whole time alone', () => {
  const session = new Session();
  const sent = session.addLeft({ api: 'send', call: true, text: '', t: 5 }, 'in');
  const row = session.addLeft({ api: 'message', text: '', t: 7, sent }, 'out');
  assert.deepEqual([row.right, tookOf(row), splitOf(row).all, splitOf(row).server], [null, null, 2, null]);
});

test('rows stand in the order in which their arrows begin', () => {
  const session = new Session();
  echoed(session, 10, 20);
  session.addRight(right(15, 'out', null));                 // a ping, which comes later than it happened
  session.settle();
  assert.deepEqual(session.rows.map((row) => [row.left?.api, Math.round(startOf(row))]),
    [['send', 10], [undefined, 15], ['message', 31]]);
});

test('a connection is never shown before the call that asked for it', () => {
  const session = new Session();
  session.clock.told(1000, 20);                             // at least 980 ms ahead, so perhaps
  const connected = { kind: 'note', t: 1001000, dir: null, joins: null };
  session.addRight(connected);
  session.addLeft({ api: 'new WebSocket', call: true, text: '', t: 10 }, 'request');
  session.addRight({ ...right(40, 'in', 'request'), early: [connected] });
  session.settle();
  assert.deepEqual(session.rows.map(({ left }) => left?.api), ['new WebSocket', undefined]);
});

test('a reply is never shown before the call, however coarse the browser’s clock is', () => {
  const session = new Session();
  for (const [at, server] of [[10, 0.09], [20, 0.01]]) {    // to the browser, all of it is one moment
    const sent = session.addLeft({ api: 'send', call: true, text: '', t: at }, 'in');
    session.addRight(right(at, 'in', 'in'));
    session.addRight(right(at + server, 'out', 'out'));
    session.addLeft({ api: 'message', text: '', t: at, sent }, 'out');
  }
  session.settle();
  assert.deepEqual(session.rows.map(({ left }) => left.api), ['send', 'message', 'send', 'message']);
});

test('a session keeps so many rows, and forgets who waits for the others', () => {
  const session = new Session(10);
  for (let i = 0; i < 25; i += 1) session.addLeft({ api: 'send', call: true, text: '', t: i }, `in ${i}`);
  session.settle();
  assert.deepEqual([session.rows.length, session.dropped, session.waiting.size, session.rows[0].left.t], [10, 15, 10, 15]);
});

test('a picture takes as long as what is new in it, however many rows there are', () => {
  const session = new Session();
  for (let i = 0; i < 20_000; i += 1) echoed(session, 10 * i);
  session.settle();
  let touched = 0;
  session.passes = () => { touched += 1; return true; };
  const compared = session.rows.map((row) => row.at);
  let read = 0;
  for (const row of session.rows) Object.defineProperty(row, 'at', { get: () => { read += 1; return compared[row.number - 1]; } });
  echoed(session, 200_000);
  session.settle();
  assert.deepEqual([session.rows.length, session.shown.length], [40_002, 40_002]);
  assert.ok(touched <= 4, `${touched} rows were asked whether they pass`);
  assert.ok(read < 10, `the times of ${read} old rows were read`);
});

test('the rows that are shown are those that pass, in the same order, whatever comes and changes', () => {
  const session = new Session(300);
  const isIn = ({ right, left }) => (right?.dir ?? left.dir) === 'in';
  session.choose(isIn);
  for (let i = 0; i < 400; i += 1) {
    const late = right(i * 7919 % 500, i % 2 ? 'in' : 'out', `late ${i}`);
    session.addRight(late);
    if (i % 3 === 0) session.addLeft({ api: 'message', text: '', t: i * 7919 % 500 + 3, dir: late.dir }, `late ${i}`);
    if (i % 5 === 0) session.addRight(Object.assign(late, { dir: 'in' }));
    if (i % 4 === 0) session.settle();
  }
  session.settle();
  const { right: known } = session.rows[100];               // which passes only now, in its old place
  session.addRight(Object.assign(known, { dir: known.dir === 'in' ? 'out' : 'in' }));
  session.settle();
  assert.deepEqual(session.shown, session.rows.filter(isIn));
  assert.deepEqual(session.rows.map((row) => row.at), session.rows.map(startOf).sort((a, b) => a - b));
  assert.deepEqual([session.rows.length, session.dropped], [300, 100]);
});

// ---- The C -----------------------------------------------------------------------

const root = new URL('../../', import.meta.url);
const source = (file) => readFileSync(new URL(file, root), 'utf8');

test('each function that the page names is in its file, and of its lesson', () => {
  for (const [name, [file, lesson]] of Object.entries(CODE)) {
    const found = source(file).match(new RegExp(`/\\* Lesson (\\d+)(?:(?!\\*/)[^])*\\*/\\n[^\\n;]*\\b${name}\\(`));
    assert.ok(found, `${file} has a function ${name} behind a comment that names its lesson`);
    assert.equal(Number(found[1]), lesson, `the lesson of ${name}`);
  }
});

test('each function that the page names is in a recording, so that the book’s player can open there', () => {
  const folder = 'lessons/book/recordings/';
  const recordings = readdirSync(new URL(folder, root)).map((file) => JSON.parse(source(folder + file)));
  const recorded = new Set(recordings.flatMap(({ places }) => places.map(([, name]) => name)));
  assert.deepEqual(Object.keys(CODE).filter((name) => !recorded.has(name)), []);
});

test('each lesson that the page names is there', () => {
  const folders = readdirSync(new URL('lessons/', root));
  LESSONS.forEach((folder, number) => {
    if (number === 0) return;
    assert.ok(folders.includes(folder), folder);
    assert.equal(Number(folder.slice(0, 2)), number);
  });
});

const whereLocal = { hostname: '127.0.0.1', port: '8080' };

test('what a row’s frame went through, how to stop there, and how to send it again', () => {
  const { frame } = talk();
  const names = (end) => codeOf(end).map(({ name }) => name);
  const text = frame('in', 1, 'Hello');
  assert.deepEqual(names(text), ['check_rules', 'read_length', 'frame_unmask', 'check_text_end']);
  assert.equal(breakpointOf(text), 'break check_rules if frame->opcode == 1');
  assert.equal(talkOf(text, whereLocal), 'lessons/tools/talk.py =818537fa213d7f9f4d5158');
  assert.equal(talkOf(text, { hostname: 'example.org', port: '' }, '/chat?name=ada'),
    "lessons/tools/talk.py --host example.org --port 80 --path '/chat?name=ada' =818537fa213d7f9f4d5158");
  assert.doesNotMatch(talkOf(text, whereLocal, "/'; rm -r x; '"), /rm/);
  const echo = frame('out', 1, 'Hello');
  assert.deepEqual(names(echo), ['make_header', 'frame_write']);
  assert.equal(breakpointOf(echo), 'break frame_write if opcode == 1 && length == 5');
  assert.equal(talkOf(echo, whereLocal), null);
  assert.equal(talkOf(frame('in', 1, 'x'.repeat(SHOWN + 1)), whereLocal), null);
  assert.deepEqual(names(frame('in', 8, '')), ['check_rules', 'read_length', 'frame_unmask', 'handle_control', 'handle_close']);
  assert.deepEqual(names(frame('out', 8, '')), ['frame_close', 'make_header', 'frame_write']);
  assert.ok(names(frame('in', 2, '', { fin: false })).includes('join_fragment'));
  assert.ok(names(frame('in', 0, '')).includes('join_fragment'));
  assert.ok(names(frame('in', 1, deflated('Hello'), { rsv: 4 })).includes('read_compressed'));
  const small = frame('out', 1, deflated('Hello'), { rsv: 4 });
  assert.deepEqual(names(small), ['deflate_compress', 'make_header', 'frame_write']);
  assert.equal(breakpointOf(small), 'break deflate_compress');
  const inChat = (end) => Object.assign(end, { path: '/chat?name=ada' });
  assert.equal(names(inChat(frame('in', 1, 'Hello'))).at(-1), 'say');
  assert.equal(names(inChat(frame('out', 1, 'ada: Hello')))[0], 'send_messages');
});

// ---- Words -----------------------------------------------------------------------

test('characters that turn the text around them are written out', () => {
  assert.equal(quote('a\u202egpj.exe'), '"a\\u202egpj.exe"');
  assert.equal(quote('\u2066\u200f\ufeff\x85'), '"\\u2066\\u200f\\ufeff\\u0085"');
  assert.equal(quote('\x1b[2J\n'), '"\\u001b[2J\\n"');
  assert.equal(quote('👋🏽 مرحبا ❤️'), '"👋🏽 مرحبا ❤️"');
  assert.equal(startOfText('👋👋👋', 2), '"👋👋" …');
});

test('what --verbose prints has the same characters written out', () => {
  const [, condition] = source('wire.c').match(/^static bool is_unprintable[^]*?return ([^;]*);/m);
  const isUnprintable = new Function('c', `return ${condition.replace("' '", '32')}`);
  const differs = [];
  for (let code = 0; code <= 0x10ffff; code += 1) {
    const one = String.fromCodePoint(code);
    const isWrittenOut = quote(one) !== `"${one}"` && !'"\\'.includes(one);
    if (isWrittenOut !== isUnprintable(code) && (code & 0x1ff800) !== 0xd800) differs.push(code.toString(16));
  }
  assert.deepEqual(differs, []);
});

test('numbers and bytes in words', () => {
  assert.deepEqual([0.314, 13.44, 1013.2].map(duration), ['0.31 ms', '13.4 ms', '1,013 ms']);
  assert.deepEqual([...bytesOfWords('00 fF 80 0a48')], [0, 255, 128, 10, 72]);
  assert.throws(() => bytesOfWords('48 6g'), /"g" is not a hex digit/);
  assert.throws(() => bytesOfWords('48 6'), /"6" is half a byte short/);
});
