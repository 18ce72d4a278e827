// An opened row: the bytes of its frame as one strip, in the colours of the lessons' pictures, and what
// each field says; or the lines of a handshake, and how the server computes its accept key; and the C that
// read or wrote it.
//
//   1  the drawing     its heading, and what is in it
//   2  a frame         strip, bits, fields, payload
//   3  a handshake     lines, and the accept key
//   4  the C           functions, lessons, what to copy
//   5  lighting        a field, and the bytes that hold it, light each other

import { box, part } from './list.js';
import { LESSONS, breakpointOf, codeOf, talkOf } from './source.js';
import { frameOf, inflatedOf } from './track.js';
import { GUID, acceptOf, headerOf, requestOf } from './wire.js';
import { closeWords, count, hexOf, quote, visible } from './words.js';

// ---- 1  The drawing ------------------------------------------------------------------

/** Draws a row into the place for it, with its note in full. onClose is called when the reader closes it. */
export function showDetail(place, row, note, onClose) {
  const { left, right } = row;
  const scrolled = place.dataset.version?.startsWith(`${row.number} `) ? place.scrollTop : 0;
  place.dataset.version = `${row.number} ${row.version}`;
  const frame = right?.kind === 'frame' ? frameOf(right) : null;
  const head = box('detail-head', part('', titleOf(row, frame), 'h3'), ...copyButtons(left, frame), button('×', 'Close', onClose));
  head.querySelector('h3').id = 'detail-title';
  const drawing = [head];
  if (left) drawing.push(leftWords(left, note));
  if (frame) drawing.push(...drawFrame(right, frame));
  if (right?.http) drawing.push(...drawHttp(right));
  if (right) drawing.push(...drawCode(right));
  place.replaceChildren(...drawing);
  place.scrollTop = scrolled;
}

function titleOf({ left, right }, frame) {
  if (!right) return left.call ? `${left.api}()` : left.api;
  const way = right.dir === 'in' ? 'to the server' : 'from the server';
  if (frame) return `${frame.name}, ${way}, ${count(frame.bytes.length, 'byte')}${frame.cut ? ' of it' : ''}`;
  return right.kind === 'note' ? right.event.event.replace('-', ' ') : `${right.kind}, ${way}`;
}

function leftWords({ api, call, text, t }, note) {
  const at = new Date(performance.timeOrigin + t);
  const clock = `${at.toLocaleTimeString('en-GB')}.${String(at.getMilliseconds()).padStart(3, '0')}`;
  const what = `${call ? 'the page called' : 'the browser reported'} ${api}${text && `: ${text}`}`;
  return part('hint', `${clock}, ${what}${note && `\n${note}`}`, 'p');
}

function button(words, label, action) {
  const element = part('small', words, 'button');
  element.type = 'button';
  if (label) element.setAttribute('aria-label', label);
  element.addEventListener('click', action);
  return element;
}

function copyButtons(left, frame) {
  if (!frame) return [];
  const text = frame.text ?? (frame.close ? frame.close.reason : null);
  const hex = [copyButton('Copy hex', hexOf(frame.bytes))];
  return text ? [...hex, copyButton('Copy text', text)] : hex;
}

/** A button that puts a text where Ctrl+V finds it. */
export function copyButton(words, text) {
  const element = button(words, '', async () => {
    element.textContent = await copy(text) ? 'Copied' : 'Not allowed';
    setTimeout(() => { element.textContent = words; }, 1500);
  });
  return element;
}

// The clipboard's own API is there for pages that came by https:, and for those of this machine.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.body.appendChild(part('unseen', text, 'textarea'));
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

// ---- 2  A frame ----------------------------------------------------------------------

function drawFrame(right, frame) {
  const drawing = frame.notes.map((note) => part('problem', note, 'p'));
  if (frame.bytes.length === 0) return drawing;
  const pictures = box('pictures', stripOf(frame));
  if (frame.length > frame.payload.length) pictures.append(part('hint', moreWords(frame), 'p'));
  if (frame.length7 === null) return [...drawing, pictures];
  pictures.append(bitsOf(frame), ...payloadWords(right, frame));
  return [...drawing, box('columns', pictures, fieldsOf(frame))];
}

function moreWords({ length, payload }) {
  return `The trace holds the first ${count(payload.length, 'byte')} of ${length.toLocaleString('en')} of its payload.`;
}

/**
 * All bytes of a frame, each in the colour of its field. Below a masked one stand the key's byte and what
 * XOR makes of the two.
 */
export function stripOf(frame) {
  const { bytes, extended, key, headerSize, headerWhole, plain } = frame;
  const strip = box(key ? 'strip masked' : 'strip');
  const keyAt = 2 + (extended?.length ?? 0);
  bytes.forEach((byte, i) => {
    if (headerWhole && i >= headerSize) strip.append(payloadByte(byte, key, plain[i - headerSize], i - headerSize));
    else strip.append(cell(['first', 'second'][i] ?? (i < keyAt ? 'extended' : 'key'), byte));
  });
  strip.setAttribute('role', 'img');
  strip.setAttribute('aria-label', `The bytes: ${hexOf(bytes)}`);
  return strip;
}

function cell(field, byte, ...below) {
  const element = box('cell', part('byte', hexOf([byte])), ...below);
  element.dataset.field = field;
  return element;
}

function payloadByte(byte, key, plain, i) {
  const letter = plain > 32 && plain < 127 ? String.fromCharCode(plain) : '·';
  if (!key?.length) return cell('payload', byte, part('letter', letter));
  return cell('payload', byte, part('key-byte', hexOf([key[i % 4]])), part('plain', hexOf([plain])), part('letter', letter));
}

// The picture repeats what the fields say in words.
function bitsOf(frame) {
  const picture = box('bits',
    bitsOfByte(frame.bytes[0], ['FIN', 1, 'fin'], ['RSV1', 1, 'rsv'], ['RSV2', 1, 'rsv'], ['RSV3', 1, 'rsv'], ['opcode', 4, 'opcode']),
    bitsOfByte(frame.bytes[1], ['MASK', 1, 'mask'], ['length', 7, 'length']));
  picture.setAttribute('aria-hidden', 'true');
  return picture;
}

function bitsOfByte(value, ...names) {
  const bits = value.toString(2).padStart(8, '0');
  const fields = names.flatMap(([, width, field]) => Array(width).fill(field));
  const cells = [...bits].map((bit, i) => lightable(part(bit === '1' ? 'bit one' : 'bit', bit), fields[i]));
  const labels = names.map(([name, width, field]) => {
    const label = lightable(part('bit-name', name), field);
    label.style.gridColumn = `span ${width}`;
    return label;
  });
  return box('bits-byte', ...cells, ...labels);
}

function lightable(element, field) {
  element.dataset.field = field;
  return element;
}

/** What each field of a frame says, as a list. */
export function fieldsOf(frame) {
  const list = part('fields', '', 'ul');
  for (const [field, name, value, words] of fieldRows(frame)) {
    const item = lightable(part('', '', 'li'), field);
    item.tabIndex = 0;
    item.append(part('field-name', name), ' ', part('bytes', value), ' ', part('', words));
    list.append(item);
  }
  return list;
}

function fieldRows(frame) {
  const { fin, rsv, opcode, masked, length7, form, extended, key, compressed, deflate } = frame;
  const rows = [
    ['fin', 'FIN', Number(fin), fin ? 'the last frame of its message' : 'the message goes on in another frame'],
    ['rsv', 'RSV1–3', rsv.join(' '), compressed && rsv[0] ? 'RSV1: the message is compressed' : deflate ? 'not compressed' : 'no extension uses them'],
    ['opcode', 'opcode', opcode.toString(2).padStart(4, '0'), opcodeWords(frame)],
    ['mask', 'MASK', Number(masked), masked ? 'masked, and a key follows' : 'no key: the payload is as it is'],
    ['length', 'length', length7.toString(2).padStart(7, '0'), lengthWords(frame)],
  ];
  if (form > 7) rows.push(['extended', 'extended length', hexOf(extended), extendedWords(frame)]);
  if (key?.length) rows.push(['key', 'masking key', hexOf(key), 'chosen by the client, new for each frame']);
  if (frame.payload.length) rows.push(['payload', 'payload', '', payloadField(frame)]);
  return rows;
}

function opcodeWords({ opcode, messageOpcode }) {
  const kinds = { 1: 'a text', 2: 'a binary message' };
  const words = {
    0: `0: continuation of ${kinds[messageOpcode] ?? 'a message'}`,
    1: '1: text, as UTF-8',
    2: '2: binary, any bytes',
    8: '8: close, the last frame that a side sends',
    9: '9: ping, “are you there?”',
    10: '10: pong, the reply to a ping',
  };
  return words[opcode] ?? `${opcode}: the standard gives it no meaning`;
}

function lengthWords({ length7 }) {
  if (length7 < 126) return `${count(length7, 'byte')} of payload`;
  return `${length7}: the length follows in ${length7 === 126 ? 'two' : 'eight'} bytes`;
}

function extendedWords({ length }) {
  return length === null ? 'incomplete' : `${count(length, 'byte')} of payload`;
}

function payloadField({ key, payload }) {
  if (!key) return `as it was sent, ${count(payload.length, 'byte')}`;
  return 'below each byte: the key’s byte, and the two XOR';
}

function payloadWords(right, frame) {
  const { close, text, compressed } = frame;
  if (close?.code) return [part('', closeText(close), 'p')];
  if (compressed) return [part('', inflatedWords(right, frame), 'p')];
  return text ? [part('text whole', quote(text), 'p')] : [];
}

function closeText({ code, reason }) {
  const words = reason === '' ? 'no reason' : `reason ${quote(reason)}`;
  return `Code ${code >> 8} × 256 + ${code & 255} = ${code}, ${words}. ${closeWords(code)}`;
}

// RFC 7692. The sender leaves out the last four bytes, 00 00 ff ff, and they are put back here.
function inflatedWords(right, frame) {
  const result = inflatedOf(right, frame);
  if (!result) return 'Compressed, in several frames: only all of them together can be inflated.';
  const { bytes, whole } = result;
  const shown = frame.messageOpcode === 1
    ? quote(new TextDecoder().decode(bytes, { stream: !whole })) : hexOf(bytes);
  const start = whole ? `Inflated, ${count(bytes.length, 'byte')}` : `Inflated as far as it is here, ${count(bytes.length, 'byte')}`;
  return `${start}: ${shown}`;
}

// ---- 3  A handshake ------------------------------------------------------------------

function drawHttp({ kind, http }) {
  const drawing = [linesOf(kind === 'request' ? http.in : http.out)];
  if (http.upgrade && headerOf(http.in, 'Sec-WebSocket-Key')) drawing.push(accept(http));
  return drawing;
}

function linesOf(lines) {
  if (lines.length === 0) return part('hint', 'Not in the trace.', 'p');
  return box('lines', ...lines.map((one) => {
    const words = one === '' ? '(an empty line: the end)' : visible(one.replace(/[\0-\x1f]/g, escaped));
    return part(/^sec-websocket-(key|accept|extensions):/i.test(one) ? 'telling' : '', words, 'div');
  }));
}

function escaped(character) {
  return `\\u${hexOf([0, character.charCodeAt(0)], '')}`;
}

const ACCEPT_WORDS = 'It puts a fixed text, the GUID, behind the key, and sends back the SHA-1 of all these '
  + 'characters, in Base64. This shows that it read the key, and knows WebSockets.';

// The browser computes SHA-1 only later, so the steps come into a box that is there already.
function accept(http) {
  const place = box('accept', part('', 'How the server computes its reply to the key', 'h4'), part('hint', ACCEPT_WORDS, 'p'));
  const key = headerOf(http.in, 'Sec-WebSocket-Key');
  const answer = headerOf(http.out, 'Sec-WebSocket-Accept');
  acceptOf(key).then((steps) => place.append(...acceptSteps(key, steps, answer)));
  return place;
}

function acceptSteps(key, steps, answer) {
  const list = part('steps', '', 'dl');
  const rows = [['key', key], ['+ GUID', GUID]];
  if (steps) rows.push(['SHA-1', hexOf(steps.sha1)], ['in Base64', steps.accept]);
  for (const [name, value] of rows) list.append(part('', name, 'dt'), part('bytes', value, 'dd'));
  return [list, verdict(steps, answer)];
}

function verdict(steps, answer) {
  if (!steps) {
    return part('hint', 'The next steps are SHA-1 and Base64. The browser computes SHA-1 only for pages that '
      + 'came by https:, or from http://127.0.0.1 or http://localhost. So it is not shown here.', 'p');
  }
  if (answer === null) return part('hint', 'The response holds no Sec-WebSocket-Accept.', 'p');
  if (answer === steps.accept) return part('same', 'The response holds the same Sec-WebSocket-Accept.', 'p');
  return part('problem', `The response holds another one: ${visible(answer)}`, 'p');
}

// ---- 4  The C ------------------------------------------------------------------------

function drawCode(right) {
  const functions = codeOf(right);
  if (functions.length === 0) return [];
  const list = part('code', '', 'ol');
  for (const { name, file, lesson, does } of functions) {
    const item = part('', '', 'li');
    item.append(inBook(part('', name, 'code'), `player.html#${name}`, 'Step through it'), ` ${does}, `,
      inBook(part('hint', file), `source/${file}.html#${name}`), ', ', inBook(part('', `lesson ${lesson}`), `lesson-${String(lesson).padStart(2, '0')}.html`, `lessons/${LESSONS[lesson]}`));
    list.append(item);
  }
  return [part('', 'The C that did it', 'h4'), list, ...copyLines(right)];
}

function copyLines(right) {
  const lines = [['In gdb', breakpointOf(right)], ['The same bytes again', talkOf(right, location, right.path)]];
  return lines.filter(([, line]) => line).map(([name, line]) =>
    box('copy-line', part('hint', name), part('', line, 'code'), copyButton('Copy', line)));
}

// The book of the lessons is served below /book/, where it has been built. The page asks once.
let book = null;

// The words, and where the book is, a link around them.
function inBook(words, address, title = '') {
  const place = part('');
  place.title = title;
  place.append(words);
  book ??= fetch('/book/', { method: 'HEAD' }).then(({ ok }) => ok, () => false);
  book.then((there) => {
    if (!there) return;
    const link = part('', '', 'a');
    link.href = `/book/${address}`;
    link.append(words);
    place.append(link);
  });
  return place;
}

// ---- 5  Lighting ---------------------------------------------------------------------

// The first two bytes hold several fields each.
const BYTE_OF = { fin: 'first', rsv: 'first', opcode: 'first', mask: 'second', length: 'second' };

function light(place, field) {
  for (const element of place.querySelectorAll('[data-field]')) {
    const own = element.dataset.field;
    element.classList.toggle('lit', field !== null && (own === field || own === BYTE_OF[field] || BYTE_OF[own] === field));
  }
}

/** Lights what belongs to the field under the pointer, or with the focus, in this place. */
export function lightFields(place) {
  const fieldOf = (target) => target?.closest?.('[data-field]')?.dataset.field ?? null;
  const focused = () => fieldOf(place.contains(document.activeElement) ? document.activeElement : null);
  place.addEventListener('pointerover', ({ target }) => light(place, fieldOf(target) ?? focused()));
  place.addEventListener('pointerleave', () => light(place, focused()));
  place.addEventListener('focusin', ({ target }) => light(place, fieldOf(target)));
  place.addEventListener('focusout', () => light(place, null));
}
