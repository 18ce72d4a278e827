// An opened row: the figure of RFC 6455, section 5.2, drawn from the bytes of one frame; or
// the lines of a handshake, and how the server computes its accept value.
//
//   1  a frame       bits, fields, payload
//   2  a handshake   lines, and the accept value

import { part } from './list.js';
import { GUID, acceptOf, headerOf } from './wire.js';
import { closeWords, count, hexOf, quote } from './words.js';

const SHOWN_XOR = 8;                // bytes whose unmasking is shown one by one
const LINE = 8;                     // bytes in a line of the rest

// ---- 1  A frame ----------------------------------------------------------------

export function drawFrame({ frame, conn, dir, t }) {
  const drawing = box('figure');
  const way = dir === 'in' ? 'to the server' : 'from the server';
  const seconds = (t / 1e6).toFixed(6);
  drawing.append(part('hint', `Connection ${conn}, ${way}, ${seconds} s after the server’s start.`, 'p'));
  drawing.append(...frame.notes.map((note) => part('problem', note, 'p')));
  if (frame.length7 === null) return drawing;
  drawing.append(part('', 'The header’s first two bytes, bit by bit', 'h3'), bits(frame));
  drawing.append(part('', 'What they say', 'h3'), fields(frame), ...payload(frame));
  return drawing;
}

function box(className, ...children) {
  const element = part(className, '', 'div');
  element.append(...children);
  return element;
}

// The picture repeats what the fields below it say in words.
function bits(frame) {
  const picture = box('bits',
    byte(frame.bytes[0], ['FIN', 1], ['RSV1', 1], ['RSV2', 1], ['RSV3', 1], ['opcode', 4]),
    byte(frame.bytes[1], ['MASK', 1], ['payload length', 7]));
  picture.setAttribute('aria-hidden', 'true');
  return picture;
}

function byte(value, ...names) {
  const cells = [...value.toString(2).padStart(8, '0')].map((bit) => part(bit === '1' ? 'bit one' : 'bit', bit));
  const labels = names.map(([name, width]) => {
    const label = part('bit-name', name);
    label.style.gridColumn = `span ${width}`;
    return label;
  });
  return box('byte', ...cells, ...labels, part('bit-byte', `byte 0x${hexOf([value], '')}`));
}

function fields(frame) {
  const list = part('fields', '', 'dl');
  for (const [name, value, words] of fieldsOf(frame)) {
    list.append(part('', name, 'dt'), part('bytes', value, 'dd'), part('', words, 'dd'));
  }
  return list;
}

function fieldsOf(frame) {
  const { fin, rsv, opcode, masked, length7, form, extended, key } = frame;
  const rows = [
    ['FIN', Number(fin), fin ? 'The last frame of its message.' : 'The message goes on in another frame.'],
    ['RSV1–3', rsv.join(' '), 'Reserved for extensions.'],
    ['opcode', opcode.toString(2).padStart(4, '0'), opcodeWords(frame)],
    ['MASK', Number(masked), masked ? 'The payload is masked, and a key follows.' : 'No key: the payload is as it is.'],
    ['length', length7.toString(2).padStart(7, '0'), lengthWords(frame)],
  ];
  if (form > 7) rows.push(['extended length', hexOf(extended, ' '), extendedWords(frame)]);
  if (key?.length) rows.push(['masking key', hexOf(key, ' '), 'Chosen by the client, new for each frame.']);
  return rows;
}

function opcodeWords({ opcode, name, messageOpcode }) {
  const kinds = { 1: 'a text', 2: 'a binary message' };
  const words = {
    0: `${opcode}: continuation of ${kinds[messageOpcode] ?? 'a message'}.`,
    1: '1: text, as UTF-8.',
    2: '2: binary, any bytes.',
    8: '8: close, the last frame that a side sends.',
    9: '9: ping, “are you there?”',
    10: '10: pong, the reply to a ping.',
  };
  return words[opcode] ?? `${opcode}: no meaning. (${name})`;
}

function lengthWords({ length7 }) {
  if (length7 < 126) return `${count(length7, 'byte')} of payload.`;
  return `${length7}: the length follows in ${length7 === 126 ? 'two' : 'eight'} bytes.`;
}

function extendedWords({ length }) {
  return length === null ? 'Incomplete.' : `${count(length, 'byte')} of payload.`;
}

// ---- The payload ----

function payload(frame) {
  if (frame.payload.length === 0) return [];
  const drawn = [part('', 'The payload', 'h3')];
  if (frame.close?.code) drawn.push(part('', closeText(frame.close), 'p'));
  if (frame.key) drawn.push(part('hint', XOR_WORDS, 'p'), xor(frame));
  if (!frame.key || frame.payload.length > SHOWN_XOR) drawn.push(dumps(frame));
  if (frame.text !== null) drawn.push(part('preview', quote(frame.text), 'p'));
  if (frame.length > frame.payload.length) drawn.push(part('hint', moreWords(frame), 'p'));
  return drawn;
}

function moreWords({ length, payload: shown }) {
  return `The first ${count(shown.length, 'byte')} of ${length.toLocaleString('en')}.`;
}

function closeText({ code, reason }) {
  const words = reason === '' ? 'no reason' : `reason ${quote(reason)}`;
  return `Code ${code >> 8} × 256 + ${code & 255} = ${code}, ${words}. ${closeWords(code)}`;
}

const XOR_WORDS = 'Masked XOR key is the payload: a bit is 1 if just one of the two is 1. '
  + 'After four bytes the key begins again.';

// A byte in each column: as it came, the key's byte, and XOR of the two.
function xor({ payload: masked, key, plain }) {
  const first = [...masked.subarray(0, SHOWN_XOR)];
  const table = part('xor', '', 'table');
  table.setAttribute('aria-label', 'Unmasking, byte by byte');
  table.append(
    line('byte', first.map((_, i) => i)),
    line('masked', first.map((byte) => hexOf([byte], ''))),
    line('key', first.map((_, i) => hexOf([key[i % 4]], ''))),
    line('payload', first.map((_, i) => hexOf([plain[i]], ''))),
    line('as text', first.map((_, i) => printable(plain[i]))));
  return table;
}

function line(name, cells) {
  const row = part(name.replace(' ', '-'), '', 'tr');
  const head = part('', name, 'th');
  head.scope = 'row';
  row.append(head, ...cells.map((cell) => part('', cell, 'td')));
  return row;
}

function printable(byte) {
  return byte > 32 && byte < 127 ? String.fromCharCode(byte) : '·';
}

function dumps({ payload: masked, key, plain, dir }) {
  const both = box('dumps');
  if (key) both.append(dump('masked, as it came', masked));
  both.append(dump(key ? 'unmasked' : dir === 'out' ? 'as it was sent' : 'as it came', plain));
  return both;
}

function dump(name, bytes) {
  const lines = [];
  for (let i = 0; i < bytes.length; i += LINE) lines.push(hexOf(bytes.subarray(i, i + LINE), ' '));
  return box('', part('hint', name, 'p'), part(`dump ${name.split(/[, ]/)[0]}`, lines.join('\n'), 'pre'));
}

// ---- 2  A handshake ------------------------------------------------------------

export function drawHttp({ lines, upgrade }) {
  const drawing = box('figure');
  drawing.append(part('', 'The request', 'h3'), text(lines.in));
  if (upgrade && headerOf(lines.in, 'Sec-WebSocket-Key')) drawing.append(accept(lines));
  drawing.append(part('', 'The response', 'h3'), text(lines.out));
  return drawing;
}

// Characters that are invisible are written out.
function text(lines) {
  if (lines.length === 0) return part('hint', 'Not in the trace.', 'p');
  return box('lines', ...lines.map((one) => {
    const words = one === '' ? '(an empty line: the end)' : one.replace(/[\0-\x1f\x7f-\xa0\xad]/g, escaped);
    return part(/^sec-websocket-(key|accept):/i.test(one) ? 'telling' : '', words, 'div');
  }));
}

function escaped(character) {
  return `\\x${hexOf([character.charCodeAt(0)], '')}`;
}

const ACCEPT_WORDS = 'The server appends a fixed text from the standard, the GUID; computes a checksum of both, '
  + 'SHA-1; and writes its 20 bytes as characters, in Base64. This shows that it read the key, and knows WebSockets.';

// The browser computes SHA-1 only later, so the steps come into a box that is there already.
function accept(lines) {
  const place = box('accept', part('', 'How the server computes its reply to the key', 'h3'),
    part('hint', ACCEPT_WORDS, 'p'));
  const key = headerOf(lines.in, 'Sec-WebSocket-Key');
  const answer = headerOf(lines.out, 'Sec-WebSocket-Accept');
  acceptOf(key).then((steps) => place.append(...acceptSteps(key, steps, answer)));
  return place;
}

function acceptSteps(key, steps, answer) {
  const list = part('fields', '', 'dl');
  const rows = [['key', key], ['+ GUID', GUID]];
  if (steps) rows.push(['SHA-1', hexOf(steps.sha1, ' ')], ['in Base64', steps.accept]);
  for (const [name, value] of rows) list.append(part('', name, 'dt'), part('bytes', value, 'dd'));
  return [list, verdict(steps, answer)];
}

function verdict(steps, answer) {
  if (!steps) {
    return part('hint', 'The next steps are SHA-1 and Base64. The browser computes SHA-1 only for pages that '
      + 'came by https:, or from http://127.0.0.1 or http://localhost. So it is not shown here.', 'p');
  }
  if (answer === null) return part('hint', 'The response holds no Sec-WebSocket-Accept.', 'p');
  if (answer === steps.accept) return part('same', 'The response below holds the same Sec-WebSocket-Accept.', 'p');
  return part('problem', `The response holds another one: ${answer}`, 'p');
}
