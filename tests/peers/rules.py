#!/usr/bin/env python3
"""Puts the same rules of RFC 6455 to several echo servers, and counts which of them each one keeps.

    tests/peers/rules.py NAME=COMMAND...                   (make compare does)
    tests/peers/rules.py --compress NAME=COMMAND...        (the rules of RFC 7692 instead)

A command is started by sh with $PORT set, and must print the address that it listens at. Each case
is something that the standard demands of a server (MUST), and nothing that it leaves to taste:
words, pages, origins, limits. Unlike the lessons' checks, the client waits for the answers before it
closes, and takes a message in fragments for as good as one in a piece. Where a connection must be
failed, a close frame with any code will do, and so will the bare end: of the code, the standard says
SHOULD. What is not kept is printed, and then a table. The exit status is 1 where the first server does
not keep all.
"""
import base64
import concurrent.futures
import hashlib
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import time
import zlib

sys.path.append('lessons/tools')
from frames import frame, receive_frame  # noqa: E402

START_S = 15  # for the line with the address
WAIT_S = 10  # for any single answer
END_S = 12  # for the end of a connection that is failed: the standard names no time
AT_ONCE = 24  # cases at the same time: nearly all of them wait
KEY = base64.b64encode(bytes(range(16))).decode()
GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
ACCEPT = base64.b64encode(hashlib.sha1((KEY + GUID).encode()).digest()).decode()
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
RSV1 = 0x40


class Broken(Exception):
    """A rule was not kept: the exception says how."""


class Silence(Broken):
    """Nothing came, and no end either."""


class NotUpgraded(Broken):
    """The response to the handshake is not 101."""


# ---- a client that sends what it is told to ----

def close(code, reason=b''):
    return frame(0x88, struct.pack('!H', code) + reason)


def request(method='GET', version='HTTP/1.1', **changes):
    """A request for an upgrade; a header that is changed to None is left out."""
    headers = {'Host': 'localhost', 'Upgrade': 'websocket', 'Connection': 'Upgrade',
               'Sec-WebSocket-Key': KEY, 'Sec-WebSocket-Version': '13'}
    headers.update({name.replace('_', '-'): value for name, value in changes.items()})
    lines = [f'{name}: {value}' for name, value in headers.items() if value is not None]
    return '\r\n'.join([f'{method} / {version}', *lines, '', '']).encode()


class Client:
    may_set = 0  # the reserved bits that the server may set

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), WAIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b''

    def send(self, data, each=None):
        try:
            for at in range(0, len(data), each or len(data)):
                self.socket.sendall(data[at:at + (each or len(data))])
                if each:
                    time.sleep(0.001)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has ended the connection; what it said before can still be read

    def more(self):
        """Receives something; False: the connection has ended."""
        try:
            data = self.socket.recv(1 << 16)
        except socket.timeout:
            raise Silence(f'no answer within {self.socket.gettimeout():.0f} s') from None
        except ConnectionResetError:
            data = b''
        self.buffer += data
        return data != b''

    def head(self):
        """The head of the server's response, '' where it ends the connection without one."""
        while b'\r\n\r\n' not in self.buffer:
            if not self.more():
                return ''
        head, self.buffer = self.buffer.split(b'\r\n\r\n', 1)
        return head.decode('latin-1') + '\r\n'

    def upgrade(self, data=None, each=None):
        self.send(data or request(), each)
        head = self.head()
        if not re.match(r'HTTP/1\.1 101[ \r]', head):
            raise NotUpgraded(f'not 101, but {head[:60]!r}')
        accept = rf'(?im)^Sec-WebSocket-Accept:[ \t]*{re.escape(ACCEPT)}[ \t]*\r\n'
        if not re.search(accept, head):
            raise Broken('a wrong Sec-WebSocket-Accept')
        return head

    def frame(self):
        """The server's next frame: its first byte, opcode, payload. None: the connection has ended."""
        def take(n):
            while len(self.buffer) < n:
                if not self.more():
                    return None
            piece, self.buffer = self.buffer[:n], self.buffer[n:]
            return piece
        got = receive_frame(take)
        if got and (got[0][0] & 0x70 & ~self.may_set or got[0][1] & 0x80):
            raise Broken(f'a frame that no server may send: {got[0].hex(" ")}')
        return got and (got[0][0], got[0][0] & 15, got[1])

    def message(self):
        """The next message, whole, or control frame: opcode, payload. None: the end."""
        kind, whole, compressed = None, b'', False
        while True:
            got = self.frame()
            if got and got[0] & RSV1 and (got[1] >= 8 or kind is not None):
                raise Broken('RSV1 on a control frame or a continuation')
            if got is None or got[1] >= 8:
                return got and got[1:]
            compressed = compressed or bool(got[0] & RSV1)
            kind, whole = (kind or got[1]), whole + got[2]
            if got[0] & 0x80:
                return kind, self.inflate(whole) if compressed else whole

    def expect(self, kind, payload):
        got = self.message()
        if got != (kind, payload):
            raise Broken(f'expected {told((kind, payload))}, but got {told(got)}')

    def expect_close(self, *codes):
        """A close frame with one of the codes (None: with none), and then the end."""
        got = self.message()
        if got is None or got[0] != CLOSE:
            raise Broken(f'expected a close frame, but got {told(got)}')
        code = struct.unpack('!H', got[1][:2])[0] if len(got[1]) > 1 else None
        if codes and code not in codes:
            raise Broken(f'a close frame with the code {code}')
        if self.message() is not None:
            raise Broken('a frame behind the close frame')

    def expect_failed(self):
        """The connection is failed: at most a close frame, and then the end. Answers the code."""
        self.socket.settimeout(END_S)
        got = self.message()
        if got is not None and got[0] != CLOSE:
            raise Broken(f'the connection must be failed, but it got {told(got)}')
        if got is not None and self.message() is not None:
            raise Broken('a frame behind the close frame')
        return struct.unpack('!H', got[1][:2])[0] if got and len(got[1]) > 1 else None


class Compressing(Client):
    """A client that offers permessage-deflate. It keeps the server's context only if it must."""
    may_set, bits = RSV1, 15

    def offer(self, offer='permessage-deflate'):
        """Makes an offer, and asserts that the server may give the response that it gives. False: it has
        declined."""
        try:
            head = self.upgrade(request(Sec_WebSocket_Extensions=offer))
        except NotUpgraded:  # that declines it, too
            return False
        got = re.findall(r'(?im)^Sec-WebSocket-Extensions:[ \t]*(.*?)[ \t]*\r\n', head)
        if not got:
            return False
        if len(got) != 1 or not re.match('permessage-deflate *(;|$)', got[0]):
            raise Broken(f'an extension that was not offered: {got}')
        pairs = [[word.strip() for word in part.partition('=')[::2]] for part in got[0].split(';')[1:]]
        self.agreed = dict(pairs)
        if len(pairs) != len(self.agreed):
            raise Broken(f'a parameter twice: {got[0]}')
        for name, value in pairs:
            allowed = '' if name in ('server_no_context_takeover', 'client_no_context_takeover') else \
                '8|9|1[0-5]' if name in ('server_max_window_bits', 'client_max_window_bits') else '(?!)'
            if not re.fullmatch(allowed, value):
                raise Broken(f'a parameter that no response may have: {name} {value}')
        self.bits = int(self.agreed.get('server_max_window_bits', 15))
        self.window = None
        return True

    def inflate(self, data):
        """zlib gets little room at a time: else it would find what is further back than its window among
        the bytes that it has just made."""
        if self.window is None or 'server_no_context_takeover' in self.agreed:
            self.window = zlib.decompressobj(-self.bits)
        try:
            whole, left = b'', data + TAIL
            while left:
                whole += self.window.decompress(left, 64)
                left = self.window.unconsumed_tail
            return whole
        except zlib.error as problem:
            raise Broken(f'a message that cannot be inflated: {problem}') from None


def told(message):
    if message is None:
        return 'the end'
    names = {0: 'continuation', 1: 'text', 2: 'binary', 8: 'close', 9: 'ping', 10: 'pong'}
    some = message[1][:12].hex(' ') + (' …' if len(message[1]) > 12 else '')
    return f'{names.get(message[0], "?")} of {len(message[1])} bytes {some}'.rstrip()


# ---- the cases ----

CASES = []  # (group, section, what, function of port)


def case(group, section, what, function):
    CASES.append((group, section, what, function))


def refused(what, section, data, also=None):
    def run(port):
        client = Client(port)
        client.send(data)
        try:
            head = client.head()
        except Silence:
            head = ''  # it is not upgraded, which is all that is asked
        if re.match(r'HTTP/1\.\d 101', head):
            raise Broken('it is upgraded all the same')
        if also and not re.search(rf'(?im)^{also}:', head):
            raise Broken(f'the answer lacks {also}: {head.splitlines()[:1]}')
    case('handshake', section, what, run)


def accepted(what, section, data=None, each=None, without=None):
    def run(port):
        client = Client(port)
        head = client.upgrade(data, each)
        if without and re.search(without, head):
            raise Broken(f'the answer says {without}')
        client.send(frame(0x81, b'Hello'))
        client.expect(TEXT, b'Hello')
    case('handshake', section, what, run)


def echoed(group, what, section, data, *answers, each=None):
    """Sends frames; asserts the answers in their order, and that the close is answered after that."""
    def run(port):
        client = Client(port)
        client.upgrade()
        client.send(data, each)
        for answer in answers:
            client.expect(*answer)
        client.send(close(1000))
        client.expect_close()
    case(group, section, what, run)


def failed(group, what, section, data, code=1002):
    """Sends frames for which the connection must be failed. The code is only counted."""
    def run(port):
        client = Client(port)
        client.upgrade()
        client.send(data)
        return client.expect_failed() == code
    case(group, section, what, run)


def closed(what, section, data, *codes):
    def run(port):
        client = Client(port)
        client.upgrade()
        client.send(data)
        client.expect_close(*codes)
    case('closing', section, what, run)


def agreed(what, section, parameters, check):
    """An offer that may be declined. If it is accepted, asserts what the response says, and that compressed
    messages come back."""
    def run(port):
        client = Compressing(port)
        if not client.offer('; '.join(['permessage-deflate', *parameters])):
            return
        if not check(client.agreed):
            raise Broken(f'the response says {client.agreed}')
        for text in (b'Hello', b'*' * 70000, NOISE[:600] * 2):
            client.send(frame(0xC2, deflated(text)))
            client.expect(BINARY, text)
    case('offers', section, what, run)


def declined(what, section, parameters):
    """An offer that must not be accepted. Rejecting the whole request will do, too."""
    def run(port):
        client = Client(port)
        client.send(request(Sec_WebSocket_Extensions=f'permessage-deflate; {parameters}'))
        head = client.head()
        if re.match(r'HTTP/1\.1 101', head) and 'permessage-deflate' in head:
            raise Broken(f'it is accepted: {parameters}')
    case('offers', section, what, run)


def compressing(port):
    client = Compressing(port)
    if not client.offer():
        raise Broken('it does not compress')
    return client


def compressed(what, section, data, *answers, check=lambda agreed: True):
    """Sends frames on a connection that agreed to compress, unless the rule is not for what it agreed to."""
    def run(port):
        client = compressing(port)
        if not check(client.agreed):
            return
        client.send(data)
        for answer in answers:
            client.expect(*answer)
        client.send(close(1000))
        client.expect_close()
    case('messages', section, what, run)


def broken(what, section, data, code=1002):
    def run(port):
        client = compressing(port)
        client.send(data)
        return client.expect_failed() == code
    case('messages', section, what, run)


def handshakes():
    accepted('a good request', '4.2.2')
    accepted('names and values in upper or lower case', '4.2.1',
             request().replace(b'Upgrade: websocket', b'uPGRADE: WebSocket').replace(b'Sec-', b'sec-'))
    accepted('Connection is a list', '4.2.1', request(Connection='keep-alive, Upgrade'))
    accepted('a request that comes byte by byte', '4.2.1', request(), each=1)
    accepted('an unknown extension is not taken', '9.1', request(Sec_WebSocket_Extensions='x-nobody'),
             without='(?im)^Sec-WebSocket-Extensions')
    refused('no Sec-WebSocket-Key', '4.2.1', request(Sec_WebSocket_Key=None))
    refused('a key that is not 16 bytes', '4.2.1', request(Sec_WebSocket_Key='c2hvcnQ='))
    refused('no Connection: Upgrade', '4.2.1', request(Connection='keep-alive'))
    refused('no Upgrade', '4.2.1', request(Upgrade=None))
    refused('an Upgrade to something else', '4.2.1', request(Upgrade='h2c'))
    refused('POST', '4.2.1', request(method='POST', Content_Length='0'))
    refused('HTTP/1.0', '4.2.1', request(version='HTTP/1.0'))
    refused('no Host', '4.2.1', request(Host=None))
    refused('no Sec-WebSocket-Version', '4.2.1', request(Sec_WebSocket_Version=None))
    refused('version 99 is told which versions there are', '4.2.2',
            request(Sec_WebSocket_Version='99'), 'Sec-WebSocket-Version')


def messages():
    for n in (0, 1, 125, 126, 127, 65535, 65536, 1 << 20):
        data = bytes(i % 251 for i in range(n))
        echoed('messages', f'binary, {n} bytes', '5.2', frame(0x82, data), (BINARY, data))
    for n in (0, 125, 126, 65536):
        echoed('messages', f'text, {n} bytes', '5.6', frame(0x81, b'*' * n), (TEXT, b'*' * n))
    echoed('messages', 'a zero byte in a text', '5.6', frame(0x81, b'a\0b'), (TEXT, b'a\0b'))
    echoed('messages', 'byte by byte', '5.2', frame(0x81, b'Hello') + frame(0x82, b'x' * 200),
           (TEXT, b'Hello'), (BINARY, b'x' * 200), each=1)
    echoed('messages', 'many in one segment', '5.4',
           b''.join(frame(0x82, bytes([i])) for i in range(100)),
           *[(BINARY, bytes([i])) for i in range(100)])
    for first, rest in ((b'Hel', [b'lo']), (b'', [b'']), (b'', [b'Hello', b'']), (b'a', [b'b'] * 50)):
        data = frame(0x01, first) + b''.join(frame(0x00, piece) for piece in rest[:-1])
        echoed('messages', f'{len(rest) + 1} fragments, the first of {len(first)} bytes', '5.4',
               data + frame(0x80, rest[-1]), (TEXT, first + b''.join(rest)))
    echoed('messages', 'a ping between fragments', '5.4', frame(0x01, b'a') + frame(0x89, b'p') +
           frame(0x80, b'b'), (PONG, b'p'), (TEXT, b'ab'))
    echoed('messages', 'a pong between fragments', '5.4', frame(0x01, b'a') + frame(0x8A) +
           frame(0x80, b'b'), (TEXT, b'ab'))
    failed('messages', 'a continuation of nothing', '5.4', frame(0x80, b'a'))
    failed('messages', 'two continuations of nothing', '5.4', frame(0x00, b'a') + frame(0x80, b'a'))
    failed('messages', 'a new text between fragments', '5.4', frame(0x01, b'a') + frame(0x81, b'b'))
    failed('messages', 'a new binary between fragments', '5.4', frame(0x01, b'a') + frame(0x02, b'b'))


def headers():
    for bits in range(1, 8):
        failed('headers', f'reserved bits {bits:03b}', '5.2', frame(0x81 | bits << 4, b'a'))
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        failed('headers', f'opcode {opcode}', '5.2', frame(0x80 | opcode))
    for name, first in (('text', 0x81), ('binary', 0x82), ('ping', 0x89)):
        failed('headers', f'an unmasked {name}', '5.1', frame(first, b'a', masked=False))
    echoed('headers', 'a mask of zeros', '5.3', b'\x81\x82\0\0\0\0Hi', (TEXT, b'Hi'))
    for n in (0, 4, 125):
        echoed('headers', f'a ping of {n} bytes', '5.5.2', frame(0x89, b'x' * n), (PONG, b'x' * n))
    echoed('headers', 'a pong that nobody asked for', '5.5.3', frame(0x8A, b'x') + frame(0x81, b'a'),
           (TEXT, b'a'))
    failed('headers', 'a ping of 126 bytes', '5.5', frame(0x89, b'x' * 126))
    failed('headers', 'a close of 126 bytes', '5.5', frame(0x88, struct.pack('!H', 1000) + b'x' * 124))
    failed('headers', 'a ping in fragments', '5.5', frame(0x09, b'a') + frame(0x80, b'b'))


GOOD_TEXTS = '''00 7f c280 dfbf e0a080 ed9fbf ee8080 efbfbf f0908080 f48fbfbf
                cebae1bdb9cf83cebcceb5'''.split()
BAD_TEXTS = '''80 bf c080 c1bf e08080 e09fbf eda080 edbfbf f0808080 f08fbfbf f4908080 f8888080 fe ff
               c2 e282 f09f98 c27f e2827f 6162ff6364'''.split()


def texts():
    for text in map(bytes.fromhex, GOOD_TEXTS):
        echoed('text', f'good: {text.hex(" ")}', '8.1', frame(0x81, text), (TEXT, text))
    for text in map(bytes.fromhex, BAD_TEXTS):
        failed('text', f'bad: {text.hex(" ")}', '8.1', frame(0x81, text), 1007)
    euro = b'\xe2\x82\xac'
    echoed('text', 'a character in three fragments', '5.6', frame(0x01, euro[:1]) +
           frame(0x00, euro[1:2]) + frame(0x80, euro[2:]), (TEXT, euro))
    failed('text', 'a character cut off by the last fragment', '8.1',
           frame(0x01, b'a') + frame(0x80, euro[:2]), 1007)
    failed('text', 'bad in the second fragment', '8.1', frame(0x01, b'a') + frame(0x80, b'\xff'), 1007)
    echoed('text', 'a binary message need be no text', '5.6', frame(0x82, b'\xff\x80'),
           (BINARY, b'\xff\x80'))


def closes():
    closed('1000 is answered', '5.5.1', close(1000))
    closed('a close without a code is answered', '5.5.1', frame(0x88))
    closed('a reason', '5.5.1', close(1000, 'grüß Gott'.encode()))
    closed('a reason of 123 bytes', '5.5.1', close(1000, b'x' * 123))
    for code in (1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        closed(f'the code {code} is answered', '7.4', close(code), code, 1000, None)
    for code in (1005, 1006, 1015):
        def never(port, code=code):
            client = Client(port)
            client.upgrade()
            client.send(close(code))
            got = client.message()
            if got is not None and got[1][:2] == struct.pack('!H', code):
                raise Broken(f'it sends the code {code}, which nobody may')
        case('closing', '7.4.1', f'the code {code} is never sent', never)
    failed('closing', 'a reason that is no text', '8.1', close(1000, b'\xff\xfe'), 1007)
    closed('nothing comes behind the close', '5.5.1',
           close(1000) + frame(0x89, b'p') + frame(0x81, b'a'))
    closed('a close between fragments', '5.4', frame(0x01, b'a') + close(1000))

    def others(port):
        """Clients that break rules or vanish leave the others alone."""
        good = Client(port)
        good.upgrade()
        text = frame(0x81, b'a' * 1000)
        for bad in (frame(0x83), text[:500], b'\x88', text * 500):
            client = Client(port)
            client.upgrade()
            client.send(bad)
            client.socket.close()
        good.send(frame(0x81, b'still here'))
        good.expect(TEXT, b'still here')
    case('closing', '7.1.7', 'whoever breaks a rule ends only its own connection', others)


# ---- RFC 7692 ----

TAIL = b'\x00\x00\xff\xff'
NOISE = hashlib.shake_256(b'noise').digest(32768)
HELLO, AGAIN = bytes.fromhex('f248cdc9c90700'), bytes.fromhex('f200110000')
# 32,768 bytes that are stored, and three bytes from as far back.
FAR = b'\x00\x00\x80\xff\x7f' + NOISE + bytes.fromhex('02deff0f00')


def deflated(data):
    compressor = zlib.compressobj(wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-len(TAIL)]


def offers():
    agreed('client_max_window_bits is not in the response if it was not offered', '7.1.2.2', [],
           lambda got: 'client_max_window_bits' not in got)
    agreed('server_no_context_takeover is in the response, and kept', '7.1.1.1',
           ['server_no_context_takeover'], lambda got: 'server_no_context_takeover' in got)
    agreed('a hint about the client', '7.1.2.2', ['client_max_window_bits=10', 'client_no_context_takeover'],
           lambda got: True)
    for bits in (9, 13, 15):
        agreed(f'server_max_window_bits={bits} is in the response, and kept', '7.1.2.1',
               [f'server_max_window_bits={bits}'],
               lambda got, bits=bits: int(got.get('server_max_window_bits', 99)) <= bits)
    for value in ('', '=7', '=16', '=010', '=x'):
        declined(f'server_max_window_bits{value}', '7', f'server_max_window_bits{value}')
    for value in ('=7', '=16', '=08', '=x'):
        declined(f'client_max_window_bits{value}', '7', f'client_max_window_bits{value}')
    for side in ('server', 'client'):
        declined(f'{side}_no_context_takeover=1', '7', f'{side}_no_context_takeover=1')
        declined(f'{side}_no_context_takeover twice', '7', '; '.join([f'{side}_no_context_takeover'] * 2))
        declined(f'{side}_max_window_bits twice', '7', '; '.join([f'{side}_max_window_bits=12'] * 2))
    declined('a parameter that there is not', '7', 'x=1')


def compression():
    compressed('one block', '7.2.3.1', frame(0xC1, HELLO), (TEXT, b'Hello'))
    compressed('in two frames', '7.2.3.1', frame(0x41, HELLO[:3]) + frame(0x80, HELLO[3:]), (TEXT, b'Hello'))
    compressed('a ping between', '6.1', frame(0x41, HELLO[:3]) + frame(0x89, b'p') + frame(0x80, HELLO[3:]),
               (PONG, b'p'), (TEXT, b'Hello'))
    compressed('not compressed', '6.2', frame(0x81, b'Hello'), (TEXT, b'Hello'))
    compressed('compressed, plain, compressed', '6.2',
               frame(0xC1, HELLO) + frame(0x82, b'x') + frame(0xC1, HELLO),
               (TEXT, b'Hello'), (BINARY, b'x'), (TEXT, b'Hello'))
    compressed('a block that is stored', '7.2.3.3', frame(0xC1, bytes.fromhex('000500faff48656c6c6f00')),
               (TEXT, b'Hello'))
    compressed('a block with BFINAL', '7.2.3.4', frame(0xC1, bytes.fromhex('f348cdc9c9070000')),
               (TEXT, b'Hello'))
    compressed('two blocks', '7.2.3.5', frame(0xC1, bytes.fromhex('f24805000000ffffcac9c90700')),
               (TEXT, b'Hello'))
    compressed('nothing', '7.2.3.6', frame(0xC1, b'\x00'), (TEXT, b''))
    compressed('a window of 32,768 bytes', '7.2.2', frame(0xC2, FAR), (BINARY, NOISE + NOISE[:3]),
               check=lambda got: 'client_max_window_bits' not in got)
    compressed('the context of the last message', '7.2.2', frame(0xC1, HELLO) + frame(0xC1, AGAIN),
               (TEXT, b'Hello'), (TEXT, b'Hello'),
               check=lambda got: 'client_no_context_takeover' not in got)
    broken('RSV1 on a continuation', '6.1', frame(0x41, HELLO[:3]) + frame(0xC0, HELLO[3:]))
    broken('RSV1 on the continuation of a plain message', '6.1', frame(0x01, b'a') + frame(0xC0, HELLO))
    broken('RSV1 on a ping', '6.1', frame(0xC9, b'p'))
    broken('RSV1 on a close', '6.1', frame(0xC8, struct.pack('!H', 1000)))
    broken('a text that is not UTF-8, once inflated', '6.1', frame(0xC1, deflated(b'Hell\xff')), 1007)
    failed('messages', 'RSV1, if nothing was agreed on', '6', frame(0xC1, HELLO))


RULES = (handshakes, messages, headers, texts, closes)
for add in (offers, compression) if '--compress' in sys.argv else RULES:
    add()


# ---- servers ----

class Server:
    def __init__(self, command):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        self.process = subprocess.Popen(
            command, shell=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            start_new_session=True, env={**os.environ, 'PORT': str(port)})
        ready = select.select([self.process.stdout], [], [], START_S)[0]
        line = self.process.stdout.readline().decode() if ready else ''
        found = re.search(r'://(?:127\.0\.0\.1|localhost):(\d+)', line)
        if found is None:
            self.end()
            sys.exit(f'"{command}" did not print the address that it listens at, but: {line!r}')
        self.port = int(found[1])

    def end(self):
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def put(server, name, run):
    """Puts one case to a server. Answers whether the rule is kept, and what `run` answers."""
    group, section, what, function = run
    try:
        return True, function(server.port)
    except (Broken, OSError) as problem:
        sys.stdout.write(f'{name}: {group}, section {section}: {what}: {problem}\n')  # in one piece
        return False, None


def put_all(name, command):
    """Answers, for each group, how many cases there are and how many the server keeps."""
    server = Server(command)
    counts, codes = {}, []
    try:
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            results = list(pool.map(lambda run: put(server, name, run), CASES))
        alive = server.process.poll() is None
    finally:
        server.end()
    for (group, *_), (is_kept, right_code) in zip(CASES, results):
        total, kept = counts.get(group, (0, 0))
        counts[group] = (total + 1, kept + is_kept)
        if right_code is not None:
            codes.append(right_code)
    if not alive:
        print(f'{name}: it has ended', flush=True)
    return counts, (len(codes), sum(codes)), alive


def main():
    servers = [argument.partition('=')[::2] for argument in sys.argv[1:] if argument != '--compress']
    if not servers or not all(command for _, command in servers):
        sys.exit(__doc__)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no server is left behind
    results = [(name, *put_all(name, command)) for name, command in servers]
    groups = list(dict.fromkeys(group for group, *_ in CASES))
    print('\n| server | ' + ' | '.join(groups) + ' | all | with the code that says why |')
    print('| --- ' * (len(groups) + 3) + '|')
    for name, counts, (failures, right), _ in results:
        cells = [f'{counts[g][1]} of {counts[g][0]}' for g in groups]
        kept = sum(k for _, k in counts.values())
        cells += [f'{kept} of {len(CASES)}', f'{right} of {failures}']
        print(f'| {name} | ' + ' | '.join(cells) + ' |')
    _, counts, _, alive = results[0]
    sys.exit(not alive or any(kept < total for total, kept in counts.values()))


if __name__ == '__main__':
    main()
