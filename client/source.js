// Which C has read or written what a row shows, and the lesson that teaches it; how to stop there in gdb,
// and how to send the same bytes again. It touches no page. A test looks each function up in the source.

import { hexOf } from './words.js';

/** The folders of the lessons, by number. */
export const LESSONS = ['', '01-listen', '02-a-thread-per-client', '03-a-stream-not-packets', '04-the-request',
  '05-the-page', '06-is-it-an-upgrade', '07-the-accept-key', '08-switching-protocols', '09-a-frames-header',
  '10-payload-and-echo', '11-control-frames', '12-messages', '13-the-server-speaks-first', '14-when-things-go-wrong',
  '15-fewer-bytes'];

// Each function with its file, its lesson, and what it does.
export const CODE = {
  accept_loop: ['server.c', 1, 'accepts the connection'],
  start_client: ['server.c', 2, 'starts a thread for it'],
  end_client: ['server.c', 2, 'closes the socket, and gives back what the client had'],
  stream_read_line: ['stream.c', 3, 'finds the end of each line'],
  request_read: ['handshake.c', 4, 'reads the lines, up to the empty one'],
  handshake_respond: ['handshake.c', 5, 'writes the head of the response'],
  send_file: ['server.c', 5, 'sends the file'],
  handshake_reject: ['handshake.c', 5, 'rejects the request, and says why'],
  handshake_check: ['handshake.c', 6, 'checks that it asks for a WebSocket as it should'],
  handshake_accept_key: ['handshake.c', 7, 'makes the accept key'],
  handshake_switch: ['handshake.c', 8, 'writes the 101'],
  check_rules: ['frame.c', 9, 'checks the first two bytes'],
  read_length: ['frame.c', 9, 'reads the length'],
  frame_unmask: ['frame.c', 10, 'takes the mask off the payload'],
  make_header: ['frame.c', 10, 'makes the header, without a mask'],
  frame_write: ['frame.c', 10, 'writes header and payload'],
  handle_control: ['frame.c', 11, 'replies to a ping or a Close frame'],
  handle_close: ['frame.c', 11, 'replies with the same code'],
  frame_close: ['frame.c', 11, 'writes the code and the reason'],
  join_fragment: ['frame.c', 12, 'checks that the frames of a message follow each other'],
  check_text_end: ['frame.c', 12, 'checks that the text ends with a whole character'],
  chat_name: ['chat.c', 13, 'takes the name from the address'],
  say: ['chat.c', 13, 'publishes it for everybody who is there'],
  send_messages: ['sender.c', 13, 'sends what was published'],
  read_compressed: ['frame.c', 15, 'inflates the payload'],
  deflate_compress: ['deflate.c', 15, 'compresses the message'],
};

/** The functions that a right end went through, in their order: [{ name, file, lesson, does }]. */
export function codeOf(right) {
  return namesOf(right).map((name) => {
    const [file, lesson, does] = CODE[name];
    return { name, file, lesson, does };
  });
}

function namesOf(right) {
  if (right.kind === 'request') {
    return ['stream_read_line', 'request_read', ...right.http.upgrade ? ['handshake_check'] : [], ...isChat(right) ? ['chat_name'] : []];
  }
  if (right.kind === 'response') return namesOfResponse(right.http);
  if (right.kind === 'frame') return right.dir === 'in' ? namesOfRead(right) : namesOfWritten(right);
  return { connected: ['accept_loop', 'start_client'], disconnected: ['end_client'] }[right.event.event] ?? [];
}

function namesOfResponse({ out: [status = ''] }) {
  if (/ 101 /.test(status)) return ['handshake_accept_key', 'handshake_switch'];
  return / 200 /.test(status) ? ['send_file', 'handshake_respond'] : ['handshake_reject', 'handshake_respond'];
}

const isChat = ({ path = '' }) => path.startsWith('/chat');

// RSV1: the message is compressed (RFC 7692).
const isCompressed = ({ bytes, compressed }) => compressed || (parseInt(bytes[0], 16) & 4) !== 0;

function namesOfRead(right) {
  const { opcode, fin } = right;
  const names = ['check_rules', 'read_length'];
  if (opcode >= 8) return [...names, 'frame_unmask', 'handle_control', ...opcode === 8 ? ['handle_close'] : []];
  return [...names, ...fin && opcode !== 0 ? [] : ['join_fragment'], 'frame_unmask', ...isCompressed(right) ? ['read_compressed'] : [],
    ...opcode === 1 && fin ? ['check_text_end'] : [], ...isChat(right) && fin ? ['say'] : []];
}

function namesOfWritten(right) {
  const { opcode } = right;
  if (opcode === 8) return ['frame_close', 'make_header', 'frame_write'];
  return [...isChat(right) && opcode < 8 ? ['send_messages'] : [], ...isCompressed(right) ? ['deflate_compress'] : [], 'make_header', 'frame_write'];
}

/** A line for gdb that stops the server at the next one of this kind. */
export function breakpointOf(right) {
  const names = namesOf(right);
  if (right.kind !== 'frame') return names.length ? `break ${names.at(-1)}` : null;
  if (right.dir === 'out' && isCompressed(right)) return 'break deflate_compress';
  return right.dir === 'in'
    ? `break check_rules if frame->opcode == ${right.opcode}`
    : `break frame_write if opcode == ${right.opcode} && length == ${right.length}`;
}

/** A command that sends the same bytes again, mask and all; null if the trace does not hold all of them. */
export function talkOf({ kind, dir, cut, bytes }, { hostname, port }, path = '/echo') {
  if (kind !== 'frame' || dir !== 'in' || cut || bytes === '') return null;
  return talkLine(bytes, { hostname, port }, path);
}

/** The same for any bytes, in hex. offer: the extension that they need. */
export function talkLine(bytes, { hostname, port }, path, offer = '') {
  const words = ['lessons/tools/talk.py'];
  if (hostname !== '127.0.0.1' && hostname !== 'localhost') words.push('--host', hostname);
  if (port !== '8080') words.push('--port', port || '80');
  if (path !== '/echo' && /^[\w/.?=&-]+$/.test(path)) words.push('--path', `'${path}'`);
  if (offer) words.push('--offer', offer);
  return [...words, `=${typeof bytes === 'string' ? bytes : hexOf(bytes, '')}`].join(' ');
}
