// A frame put together by hand: the page draws its bytes, says which rules it breaks, and gives the line
// for talk.py that sends it. (A page itself cannot: its frames are made by the browser.)

import { copyButton, lightFields, fieldsOf, stripOf } from './figure.js';
import { box, part } from './list.js';
import { talkLine } from './source.js';
import { decodeFrame, deflate, inflate, unmask } from './wire.js';
import { bytesOfHex, count, hexOf } from './words.js';

const KEY = [0x37, 0xfa, 0x21, 0x3d];         // that of the examples in RFC 6455, section 5.7

const byId = (id) => document.getElementById(id);
const form = byId('compose').querySelector('form');

// Section 5.2. Nothing is checked here: a frame that breaks a rule is what this is for.
async function compose() {
  const { fin, rsv1, rsv2, rsv3, opcode, mask } = form.elements;
  const first = fin.checked << 7 | rsv1.checked << 6 | rsv2.checked << 5 | rsv3.checked << 4 | Number(opcode.value);
  const payload = await payloadBytes();
  const length = lengthBytes(BigInt(form.elements.claims.value.trim() || payload.length), form.elements.form.value);
  if (mask.checked) length[0] |= 0x80;
  return Uint8Array.from([first, ...length, ...mask.checked ? KEY : [], ...mask.checked ? unmask(payload, KEY) : payload]);
}

function payloadBytes() {
  const { as, payload } = form.elements;
  if (as.value === 'hex') return bytesOfHex(payload.value);
  const bytes = new TextEncoder().encode(payload.value);
  return as.value === 'deflate' ? deflate(bytes) : bytes;
}

function lengthBytes(length, chosen) {
  const size = { 7: 0, 16: 2, 64: 8 }[chosen] ?? (length < 126n ? 0 : length < 65536n ? 2 : 8);
  if (size === 0) return [Number(length & 127n)];
  return [size === 2 ? 126 : 127, ...Array.from({ length: size }, (_, i) => Number(length >> BigInt(8 * (size - 1 - i)) & 255n))];
}

// What is drawn is what was typed last, however long it takes to compress the one and to inflate the other.
let newest = 0;

async function draw() {
  const mine = newest += 1;
  const [drawn, problem] = await drawing().then((parts) => [parts, ''], ({ message }) => [null, message]);
  if (mine !== newest) return;
  byId('compose-problem').textContent = problem;
  if (drawn) byId('compose-frame').replaceChildren(...drawn);
}

async function drawing() {
  const bytes = await compose();
  const agreed = document.documentElement.dataset.extensions ?? '';
  const frame = decodeFrame({ bytes: hexOf(bytes, ''), dir: 'in' }, { deflate: agreed.startsWith('permessage-deflate') });
  const line = talkLine(bytes, location, '/echo', frame.compressed ? 'permessage-deflate' : '');
  return [stripOf(frame), box('verdict', ...await verdict(frame)), fieldsOf(frame),
    box('copy-line', part('', line, 'code'), copyButton('Copy', line))];
}

async function verdict({ notes, opcode, compressed, plain }) {
  const inflated = compressed ? await inflate(plain) : { whole: true };
  const wrong = inflated.whole ? notes : [...notes, 'The payload is not compressed, as RSV1 says that it is (RFC 7692, section 7.2.2).'];
  if (wrong.length) return [part('problem', 'Will the server take it? No:', 'p'), ...wrong.map((note) => part('problem', note, 'p'))];
  const more = opcode === 0 ? ' If a message has begun before it, that is.'
    : compressed ? ` It inflates to ${count(inflated.bytes.length, 'byte')}.` : '';
  return [part('same', `Will the server take it? Yes.${more}`, 'p')];
}

byId('compose-open').addEventListener('click', () => {
  draw();
  byId('compose').showModal();
});
form.addEventListener('input', draw);
lightFields(byId('compose-frame'));
