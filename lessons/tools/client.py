#!/usr/bin/env python3
"""client.py - a scripted client for the debugger tours: it says what a lesson's tour looks at

    lessons/tools/client.py LESSON PORT            plays lesson LESSON's part to a server on PORT
    lessons/tools/client.py LESSON --file FILE     waits until FILE holds "PORT PID", then plays; again
                                                   whenever that line changes, until it is ended, or
                                                   whoever has started it

With a PID it goes on only when that server waits: all that was sent has been read then, and what comes
next is a receive of its own. It needs nothing but Python. Whatever it waits for has a deadline:
$WAIT_S seconds, an hour unless told otherwise, for somebody may be thinking at a debugger's prompt.
"""
import os
import signal
import socket
import sys
import time
import zlib

from frames import frame, receive_frame

WAIT_S = float(os.environ.get("WAIT_S", "3600"))
CONTINUATION, TEXT, CLOSE, PING, PONG = 0x0, 0x1, 0x8, 0x9, 0xA
FIN, RSV1 = 0x80, 0x40


class Trouble(Exception):
    """What went wrong, in words."""


# ---- the server's threads ----


def thread_states(pid):
    """Each thread's name and state: S waits, R runs, t is held by a debugger."""
    states = []
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/stat", encoding="utf-8", errors="replace") as file:
            before, after = file.read().rsplit(")", 1)
        states.append((before.split("(", 1)[1], after.split()[0]))
    return states


def wait_until(wanted, what):
    """Waits until wanted() has been true a few times in a row."""
    deadline, times = time.monotonic() + WAIT_S, 0
    while times < 4:
        try:
            times = times + 1 if wanted() else 0
        except OSError:
            times = 0  # a thread has just ended
        if time.monotonic() > deadline:
            raise Trouble(f"waited {WAIT_S:.0f} s for this: {what}")
        time.sleep(0.01)


class Server:
    """The server that is played to."""

    def __init__(self, port, pid=None):
        self.port, self.pid = port, pid

    def settle(self):
        """Waits until every thread of the server waits."""
        if self.pid is None:
            time.sleep(0.3)
            return
        wait_until(lambda: all(state == "S" for _, state in thread_states(self.pid)),
                   "all threads of the server wait")

    def held(self, name):
        """Waits until a debugger holds the thread of that name."""
        if self.pid is None:
            time.sleep(0.3)
            return
        wait_until(lambda: (name, "t") in thread_states(self.pid), f"{name} is held by a debugger")


# ---- a connection ----


def request(target="/echo", *more, leave_out=()):
    """A request for a WebSocket, with the example key of RFC 6455 section 1.3."""
    lines = [f"GET {target} HTTP/1.1", "Host: localhost", "Upgrade: websocket",
             "Connection: Upgrade", "Sec-WebSocket-Version: 13",
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    lines = [line for line in lines if line.split(":")[0] not in leave_out]
    return ("\r\n".join([*lines, *more]) + "\r\n\r\n").encode()


class Connection:
    """One client's connection."""

    def __init__(self, server):
        self.server, self.buffer = server, b""
        self.socket = socket.create_connection(("127.0.0.1", server.port), WAIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        """Sends, once the server waits: its next receive brings this and nothing else."""
        self.server.settle()
        self.socket.sendall(data)

    def receive(self):
        piece = self.socket.recv(65536)
        self.buffer += piece
        return len(piece) > 0

    def head(self):
        """The response's head."""
        while b"\r\n\r\n" not in self.buffer:
            if not self.receive():
                raise Trouble("the server has ended the connection before its response was complete")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        return head.decode()

    def exactly(self, count):
        while len(self.buffer) < count:
            if not self.receive():
                raise Trouble("the server has ended the connection in the middle of a frame")
        piece, self.buffer = self.buffer[:count], self.buffer[count:]
        return piece

    def frame(self):
        """The next frame: its opcode and payload."""
        head, payload = receive_frame(self.exactly)
        return head[0] & (RSV1 | 0xF), payload

    def expect(self, opcode, payload):
        got = self.frame()
        if got != (opcode, payload):
            raise Trouble(f"expected opcode {opcode} with {payload[:40]!r}, "
                          f"but got {got[0]} with {got[1][:40]!r}")

    def end(self):
        """Reads until the server has ended the connection."""
        while self.receive():
            pass
        self.socket.close()


def connect(server):
    server.settle()
    return Connection(server)


def upgraded(server, target="/echo", *fields, head=b""):
    """A WebSocket, asked for with these fields too; `head` is sent with the request."""
    connection = connect(server)
    connection.send(request(target, *fields) + head)
    head = connection.head()
    if not head.startswith("HTTP/1.1 101 "):
        raise Trouble(f"expected 101 Switching Protocols, but got: {head.splitlines()[0]}")
    return connection


def close(connection):
    connection.send(frame(FIN | CLOSE, b"\x03\xe8"))
    connection.expect(CLOSE, b"\x03\xe8")
    connection.end()


# ---- what is said in each lesson ----


def lesson_1(server):
    """Two clients that say nothing."""
    return [connect(server), connect(server)]


def lesson_2(server):
    """Two clients; when the second one is held at its first line, the first one asks."""
    first, second = connect(server), connect(server)
    second.send(b"GET / HTTP/1.1\r\n")
    server.held("client 2")
    first.socket.sendall(b"GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n")
    first.head()
    first.end()
    return [second]


def lesson_3(server):
    """A request line that comes in two pieces."""
    client = connect(server)
    client.send(b"GET /echo HTT")
    client.send(b"P/1.1\r\nHost: localhost\r\n\r\n")
    client.head()
    client.end()


def lesson_4(server):
    """A request with a query, and a header field with its name in capitals."""
    client = connect(server)
    client.send(b"GET /echo?page=1 HTTP/1.1\r\nHost: localhost:8080\r\nACCEPT:  */*\r\n\r\n")
    client.head()
    client.end()


def lesson_5(server):
    """A request for one of the page's files."""
    client = connect(server)
    client.send(b"GET /icon.svg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    client.head()
    client.end()


def lesson_6(server):
    """A request that lists another thing in Connection, and one that is right."""
    client = connect(server)
    client.send(request("/echo", "Connection: keep-alive", leave_out=["Connection"]))
    client.head()
    client.end()
    client = upgraded(server)
    close(client)


def lesson_7(server):
    """An upgrade."""
    close(upgraded(server))


def lesson_8(server):
    """An upgrade, with the first frame directly behind the request."""
    client = upgraded(server, head=frame(FIN | TEXT, b"Hello"))
    client.expect(TEXT, b"Hello")
    close(client)


def lesson_9(server):
    """Frames of 5, 300 and 70,000 bytes."""
    client = upgraded(server)
    for payload in (b"Hello", b"a" * 300, b"b" * 70000):
        client.send(frame(FIN | TEXT, payload))
        client.expect(TEXT, payload)
    close(client)


def lesson_10(server):
    """The masked Hello of RFC 6455 section 5.7."""
    client = upgraded(server)
    client.send(frame(FIN | TEXT, b"Hello"))
    client.expect(TEXT, b"Hello")
    close(client)


def lesson_11(server):
    """A ping between two fragments, and the closing handshake."""
    client = upgraded(server)
    client.send(frame(TEXT, b"Hel"))
    client.send(frame(FIN | PING, b"are you there?"))
    client.expect(PONG, b"are you there?")
    client.send(frame(FIN | CONTINUATION, b"lo"))
    client.expect(TEXT, b"Hello")
    client.send(frame(FIN | CLOSE, b"\x03\xe8" + b"bye"))
    client.expect(CLOSE, b"\x03\xe8" + b"bye")
    client.end()


def lesson_12(server):
    """A text in two fragments, the first of which ends in the middle of a character; one not in UTF-8."""
    client = upgraded(server)
    word = "né".encode()  # 6e c3 a9
    client.send(frame(TEXT, word[:2]))
    client.send(frame(FIN | CONTINUATION, word[2:]))
    client.expect(TEXT, word)
    client.send(frame(FIN | TEXT, b"\xc0\xaf"))
    opcode, payload = client.frame()
    if opcode != CLOSE or payload[:2] != b"\x03\xef":
        raise Trouble(f"expected Close 1007, but got opcode {opcode} with {payload!r}")
    client.send(frame(FIN | CLOSE, payload[:2]))
    client.end()


def lesson_13(server):
    """bob is in the chat; ada joins, and says Hello."""
    bob = upgraded(server, "/chat?name=bob")
    bob.expect(TEXT, b"* bob has joined")
    server.settle()
    ada = upgraded(server, "/chat?name=ada")
    ada.expect(TEXT, b"* ada has joined")
    server.settle()
    ada.send(frame(FIN | TEXT, b"Hello"))
    ada.expect(TEXT, b"ada: Hello")
    return [bob, ada]


def lesson_14(server):
    """A client that says nothing, one in the middle of its request, and a WebSocket; then the server is
    told to stop."""
    silent, asking = connect(server), connect(server)
    asking.send(b"GET / HT")
    client = upgraded(server)
    server.settle()
    if server.pid is not None:
        os.kill(server.pid, signal.SIGTERM)
    silent.end()
    if silent.buffer:
        raise Trouble(f"expected the end of the connection, but got {silent.buffer!r}")
    head = asking.head()
    if not head.startswith("HTTP/1.1 503 "):
        raise Trouble(f"expected 503, but got: {head.splitlines()[0]}")
    asking.end()
    opcode, payload = client.frame()
    if opcode != CLOSE or payload[:2] != b"\x03\xe9":
        raise Trouble(f"expected Close 1001, but got opcode {opcode} with {payload!r}")
    client.send(frame(FIN | CLOSE, payload[:2]))
    client.end()


def lesson_15(server):
    """Two compressed texts, the Hello of RFC 7692 section 7.2.3.1 and one that is worth it."""
    client = upgraded(server, "/echo", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")
    client.send(frame(FIN | RSV1 | TEXT, bytes.fromhex("f248cdc9c90700")))
    client.expect(TEXT, b"Hello")
    text = b"".join(b'{"player":%d,"score":0} ' % n for n in range(1, 21))
    deflater = zlib.compressobj(wbits=-15)
    client.send(frame(FIN | RSV1 | TEXT, (deflater.compress(text) + deflater.flush(zlib.Z_SYNC_FLUSH))[:-4]))
    opcode, payload = client.frame()
    if opcode != RSV1 | TEXT or zlib.decompressobj(wbits=-15).decompress(payload) != text:
        raise Trouble(f"expected the same text, compressed, but got opcode {opcode} with {payload!r}")
    close(client)


def play(lesson, server):
    """Plays a lesson; returns what must stay connected."""
    try:
        return globals()[f"lesson_{lesson}"](server)
    except (ConnectionError, TimeoutError) as error:
        raise Trouble(f"the connection is gone: {error.strerror or error}") from error


# ---- how it is started ----


def play_from_file(lesson, name):
    """Plays to each server that the file names, one after another, as long as who started it is there."""
    before, parent = "", os.getppid()
    while os.getppid() == parent:
        line = ""
        if os.path.exists(name):
            with open(name, encoding="ascii") as file:
                line = file.read()
        if line != before:
            before = line
            port, pid = line.split()
            try:
                stay = play(lesson, Server(int(port), int(pid)))  # keeps them open
            except Trouble as trouble:
                stay = None
                print(f"client.py: {trouble}", file=sys.stderr, flush=True)
        time.sleep(0.05)


def main():
    if len(sys.argv) not in (3, 4) or f"lesson_{sys.argv[1]}" not in globals():
        sys.exit("Usage: client.py LESSON PORT, or client.py LESSON --file FILE; LESSON is 1 to 15")
    if sys.argv[2] == "--file":
        play_from_file(sys.argv[1], sys.argv[3])
        return
    try:
        play(sys.argv[1], Server(int(sys.argv[2])))
    except (Trouble, OSError) as trouble:
        sys.exit(f"client.py: {trouble}")


if __name__ == "__main__":
    main()
