"""The check of the client: lessons/tools/challenge.py runs it.

It plays the server, on a port of its own, to the learner's program.
"""
import base64
import contextlib
import hashlib
import os
import re
import socket
import subprocess
import tempfile
import threading

from challenge import Program, Trouble, expecting
from client import CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, WAIT_S, wait_until
from frames import frame

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"     # RFC 6455 section 1.3
NORMAL, GOING_AWAY, PROTOCOL_ERROR = b"\x03\xe8", b"\x03\xe9", b"\x03\xea"
FIELDS = {      # of the request, and what each must be: RFC 6455 section 4.1
    "host": r"127\.0\.0\.1:\d+",
    "upgrade": r"(?i:websocket)",
    "connection": r"(?i:upgrade)",
    "sec-websocket-version": r"13",
    "sec-websocket-key": r"[A-Za-z0-9+/]{22}==",
}


def accept_key(key):
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def response(key, status="101 Switching Protocols", accept=None):
    return (f"HTTP/1.1 {status}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept or accept_key(key)}\r\n\r\n").encode()


class Run(Program):
    """One run of the learner's program, and the server's end of its connection. Its standard input is open."""

    def __init__(self, bench, port, path):
        self.buffer, self.output = b"", tempfile.TemporaryFile()
        super().__init__([*bench.built("client"), "127.0.0.1", str(port), path], stdin=subprocess.PIPE,
                         stdout=self.output)
        bench.start(self)

    @classmethod
    def to_us(cls, bench, path="/echo"):
        """We are the server."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            run = cls(bench, port, path)
            listener.settimeout(WAIT_S)
            with expecting(f"a connection of `client 127.0.0.1 {port} {path}`"):
                run.socket = listener.accept()[0]
        run.socket.settimeout(WAIT_S)
        return run

    # ---- what the client sends ----

    def exactly(self, count):
        while len(self.buffer) < count:
            piece = self.socket.recv(65536)
            if not piece:
                return None
            self.buffer += piece
        piece, self.buffer = self.buffer[:count], self.buffer[count:]
        return piece

    def request(self):
        """The request: its first line, and its fields by their names in small letters."""
        with expecting("the request, with its empty line"):
            while b"\r\n\r\n" not in self.buffer:
                piece = self.socket.recv(65536)
                if not piece:
                    raise Trouble(f"the client has closed its connection in the middle of its request: {self.buffer!r}")
                self.buffer += piece
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        return first, {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}

    def frame(self, what):
        """The next frame: its first byte, its masking key, and its payload without the mask."""
        with expecting(what):
            start = self.exactly(2)
            length = start and start[1] & 0x7F
            extended = self.exactly({126: 2, 127: 8}.get(length, 0)) if start else None
            if extended:
                length = int.from_bytes(extended, "big")
            if start and not start[1] & 0x80:
                raise Trouble(f"{what}: the client has sent a frame without a mask: {start.hex(' ')} …")
            key = start and self.exactly(4)
            payload = self.exactly(length) if key else None
        if payload is None:
            raise Trouble(f"the client has ended the connection; expected {what}")
        if extended and length < (126 if len(extended) == 2 else 65536):
            raise Trouble(f"{what}: a length of {length} is written in {len(extended)} bytes, but the shortest way is "
                          "the only one (RFC 6455 section 5.2)")
        return start[0], key, bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))

    def expect(self, what, first, payload):
        """The next frame must be this one. Returns its masking key."""
        got, key, data = self.frame(what)
        if (got, data) != (first, payload):
            raise Trouble(f"expected {what}: {first:02x} with {payload[:30]!r}, but the client has sent {got:02x} with "
                          f"{data[:30]!r} ({len(data)} bytes)")
        return key

    def nothing_more(self, what):
        """The client sends nothing more, and ends the connection."""
        with expecting(f"the end of the connection: {what}"):
            try:
                rest = self.buffer or self.socket.recv(65536)
            except ConnectionResetError:
                rest = b""
        if rest:
            raise Trouble(f"{what}; but the client goes on, and sends {rest[:30].hex(' ')}")

    # ---- what the server sends, and what the client's user types and sees ----

    def upgrade(self):
        _, fields = self.request()
        self.socket.sendall(response(fields.get("sec-websocket-key", "")))
        return fields

    def types(self, text):
        """In a thread, because a pipe holds 64 KiB, and the client may read nothing."""
        def write():
            with contextlib.suppress(OSError):      # the client has ended, which the test notices
                self.process.stdin.write(text)
        threading.Thread(target=write, daemon=True).start()

    def ends(self, well, what):
        """The program ends by itself: with 0, or another status."""
        try:
            status = self.process.wait(WAIT_S)
        except subprocess.TimeoutExpired:
            raise Trouble(f"{what}: the client should have ended, but is still running after {WAIT_S:.0f} s. "
                          "If main has returned, it waits for the thread in getline: see hint 2") from None
        if status < 0:
            raise Trouble(f"{what}: the client has crashed (signal {-status})")
        if (status == 0) != well:
            raise Trouble(f"{what}: the client should end with {'0' if well else 'another status than 0'}, but ends with "
                          f"{status}. It says: {self.errors() or '(nothing)'}")

    def printed(self):
        return os.pread(self.output.fileno(), 1 << 20, 0)


# ---- the tests ----

def compiles(bench):
    """workshop/client.c compiles"""
    bench.built("client")


def asks(bench):
    """its request is one that a server must accept, with another key each time"""
    keys = []
    for _ in range(2):
        run = Run.to_us(bench, "/chat?name=ada")
        first, fields = run.request()
        if first != "GET /chat?name=ada HTTP/1.1":
            raise Trouble(f'the first line should be "GET /chat?name=ada HTTP/1.1", but is "{first}"')
        for name, form in FIELDS.items():
            if not re.fullmatch(form, fields.get(name, "")):
                raise Trouble(f"the request's field {name} is {fields.get(name) or 'missing'}: see RFC 6455 section 4.1")
        keys.append(fields["sec-websocket-key"])
        run.process.kill()
    if keys[0] == keys[1]:
        raise Trouble(f"two runs have sent the same Sec-WebSocket-Key, {keys[0]}. Take 16 new bytes from the system for "
                      "each connection (RFC 6455 section 4.1)")


def checks_the_response(bench):
    """it sends no frame to a server that gives another status or a wrong accept key"""
    wrong = [
        ("the response is 404 Not Found", {"status": "404 Not Found"}),
        ("the accept key belongs to another key", {"accept": accept_key("dGhlIHNhbXBsZSBub25jZQ==")}),
        ("the accept key is empty", {"accept": " "}),
        ("the accept key is in other letters", None),
    ]
    for what, changes in wrong:
        run = Run.to_us(bench)
        key = run.request()[1].get("sec-websocket-key", "")
        run.socket.sendall(response(key, **changes if changes else {"accept": accept_key(key).swapcase()}))
        run.types(b"Hello\n")
        run.nothing_more(what)
        run.ends(False, what)


def sends_lines(bench):
    """each line that is typed is a text, with a fresh masking key"""
    masks = []
    for number in (1, 2):
        run = Run.to_us(bench)
        run.upgrade()
        for line in (b"Hello", b"Hello", "Zoë".encode(), b"a" * 125, b"b" * 126, b"c" * 65535, b"d" * 70000):
            run.types(line + b"\n")
            masks.append(run.expect(f"a line of {len(line)} bytes as a text", FIN | TEXT, line))
    if len(set(masks)) < len(masks) or bytes(4) in masks:
        raise Trouble("two frames have the same masking key, or all of it is zero: "
                      f"{', '.join(mask.hex() for mask in masks[:4])} in the first run, "
                      f"{', '.join(mask.hex() for mask in masks[7:11])} in the second. Take 4 new bytes from the system "
                      "for each frame (RFC 6455 section 5.3)")


def prints_texts(bench):
    """each text that comes is printed as a line, however TCP cuts it"""
    run = Run.to_us(bench)
    texts = [b"Hello", b"", "Zoë".encode(), b"a" * 126, b"b" * 70000]
    fields = run.request()[1]
    # The first frame comes with the response; the next ones in pieces, and then all at once.
    run.socket.sendall(response(fields.get("sec-websocket-key", "")) + frame(FIN | TEXT, texts[0], masked=False))
    for text in texts[1:4]:
        for byte in frame(FIN | TEXT, text, masked=False):
            run.socket.sendall(bytes([byte]))
    run.socket.sendall(frame(FIN | TEXT, texts[4], masked=False) + frame(TEXT, b"in ", masked=False) +
                       frame(FIN | PING, b"are you there?", masked=False) +
                       frame(FIN | CONTINUATION, b"pieces", masked=False))
    run.expect("the pong to a ping that comes between two fragments", FIN | PONG, b"are you there?")
    run.socket.sendall(frame(FIN | CLOSE, NORMAL, masked=False))
    run.expect("a Close frame in reply to one", FIN | CLOSE, NORMAL)
    run.ends(True, "both have sent a Close frame")
    wanted, got = b"".join(text + b"\n" for text in [*texts, b"in pieces"]), run.printed()
    if got != wanted:
        at = next((i for i, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
        raise Trouble(f"it should print {len(wanted)} bytes, and prints {len(got)}; from byte {at} on they differ: "
                      f"{wanted[at:at + 20]!r} should come, and {got[at:at + 20]!r} comes")


def refuses_masks(bench):
    """it closes with 1002 if the server sends a mask"""
    run = Run.to_us(bench)
    run.upgrade()
    run.socket.sendall(frame(FIN | TEXT, b"Hello"))
    what = "the server has sent a frame with a mask (RFC 6455 section 5.1)"
    first, _, payload = run.frame(f"a Close frame with 1002, because {what}")
    if first != FIN | CLOSE or payload[:2] != PROTOCOL_ERROR:
        raise Trouble(f"{what}: the client should send Close 1002, but sends {first:02x} with {payload[:20]!r}")
    run.socket.sendall(frame(FIN | CLOSE, PROTOCOL_ERROR, masked=False))
    run.ends(False, what)
    if b"Hello" in run.printed():
        raise Trouble(f"{what}: the client should not print it")


def closes(bench):
    """at the end of what is typed it closes with 1000, and waits for the reply"""
    run = Run.to_us(bench)
    run.upgrade()
    run.types(b"Hello\n")
    run.expect("a line as a text", FIN | TEXT, b"Hello")
    run.process.stdin.close()
    run.expect("Close 1000, because standard input has ended", FIN | CLOSE, NORMAL)
    run.socket.sendall(frame(FIN | TEXT, b"the last text", masked=False) + frame(FIN | CLOSE, NORMAL, masked=False))
    run.ends(True, "both have sent a Close frame")
    if run.printed() != b"the last text\n":
        raise Trouble("a text that comes between the client's Close frame and the server's should be printed, but "
                      f"this is what was printed: {run.printed()[:40]!r}")


def is_told(bench):
    """when the server goes away, or breaks off, the client ends too"""
    run = Run.to_us(bench)
    run.upgrade()
    run.socket.sendall(frame(FIN | CLOSE, GOING_AWAY + b"the server is stopping", masked=False))
    first, _, payload = run.frame("a Close frame in reply to one")
    if first != FIN | CLOSE or payload[:2] != GOING_AWAY:
        raise Trouble(f"the reply to Close 1001 should be Close 1001, but is {first:02x} with {payload[:20]!r}")
    run.ends(True, "the server has closed with 1001")
    run = Run.to_us(bench)
    run.upgrade()
    run.socket.sendall(b"\x81\x05Hel")
    run.socket.close()
    run.ends(False, "the connection has ended in the middle of a frame")


def talks_to_ours(bench):
    """it talks in your own server's chat"""
    run = Run(bench, bench.server().port, "/chat?name=ada")
    for typed, printed in ((b"", b"* ada has joined\n"), (b"Hello\n", b"* ada has joined\nada: Hello\n")):
        run.types(typed)
        try:
            wait_until(lambda wanted=printed: run.printed() == wanted, "")
        except Trouble:
            raise Trouble(f"in your own chat it should have printed {printed!r}, but has printed "
                          f"{run.printed()[:60]!r}") from None
    run.process.stdin.close()
    run.ends(True, "standard input has ended")


TESTS = [compiles, asks, checks_the_response, sends_lines, prints_texts, refuses_masks, closes, is_told, talks_to_ours]
