#!/usr/bin/env python3
"""A WebSocket client for the terminal: sends the frames that it is told to, right or wrong, and
prints each frame that goes and comes, byte by byte and in words.

    lessons/tools/talk.py [--port N] [--path /echo] [--text] WORD...

Each word is sent as one frame:
    text:Hello  binary:00ff  ping:abc  pong:abc     (binary in hex, the others as text)
    close  close:1000  close:4000:done              an empty one; with a code; with a reason too
    first:Hel  next:l  last:o                       a text in fragments
    89:70696e67  82*70000                           as the tests write it: the first byte, then a
                                                    payload in hex, or so many bytes of it
Other words:
    =8105          bytes as they stand: no header, no mask
    drip:text:Hi   the same as text:Hi, but a byte every half second
    stay:5         waits so many seconds and prints what comes meanwhile; a close is answered, a ping not

It waits for one answer to text, binary, last and ping. At the end it says that it will send no more,
and prints what still comes. The mask is always 37 fa 21 3d, so that all can be compared. A page's
mask comes from chance.
"""
import argparse
import os
import socket
import struct
import sys
import time

KEY = bytes.fromhex('37fa213d')
WAIT_S = 15  # for any answer
NAMES = {0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong'}
FIRST_BYTES = {'text': 0x81, 'binary': 0x82, 'close': 0x88, 'ping': 0x89, 'pong': 0x8A,
               'first': 0x01, 'next': 0x00, 'last': 0x80}
ANSWERED = ('text', 'binary', 'last', 'ping')


def header(first, length, mask):
    """The first bytes of a frame, up to its length."""
    if length < 126:
        return struct.pack('!BB', first, mask | length)
    if length < 65536:
        return struct.pack('!BBH', first, mask | 126, length)
    return struct.pack('!BBQ', first, mask | 127, length)


def words_for(frame_first, payload):
    """What a frame means."""
    name = NAMES.get(frame_first & 0xF, 'unknown opcode')
    more = '' if frame_first & 0x80 else ' (to be continued)'
    if name == 'close' and len(payload) >= 2:
        return f'close, code {struct.unpack("!H", payload[:2])[0]} {shown(payload[2:], 123)}'.rstrip()
    return f'{name}{more}, {len(payload)} bytes {shown(payload)}'.rstrip()


def shown(payload, most=40):
    text = payload.decode('utf-8', 'backslashreplace')
    text = ''.join(c if c.isprintable() else f'\\x{ord(c):02x}' for c in text)
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
        self.socket.sendall(f'GET {options.path} HTTP/1.1\r\nHost: {options.host}\r\n'
                            'Upgrade: websocket\r\nConnection: Upgrade\r\n'
                            'Sec-WebSocket-Version: 13\r\n'
                            'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n'.encode())
        head = b''
        while not head.endswith(b'\r\n\r\n'):
            head += self.take(1)
        if not head.startswith(b'HTTP/1.1 101 '):
            sys.exit(head.decode('latin-1').split('\r\n')[0])

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
        raw = self.take(2, until)
        if raw is None:
            return False
        length = raw[1] & 0x7F
        if length > 125:
            more = self.take(2 if length == 126 else 8)
            raw, length = raw + more, int.from_bytes(more, 'big')
        payload = self.take(length)
        if raw[0] & 0xF == 8:
            self.close_came = payload
        if not self.text_only:
            tell('got', raw + payload, words_for(raw[0], payload))
        elif raw[0] & 0xF == 1:
            print(payload.decode('utf-8', 'backslashreplace'), flush=True)
        return True

    def send(self, raw, pause=0.0):
        pieces = [raw[i:i + 1] for i in range(len(raw))] if pause else [raw]
        for piece in pieces:
            try:
                self.socket.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the server has ended it: what came before that is still to be read
            time.sleep(pause)

    def send_frame(self, first, payload, pause=0.0):
        self.close_sent = self.close_sent or first & 0xF == 8
        masked = bytes(byte ^ KEY[i % 4] for i, byte in enumerate(payload))
        raw = header(first, len(payload), 0x80) + KEY + masked
        if not self.text_only:
            tell('sent', raw, words_for(first, payload))
        self.send(raw, pause)

    def do(self, word, pause=0.0):
        name, _, rest = word.partition(':')
        if word.startswith('='):
            tell('sent', bytes.fromhex(word[1:]), 'as it stands')
            self.send(bytes.fromhex(word[1:]), pause)
        elif name == 'drip':
            self.do(rest, 0.5)
        elif name == 'stay':
            until = time.monotonic() + float(rest)
            while self.receive(until):
                if self.close_came is not None and not self.close_sent:
                    self.send_frame(FIRST_BYTES['close'], self.close_came)
        elif name in FIRST_BYTES:
            self.send_frame(FIRST_BYTES[name], payload_of(name, rest), pause)
            if name in ANSWERED:
                self.receive()
        elif word[2:3] == '*':
            self.send_frame(int(word[:2], 16), bytes(i % 251 for i in range(int(word[3:]))), pause)
        else:
            self.send_frame(int(name, 16), bytes.fromhex(rest), pause)

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


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--host', default='127.0.0.1')
    parser.add_argument('--port', type=int, default=8080)
    parser.add_argument('--path', default='/echo')
    parser.add_argument('--text', action='store_true', help='print nothing but the texts that come')
    parser.add_argument('words', metavar='WORD', nargs='*')
    options = parser.parse_args()
    try:
        talk = Talk(options)
        for word in options.words:
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
