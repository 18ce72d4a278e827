#!/usr/bin/env python3
"""A WebSocket client for the terminal: sends the frames that you name, right or wrong, and
prints each frame that is sent or received, byte by byte and in words.

    lessons/tools/talk.py [--port N] [--path /echo] [--text] [--offer EXTENSIONS] WORD...
    lessons/tools/talk.py [--port N] [--path /echo] --replay FILE

Each word is sent as one frame:
    text:Hello  binary:00ff  ping:abc  pong:abc     (binary in hex, the others as text)
    close  close:1000  close:4000:done              without a code, with one, with a reason too
    first:Hel  next:l  last:o                       a text in fragments
    89:70696e67  82*70000                           the first byte of the frame, then its payload
                                                    in hex, or how many bytes it has
Other words:
    =8105          just these bytes: no header and no mask are made for them
    drip:text:Hi   the same as text:Hi, but a byte every half second
    deflate:text:Hi  compressed, with RSV1 set, whether that was agreed on or not
    stay:5         waits 5 seconds and prints what arrives; replies to a Close frame, but not to a ping

--replay sends the frames of a page again, with their masks, from a FILE that the page has saved.

After text, binary, last and ping it waits for one reply. At the end it says that it will send nothing
more, and prints what still arrives. The masking key is always 37 fa 21 3d, so that you can compare the
bytes. A page's keys are random.
"""
import argparse
import json
import os
import re
import socket
import struct
import sys
import time
import zlib

from frames import frame, receive_frame

WAIT_S = 15  # for any answer
NAMES = {0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong'}
FIRST_BYTES = {'text': 0x81, 'binary': 0x82, 'close': 0x88, 'ping': 0x89, 'pong': 0x8A,
               'first': 0x01, 'next': 0x00, 'last': 0x80}
ANSWERED = ('text', 'binary', 'last', 'ping')


def words_for(frame_first, payload, plain=None):
    """What a frame means; `plain` is what a compressed payload stands for."""
    name = NAMES.get(frame_first & 0xF, 'unknown opcode') + (', RSV1' if frame_first & 0x40 else '')
    more = '' if frame_first & 0x80 else ' (to be continued)'
    if name == 'close' and len(payload) >= 2:
        return f'close, code {struct.unpack("!H", payload[:2])[0]} {shown(payload[2:], 123)}'.rstrip()
    size = f'{len(payload)} byte' + ('' if len(payload) == 1 else 's')
    size += '' if plain is None else f' → {len(plain)}'
    return f'{name}{more}, {size} {shown(payload if plain is None else plain)}'.rstrip()


def escaped(payload):
    """A text, without what could play with a terminal or look like another line."""
    text = payload.decode('utf-8', 'backslashreplace')
    return ''.join(c if c.isprintable() else f'\\x{ord(c):02x}' for c in text)


def shown(payload, most=40):
    text = escaped(payload)
    return '' if text == '' else f'"{text[:most]}"' + (' …' if len(text) > most else '')


def tell(what, raw, meaning):
    some = raw[:16].hex(' ') + (' …' if len(raw) > 16 else '')
    print(f'{what:5} {some:49}  {meaning}'.rstrip(), flush=True)


class Talk:
    def __init__(self, options):
        self.text_only = options.text
        self.close_sent = False
        self.close_came = None  # the payload of the server's close frame
        self.socket = socket.create_connection((options.host, options.port), WAIT_S)
        self.buffer = b''
        offer = f'Sec-WebSocket-Extensions: {options.offer}\r\n' if options.offer else ''
        self.socket.sendall(f'GET {options.path} HTTP/1.1\r\nHost: {options.host}\r\n'
                            'Upgrade: websocket\r\nConnection: Upgrade\r\n'
                            f'Sec-WebSocket-Version: 13\r\n{offer}'
                            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'.encode())
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            head += self.take(1)
        if not head.startswith(b'HTTP/1.1 101 '):
            sys.exit(head.decode('latin-1').split('\r\n')[0])
        agreed = re.search(r'(?im)^Sec-WebSocket-Extensions: *(.*?)\r$', head.decode('latin-1'))
        self.agreed = agreed[1] if agreed else ''
        if options.offer and not self.text_only:
            print(f'agreed on: {self.agreed or "nothing"}', flush=True)
        self.deflater, self.inflater = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)

    def deflate(self, plain):
        """RFC 7692 section 7.2.1: flushed, and without the four bytes 00 00 ff ff at the end."""
        if 'client_no_context_takeover' in self.agreed:
            self.deflater = zlib.compressobj(wbits=-15)
        return (self.deflater.compress(plain) + self.deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def inflate(self, payload):
        """What a compressed payload stands for; None: nothing. Section 7.2.2: the four bytes are put back."""
        if 'server_no_context_takeover' in self.agreed:
            self.inflater = zlib.decompressobj(wbits=-15)
        try:
            return self.inflater.decompress(payload + b'\x00\x00\xff\xff')
        except zlib.error:
            return None

    def take(self, count, until=None):
        """Exactly so many bytes. With `until`: None where they have not come by then."""
        while len(self.buffer) < count:
            self.socket.settimeout(WAIT_S if until is None else max(until - time.monotonic(), 0.001))
            try:
                more = self.socket.recv(65536)
            except (TimeoutError, socket.timeout):
                if until is not None:
                    return None
                sys.exit(f'nothing came in {WAIT_S} seconds')
            except ConnectionResetError:
                sys.exit('the connection was reset')
            if more == b'':
                print('end')
                sys.exit(0)
            self.buffer += more
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def receive(self, until=None):
        """Prints the next frame. False where none came by `until`."""
        deadlines = iter([until])       # for its beginning alone: the rest is under way then
        got = receive_frame(lambda count: self.take(count, next(deadlines, None)))
        if got is None:
            return False
        raw, payload = got
        if raw[0] & 0xF == 8:
            self.close_came = payload
        plain = self.inflate(payload) if raw[0] & 0xC0 == 0xC0 else None
        if not self.text_only:
            tell('got', raw + payload, words_for(raw[0], payload, plain))
        elif raw[0] & 0xF == 1:
            print(escaped(payload if plain is None else plain), flush=True)
        return True

    def send(self, raw, pause=0.0):
        pieces = [raw[i:i + 1] for i in range(len(raw))] if pause else [raw]
        for piece in pieces:
            try:
                self.socket.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the server has ended it: what came before that is still to be read
            time.sleep(pause)

    def send_frame(self, first, payload, pause=0.0, deflated=False):
        plain = payload if deflated else None
        if deflated:
            first, payload = first | 0x40, self.deflate(payload)
        self.close_sent = self.close_sent or first & 0xF == 8
        raw = frame(first, payload)
        if not self.text_only:
            tell('sent', raw, words_for(first, payload, plain))
        self.send(raw, pause)

    def send_again(self, raw):
        opcode = raw[0] & 0xF
        self.close_sent = self.close_sent or opcode == 8
        tell('sent', raw, f'{NAMES.get(opcode, "unknown opcode")}, again')
        self.send(raw)
        if raw[0] & 0x80 and opcode in (0, 1, 2, 9):
            self.receive()

    def do(self, word, pause=0.0, deflated=False):
        name, _, rest = word.partition(':')
        if word.startswith('='):
            tell('sent', bytes.fromhex(word[1:]), 'raw bytes')
            self.send(bytes.fromhex(word[1:]), pause)
        elif name == 'again':
            self.send_again(bytes.fromhex(rest))
        elif name == 'drip':
            self.do(rest, 0.5, deflated)
        elif name == 'deflate':
            self.do(rest, pause, True)
        elif name == 'stay':
            until = time.monotonic() + float(rest)
            while self.receive(until):
                if self.close_came is not None and not self.close_sent:
                    self.send_frame(FIRST_BYTES['close'], self.close_came)
        elif name in FIRST_BYTES:
            self.send_frame(FIRST_BYTES[name], payload_of(name, rest), pause, deflated)
            if name in ANSWERED:
                self.receive()
        elif word[2:3] == '*':
            self.send_frame(int(word[:2], 16), bytes(i % 251 for i in range(int(word[3:]))), pause, deflated)
        else:
            self.send_frame(int(name, 16), bytes.fromhex(rest), pause, deflated)

    def finish(self):
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        while True:
            self.receive()


def payload_of(name, rest):
    if name == 'binary':
        return bytes.fromhex(rest)
    if name == 'close' and rest != '':
        code, _, reason = rest.partition(':')
        return struct.pack('!H', int(code)) + reason.encode()
    return rest.encode()


def replayed(name):
    """The frames of the page that saved this file, as words; without those that the file holds in part."""
    try:
        with open(name, encoding='utf-8') as file:
            rights = [row['right'] for row in json.load(file)['rows'] if row['right']]
    except (OSError, ValueError, KeyError, TypeError) as problem:
        sys.exit(f'{name}: no session that a page has saved ({problem})')
    sent = [right for right in rights if right['kind'] == 'frame' and right['dir'] == 'in' and right['id']]
    whole = [right for right in sent if not right['cut']]
    if len(whole) < len(sent):
        print(f'{len(sent) - len(whole)} frames are too long for the file to hold, and are left out')
    return ['again:' + right['bytes'] for right in whole]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=8080)
    parser.add_argument('--path', default='/echo')
    parser.add_argument('--text', action='store_true', help='print nothing but the texts that come')
    parser.add_argument('--offer', metavar='EXTENSIONS', help='such as permessage-deflate')
    parser.add_argument('--replay', metavar='FILE', help='a session that the page has saved')
    parser.add_argument('words', metavar='WORD', nargs='*')
    options = parser.parse_args()
    words = options.words + (replayed(options.replay) if options.replay else [])
    try:
        talk = Talk(options)
        for word in words:
            try:
                talk.do(word)
            except (ValueError, struct.error) as problem:
                sys.exit(f'{word}: {problem}; see lessons/tools/talk.py --help')
        talk.finish()
    except ConnectionRefusedError:
        sys.exit(f'nobody listens at {options.host}, port {options.port}: start the server first')
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read what is printed here has gone, as head -n 1 does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == '__main__':
    main()
