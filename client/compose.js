// A frame put together by hand: the page draws its bytes, says which rules it breaks, and gives the line
// for talk.py that sends it. (A page itself cannot: its frames are made by the browser.)

import { copyButton, lightFields, fieldsOf, stripOf } from './figure.js';
import { box, part } from './list.js';
import { talkLine } from './source.js';
import { decodeFrame, unmask } from './wire.js';
import { bytesOfHex, hexOf } from './words.js';

const KEY = [0x37, 0xfa, 0x21, 0x3d];         // that of the examples in RFC 6455, section 5.7

const byId = (id) => document.getElementById(id);
const form = byId('compose').querySelector('form');

// Section 5.2. Nothing is checked here: a frame that breaks a rule is what this is for.
function compose() {
  const { fin, rsv1, rsv2, rsv3, opcode, mask } = form.elements;
  const payload = payloadBytes();
  const first = fin.checked << 7 | rsv1.checked << 6 | rsv2.checked << 5 | rsv3.checked << 4 | Number(opcode.value);
  const length = lengthBytes(BigInt(form.elements.claims.value.trim() || payload.length), form.elements.form.value);
  if (mask.checked) length[0] |= 0x80;
  return Uint8Array.from([first, ...length, ...mask.checked ? KEY : [], ...mask.checked ? unmask(payload, KEY) : payload]);
}

function payloadBytes() {
  const { as, payload } = form.elements;
  return as.value === 'hex' ? bytesOfHex(payload.value) : new TextEncoder().encode(payload.value);
}

function lengthBytes(length, chosen) {
  const size = { 7: 0, 16: 2, 64: 8 }[chosen] ?? (length < 126n ? 0 : length < 65536n ? 2 : 8);
  if (size === 0) return [Number(length & 127n)];
  return [size === 2 ? 126 : 127, ...Array.from({ length: size }, (_, i) => Number(length >> BigInt(8 * (size - 1 - i)) & 255n))];
}

function draw() {
  byId('compose-problem').textContent = '';
  try {
    byId('compose-frame').replaceChildren(...drawing(compose()));
  } catch (error) {
    byId('compose-problem').textContent = error.message;
  }
}

function drawing(bytes) {
  const frame = decodeFrame({ bytes: hexOf(bytes, ''), dir: 'in' });
  const line = talkLine(bytes, location, '/echo');
  return [stripOf(frame), box('verdict', ...verdict(frame)), fieldsOf(frame),
    box('copy-line', part('', line, 'code'), copyButton('Copy', line))];
}

function verdict({ notes, opcode }) {
  const more = opcode === 0 ? ' If a message has begun before it, that is.' : '';
  if (notes.length === 0) return [part('same', `Will the server take it? Yes.${more}`, 'p')];
  return [part('problem', 'Will the server take it? No:', 'p'), ...notes.map((note) => part('problem', note, 'p'))];
}

byId('compose-open').addEventListener('click', () => {
  draw();
  byId('compose').showModal();
});
form.addEventListener('input', draw);
lightFields(byId('compose-frame'));
