// What bytes on the wire mean: this file takes frames and handshakes apart, the way RFC 6455
// lays them out. It touches no page, so the tests can use it without a browser.
//
//   1  a frame           header, key, payload
//   2  its rules         what the standard forbids, and what is not there
//   3  compression       a payload of RFC 7692, inflated
//   4  the handshake     the lines of request and response
//   5  the accept value  how the server computes it from the key

const OPCODES = { 0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong' };
const CLOSE = 8;

// ---- 1  A frame ----------------------------------------------------------------

/**
 * The fields of a frame (section 5.2), as far as its bytes go. A field that is not there is
 * null. event is the server's: { bytes: hex, dir: 'in' or 'out', cut }. A continuation frame
 * does not say what it continues: messageOpcode does. deflate: the two sides have agreed on
 * permessage-deflate; compressed: the message that it continues is.
 */
export function decodeFrame(event, { messageOpcode = null, deflate = false, compressed = false } = {}) {
  const bytes = bytesOfHex(event.bytes);
  const frame = { dir: event.dir, cut: event.cut === true, bytes, deflate, ...firstBytes(bytes) };
  Object.assign(frame, lengthOf(frame), { messageOpcode: frame.opcode || messageOpcode });
  frame.compressed = frame.opcode === 0 ? compressed : isCompressed(frame);
  Object.assign(frame, keyOf(frame));
  Object.assign(frame, payloadOf(frame));
  frame.text = textOf(frame);
  frame.close = closeOf(frame);
  frame.notes = notesOf(frame);
  return frame;
}

export function bytesOfHex(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

// Eight bits and eight bits: FIN, RSV1 to RSV3, the opcode; MASK, and a first length.
function firstBytes(bytes) {
  const [first = null, second = null] = bytes;
  return {
    fin: first === null ? null : first >> 7 === 1,
    rsv: first === null ? null : [first >> 6 & 1, first >> 5 & 1, first >> 4 & 1],
    opcode: first === null ? null : first & 15,
    name: first === null ? 'no frame' : OPCODES[first & 15] ?? `opcode ${first & 15}`,
    masked: second === null ? null : second >> 7 === 1,
    length7: second === null ? null : second & 127,
  };
}

// Up to 125 the seven bits are the length. 126 and 127 say that it follows, in 2 or in 8 bytes.
function lengthOf({ bytes, length7 }) {
  if (length7 === null) return { form: null, extended: null, length: null };
  if (length7 < 126) return { form: 7, extended: new Uint8Array(0), length: length7 };
  const size = length7 === 126 ? 2 : 8;
  const extended = bytes.subarray(2, 2 + size);
  return { form: 8 * size, extended, length: extended.length === size ? numberOf(extended) : null };
}

// In network order, the most significant byte first. A number beyond 2^53 stays a BigInt,
// because an ordinary number would round it.
function numberOf(bytes) {
  const number = bytes.reduce((sum, byte) => sum << 8n | BigInt(byte), 0n);
  return number <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(number) : number;
}

function keyOf({ bytes, masked, length, extended }) {
  if (!masked || length === null) return { key: null };
  const start = 2 + extended.length;
  return { key: bytes.subarray(start, start + 4) };
}

function payloadOf({ bytes, masked, length, extended, key }) {
  const headerSize = length === null ? null : 2 + extended.length + (masked ? 4 : 0);
  const whole = headerSize !== null && bytes.length >= headerSize;
  const payload = whole ? bytes.subarray(headerSize, headerSize + Number(length)) : new Uint8Array(0);
  return { headerSize, headerWhole: whole, payload, plain: whole && key ? unmask(payload, key) : payload };
}

// Section 5.3. The same step masks and unmasks, because a XOR b XOR b is a again.
export function unmask(payload, key) {
  return payload.map((byte, i) => byte ^ key[i % 4]);
}

// Bytes that are not UTF-8 become U+FFFD. A character that the next frame or the cut divides
// is left out: stream says that more may come, and its other half is skipped.
function textOf({ messageOpcode, opcode, plain, fin, cut, compressed }) {
  if (messageOpcode !== 1 || opcode > 7 || compressed) return null;
  let start = 0;
  while (opcode === 0 && start < 3 && (plain[start] & 0xc0) === 0x80) start += 1;
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return decoder.decode(plain.subarray(start), { stream: cut || !fin });
}

// Section 5.5.1: nothing, or two bytes of code and a reason.
function closeOf({ opcode, plain, headerWhole }) {
  if (opcode !== CLOSE || !headerWhole) return null;
  if (plain.length < 2) return { code: null, reason: '' };
  const reason = new TextDecoder('utf-8', { ignoreBOM: true }).decode(plain.subarray(2));
  return { code: plain[0] << 8 | plain[1], reason };
}

// ---- 2  Its rules --------------------------------------------------------------

// What is wrong with this frame, each in a sentence that names its section of RFC 6455.
function notesOf(frame) {
  const broken = RULES.filter(([breaks]) => breaks(frame)).map(([, words]) => words);
  return [...broken, ...missing(frame)];
}

const whole = (frame) => frame.headerWhole && !frame.cut && frame.payload.length === frame.length;

const RULES = [
  [({ rsv, deflate }) => rsv?.includes(1) && !deflate,
    'An RSV bit is set. They are for extensions, and none was agreed on (section 5.2).'],
  [(frame) => frame.deflate && (frame.rsv?.[1] || frame.rsv?.[2] || frame.rsv?.[0] && !isCompressed(frame)),
    'Compression uses RSV1, on the first frame of a message and on no other (RFC 7692, section 6).'],
  [({ opcode }) => opcode !== null && !(opcode in OPCODES),
    'The standard gives no meaning to this opcode (section 5.2).'],
  [({ dir, masked }) => dir === 'in' && masked === false,
    'It is not masked, and what a client sends has to be (section 5.1).'],
  [({ dir, masked }) => dir === 'out' && masked,
    'It is masked, and what a server sends must not be (section 5.1).'],
  [({ form, length }) => length !== null && (form === 16 && length < 126 || form === 64 && length < 65536),
    'The length would fit a shorter form, and has to use the shortest (section 5.2).'],
  [({ form, extended }) => form === 64 && extended[0] >> 7 === 1,
    'The highest bit of a length in 64 bits has to be 0 (section 5.2).'],
  [({ opcode, length7 }) => opcode >= 8 && length7 > 125,
    'Close, ping and pong carry 125 bytes at most (section 5.5).'],
  [({ opcode, fin }) => opcode >= 8 && !fin,
    'Close, ping and pong must not be cut into fragments (section 5.5).'],
  [(frame) => frame.opcode === CLOSE && whole(frame) && frame.length === 1,
    'One byte is half a close code: there have to be none, or two and more (section 5.5.1).'],
  [({ close }) => close !== null && close.code !== null && !isCloseCode(close.code),
    'This close code must not be sent (section 7.4).'],
  [(frame) => frame.opcode === CLOSE && whole(frame) && !isUtf8(frame.plain.subarray(2)),
    'The reason is not valid UTF-8 (section 5.5.1).'],
  [(frame) => frame.opcode === 1 && frame.fin && !frame.compressed && whole(frame) && !isUtf8(frame.plain),
    'The text is not valid UTF-8 (section 8.1).'],
];

// The codes of section 7.4, and 1012 to 1014, which were registered later.
function isCloseCode(code) {
  return code >= 1000 && code <= 1003 || code >= 1007 && code <= 1014 || code >= 3000 && code <= 4999;
}

function isUtf8(bytes) {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

// The trace holds a rejected frame as far as the server read it, and of a long one the beginning.
function missing({ headerWhole, bytes, length, payload, cut }) {
  if (!headerWhole) return [`The header is not whole: ${bytes.length} of its bytes are here.`];
  if (cut || payload.length >= length) return [];
  return [`The payload is not whole: ${payload.length} of ${length.toLocaleString('en')} bytes are here.`];
}

// ---- 3  Compression ------------------------------------------------------------

function isCompressed({ deflate, rsv, opcode }) {
  return deflate && rsv !== null && rsv[0] === 1 && (opcode === 1 || opcode === 2);
}

/** Whether the lines of a response agree on permessage-deflate (RFC 7692, section 7.1). */
export function agreesToDeflate(lines) {
  return /(^|,)\s*permessage-deflate\s*(;|,|$)/i.test(headerOf(lines, 'Sec-WebSocket-Extensions') ?? '');
}

// What the sender has cut off (section 7.2.1), and an empty last block, so that the stream ends.
const TAIL = [0x00, 0x00, 0xff, 0xff, 0x03, 0x00];

/**
 * What a compressed payload inflates to: { bytes, whole }. whole is false if the stream breaks off or is
 * damaged. It works for a payload that refers to no earlier one: no context takeover.
 */
export async function inflate(payload, most = Infinity) {
  const result = await inflateAll([payload, new Uint8Array(TAIL)], most);
  if (result.whole || payload.at(-1) !== 0) return result;
  const ended = await inflateAll([payload.subarray(0, -1)], most);     // its last block says that it is (section 7.2.3.4)
  return ended.whole ? ended : result;
}

async function inflateAll(parts, most) {
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  const reader = stream.getReader();
  const bytes = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { bytes: Uint8Array.from(bytes), whole: true };
      if (bytes.length + value.length > most) return { bytes: Uint8Array.from(bytes), whole: false };
      for (const byte of value) bytes.push(byte);
    }
  } catch {
    return { bytes: Uint8Array.from(bytes), whole: false };
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** A payload as a sender compresses it (section 7.2.3.4: a last block, and one more byte). */
export async function deflate(payload) {
  const stream = new Blob([payload]).stream().pipeThrough(new CompressionStream('deflate-raw'));
  return Uint8Array.from([...new Uint8Array(await new Response(stream).arrayBuffer()), 0]);
}

// ---- 4  The handshake ----------------------------------------------------------

// "GET /echo HTTP/1.1"
export function requestOf(line) {
  const [method = '', target = '', version = ''] = line.split(' ');
  return { method, target, version };
}

// "HTTP/1.1 101 Switching Protocols"
export function statusOf(line) {
  const [, code, words] = line.match(/^HTTP\/\d\.\d (\d{3}) ?(.*)$/) ?? [];
  return code === undefined ? null : { code: Number(code), words };
}

// The value of a header field, whose name is case-insensitive; null if it is not there.
export function headerOf(lines, name) {
  const start = `${name.toLowerCase()}:`;
  const line = lines.slice(1).find((one) => one.toLowerCase().startsWith(start));
  return line === undefined ? null : line.slice(start.length).trim();
}

export function isUpgrade(lines) {
  return (headerOf(lines, 'Upgrade') ?? '').toLowerCase().split(/[\s,]+/).includes('websocket');
}

// ---- 5  The accept value -------------------------------------------------------

// Section 1.3. It means nothing: it is only long, and a program that does not know WebSockets
// is unlikely to use it.
export const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * The steps from a key to Sec-WebSocket-Accept; null if the browser offers no SHA-1. It does for
 * pages that came by https, and for those of this machine, but not for plain http from elsewhere.
 */
export async function acceptOf(key, subtle = globalThis.crypto?.subtle) {
  if (!subtle) return null;
  const joined = key + GUID;
  const sha1 = new Uint8Array(await subtle.digest('SHA-1', new TextEncoder().encode(joined)));
  return { joined, sha1, accept: btoa(String.fromCharCode(...sha1)) };
}
