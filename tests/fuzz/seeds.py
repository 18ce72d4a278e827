#!/usr/bin/env python3
"""Writes the seeds of the corpora into tests/fuzz/corpus/: inputs that a fuzzer would find late.

    tests/fuzz/seeds.py

What it writes is kept in the tree, so nobody needs to run it but for a new seed. An input is a line,
which says how the bytes are cut (script.h has its letters), and the bytes.
"""
import os
import struct
import zlib

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")


def write(target, name, content):
    with open(os.path.join(FOLDER, target, name), "wb") as file:
        file.write(content)


# ---- requests ----

KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = "Sec-WebSocket-Version: 13\r\n"
UPGRADE = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
HOST = "Host: localhost:8080\r\n"


def request(name, cuts, *lines):
    write("request", name, (cuts + "\n" + "".join(lines) + "\r\n").encode("latin-1"))


def upgrade(name, cuts, *lines):
    request(name, cuts, "GET /echo HTTP/1.1\r\n", HOST, UPGRADE, KEY, VERSION, *lines)


def write_requests():
    upgrade("upgrade", "@")
    upgrade("head-follows", "V0i", "\r\n=what is behind is for the frames")
    upgrade("origin-own", "", "Origin: http://localhost:8080\r\n")
    upgrade("origin-listed", "z", "Origin: https://example.com\r\n")
    upgrade("origin-other", "@i", "Origin: null\r\n")
    upgrade("body", "", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n")
    upgrade("offers", "w3", "Sec-WebSocket-Extensions: a; b=\"c\"; d=e, f\r\n",
            "Sec-WebSocket-Protocol: chat, superchat\r\n")
    request("blanks", "C", "GET / HTTP/1.1\r\n", HOST, "A:\t b c \t\r\nB: \t \r\nC:d\r\n")
    request("no-key", "", "GET / HTTP/1.1\r\n", HOST, UPGRADE, VERSION)
    request("version-8", "", "GET / HTTP/1.1\r\n", HOST, UPGRADE, KEY,
            "Sec-WebSocket-Version: 8\r\n")
    request("plain", "A", "GET / HTTP/1.0\n")
    request("head", "", "HEAD /?q#f HTTP/1.1\n", HOST)
    request("absolute", "", "\r\nGET http://[::1]:80/echo?x=1 HTTP/1.1\r\nHost: [::1]\r\n")
    request("escapes", "", "GET /%65c%68%6f%2f%2E%c3%a4?%65 HTTP/1.1\r\n", HOST)
    request("secrets", "V", "GET / HTTP/1.1\r\n", HOST, "cookie: id=1\r\nAuthorization: Basic YQ==\r\n")
    request("secret-with-spaces", "V", "GET / HTTP/1.1\r\n", HOST, "Cookie \t : id=1\r\n")
    request("secret-with-many-spaces", "RV", "GET / HTTP/1.1\r\n", HOST, "Cookie*600 : id=1\r\n")
    request("options", "", "OPTIONS * HTTP/1.1\r\n", HOST, "Content-Length: 0\r\n")
    request("http-2", "", "GET / HTTP/2.0\r\n", HOST)
    request("tls", "", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")
    request("idle-for-ever", "Q5", "GET / HTTP/1.1\r\n", "Ho")
    request("idle", "VEw", "GET / HTTP/1.1\r\n", HOST)
    request("stopped", "VEf", "GET / HTTP/1.1\r\n", HOST)
    request("stopped-first", "f", "GET / HTTP/1.1\r\n", HOST)
    request("broken", "X5", "GET / HTTP/1.1\r\n", "Ho")
    request("long-line", "R+", "GET /*9000a HTTP/1.1\r\n", HOST)
    request("longest-line", "R*", "GET / HTTP/1.1\r\n", HOST, "A:*8190b\r\n")
    request("line-too-long-by-one", "R*", "GET / HTTP/1.1\r\n", HOST, "A:*8191b\n")
    lines = len("GET / HTTP/1.1\n") + len("Host: localhost:8080\n") + 5 * len("A:\n") + len("\n")
    for name, size in ("largest", 32 * 1024), ("too-large-by-one", 32 * 1024 + 1):
        request(name, "R*", "GET / HTTP/1.1\r\n", HOST, "A:*8000b\r\n" * 4,
                "A:*%db\r\n" % (size - lines - 4 * 8000))
    request("long-header", "R+", "GET / HTTP/1.1\r\n", HOST, "A: *9000b\r\n")
    request("long-host", "R", "GET / HTTP/1.1\r\nHost: *255a\r\n")
    request("large", "R+", "GET / HTTP/1.1\r\n", HOST, "Cookie: *8000c\r\n" * 5)
    request("many-headers", "", "GET / HTTP/1.1\r\n", HOST, "a:\n" * 99)
    request("too-many-headers", "", "GET / HTTP/1.1\r\n", HOST, "a:\n" * 100)
    write("request", "nothing", b"\n")


# ---- sessions ----


def frame(first, payload, key=b"\x37\xfa\x21\x3d"):
    length = len(payload)
    extended = b"" if length < 126 else struct.pack(">H" if length < 65536 else ">Q", length)
    second = 0x80 | (length if length < 126 else 126 if length < 65536 else 127)
    masked = bytes(byte ^ key[i % 4] for i, byte in enumerate(payload))
    return bytes([first, second]) + extended + key + masked


def close(code, reason=b""):
    return frame(0x88, struct.pack(">H", code) + reason)


# Headers whose payload is repeated by the script (R), of so many bytes: '*', digits, a byte.
def long_frame(first, length, byte):
    header = frame(first, bytes(length), b"\0\0\0\0")
    return header[:len(header) - length] + b"*%d" % length + byte


def session(name, cuts, *frames):
    write("session", name, cuts.encode() + b"\n" + b"".join(frames))


def write_sessions():
    text = "κόσμε 🙂".encode()
    session("echo", "@", frame(0x81, b"Hello"), close(1000, b"bye"))
    session("binary", "V,", frame(0x82, bytes(range(256))), frame(0x88, b""))
    session("empty", "A", frame(0x81, b""), frame(0x82, b""), frame(0x89, b""))
    session("fragments", "@", frame(0x01, text[:3]), frame(0x89, b"ping"), frame(0x00, text[3:11]),
            frame(0x8A, b"pong"), frame(0x80, text[11:]), close(4999))
    session("idle", "w", frame(0x82, b"a"), frame(0x01, b"b"), frame(0x80, b"c"))
    session("idle-for-ever", "QViw0", frame(0x81, b"Hello"))
    session("idle-twice", "ZZZZwZw", frame(0x81, b"Hello"), frame(0x82, b"a"))
    session("unread", "u@", frame(0x81, b"Hello"), frame(0x82, b"a"))
    session("unacknowledged", "Qa@w@", frame(0x81, b"Hello"), frame(0x82, b"a"))
    session("broken", "X0", frame(0x81, b"Hello"), b"\x81")
    session("no-timeout", "Pwi1", frame(0x81, b"Hello"), frame(0x89, b"x"))
    session("stopped", "ZZZZf@", frame(0x81, b"Hello"), frame(0x89, b"x"), close(1000))
    session("stopped-in-frame", "HfV", frame(0x82, b"more than the cut lets through"), frame(0x82, b"b"))
    session("stopped-for-ever", "Qf", frame(0x81, b"Hello"))
    session("stopped-broken-rule", "f,", frame(0x81, b"Hello"), frame(0x83, b"b"))
    session("stopped-in-send", "@@@@@@@@@@@@@@@@@@@fw", frame(0x81, b"Hello"), frame(0x82, b"more"))
    session("many", ",", *[frame(0x81, b"%d" % i) for i in range(40)], close(3000))
    session("bad-text", "@", frame(0x81, b"aa\xed\xa0\x80bb"))
    session("text-cut-off", "", frame(0x81, b"aa\xe2\x82"))
    session("bad-reason", "", close(1000, b"\xff"))
    session("bad-code", "", close(1005))
    session("half-code", "", frame(0x88, b"\x03"))
    session("behind-close", "", close(1001), frame(0x81, b"Hello"))
    session("unmasked", "", b"\x81\x05Hello")
    session("reserved", "", frame(0xC1, b"Hello"))
    session("opcode-3", "", frame(0x83, b"Hello"))
    session("long-ping", "", frame(0x89, bytes(126)))
    session("cut-ping", "", frame(0x09, b""))
    session("not-shortest", "", b"\x82\xfe\x00\x7d" + bytes(4))
    session("not-shortest-8", "", b"\x82\xff" + struct.pack(">Q", 65535) + bytes(4))
    session("highest-bit", "", b"\x82\xff" + struct.pack(">Q", 1 << 63) + bytes(4))
    session("huge", "", b"\x82\xff" + struct.pack(">Q", (1 << 63) - 1) + bytes(4))
    session("low-limit", "L", frame(0x82, bytes(300)), frame(0x02, bytes(200)), frame(0x80, bytes(101)))
    session("continuation", "", frame(0x80, b"a"))
    session("inside", "", frame(0x01, b"a"), frame(0x81, b"b"))
    # The largest that is whole in the read buffer, and so is handed out where it lies; one byte more.
    session("16376", "R,", long_frame(0x82, 16376, b"a"), frame(0x81, b"b"))
    session("16377", "R,V", long_frame(0x82, 16377, b"a"), frame(0x81, b"b"))
    session("small-and-cut", "@,", frame(0x82, b"in place"), frame(0x01, b"gat"), frame(0x89, b"x"),
            frame(0x80, b"hered"), frame(0x81, b"in place again"))
    session("low-memory", "RM,", long_frame(0x02, 10000, b"a"), long_frame(0x80, 55537, b"b"))
    session("low-memory-suffices", "RM,", long_frame(0x82, 65536, b"a"), long_frame(0x82, 9000, b"b"))
    session("escape-sequence", "V", frame(0x81, "\x1b[2J\u202eabc\u200b\U000e0041é🙂".encode()))
    session("65535", "R+w", long_frame(0x82, 65535, b"a"), close(1000))
    session("70000", "R+*", long_frame(0x81, 70000, b"b"), frame(0x89, b"x"),
            long_frame(0x82, 9000, b"c"))
    session("large-fragments", "RVw+", long_frame(0x02, 30000, b"d"), long_frame(0x80, 40000, b"e"))


# Compressed messages, where they are allowed (D).
def compressed(content, flush=zlib.Z_SYNC_FLUSH, level=6, bits=15, strategy=zlib.Z_DEFAULT_STRATEGY):
    compressor = zlib.compressobj(level, zlib.DEFLATED, -bits, 8, strategy)
    content = compressor.compress(content) + compressor.flush(flush)
    return content[:-4] if flush == zlib.Z_SYNC_FLUSH else content + b"\0"


def write_compressed_sessions():
    hello = compressed(b"Hello")
    json = b'{"id":17,"name":"ada","seat":4},' * 40
    session("deflate", "D@", frame(0xC1, hello), frame(0x81, b"Hello"), close(1000))
    session("deflate-fragments", "D@V", frame(0x41, hello[:3]), frame(0x89, b"x"), frame(0x00, b""),
            frame(0x80, hello[3:]), frame(0xC2, hello))
    session("deflate-json", "DCV", frame(0xC1, compressed(json)), frame(0x81, json))
    session("deflate-levels", "DBi", frame(0xC2, compressed(json, level=0)),
            frame(0xC2, compressed(json, level=1, bits=9)),
            frame(0xC2, compressed(json, strategy=zlib.Z_HUFFMAN_ONLY)))
    session("deflate-final", "D@", frame(0xC1, compressed(b"Hello", zlib.Z_FINISH)))
    session("deflate-two-blocks", "DA", frame(0xC1, hello + b"\0\0\xff\xff" + hello))
    session("deflate-empty", "D", frame(0xC1, b"\0"), frame(0xC1, b""))
    session("deflate-context", "D", frame(0xC1, hello), frame(0xC1, b"\xf2\x00\x11\x00\x00"))
    session("deflate-text", "D@", frame(0xC1, compressed("κόσμε 🙂".encode())),
            frame(0xC1, compressed(b"aa\xed\xa0\x80bb")))
    session("deflate-cut", "D", frame(0xC1, hello[:4]))
    session("deflate-broken", "DV", frame(0x41, hello), frame(0x80, b"\x07"))
    session("deflate-rsv", "D", frame(0x41, hello), frame(0xC0, b""))
    session("deflate-limit", "DL", frame(0xC2, compressed(bytes(300))), frame(0xC2, compressed(bytes(301))))
    session("deflate-large", "D,", frame(0xC2, compressed(bytes(65536))), frame(0xC2, compressed(bytes(71680))),
            frame(0xC2, compressed(bytes(71681))))
    session("deflate-low-memory", "DM,", frame(0xC2, compressed(bytes(65536))),
            frame(0xC2, compressed(bytes(65537))))
    session("deflate-stopped", "D@f", frame(0x41, hello[:3]), frame(0x80, hello[3:]))


# ---- offers ----


def offers(name, content):
    write("offers", name, content.encode())


def write_offers():
    offers("plain", "permessage-deflate")
    offers("chromium", "permessage-deflate; client_max_window_bits")
    offers("all", "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
           "server_max_window_bits=10; client_max_window_bits=9")
    offers("quoted", 'permessage-deflate; server_max_window_bits="1\\0"')
    offers("spaces", " permessage-deflate ;\tserver_max_window_bits = 15 , x")
    offers("twice", "permessage-deflate; client_max_window_bits; client_max_window_bits=8")
    offers("second", "permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=9")
    offers("third", "x; y=\"z\", permessage-deflate; a, permessage-deflate; server_no_context_takeover")
    offers("zero", "permessage-deflate; server_max_window_bits=010")
    offers("value", "permessage-deflate; server_no_context_takeover=1,,permessage-deflate;")


# ---- texts ----


def text(name, cuts, content):
    write("utf8", name, cuts.encode() + b"\n" + content)


def write_texts():
    text("ascii", ",", bytes(range(128)))
    text("many-bytes", "@AB", "κόσμε €𝄞🙂 ".encode() * 4)
    text("behind-ascii", "_", b"a" * 31 + "€".encode() + b"b" * 32 + "é".encode())
    text("edges", "A", "\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff".encode())
    text("surrogate", "@", b"a\xed\xa0\x80")
    text("overlong-2", "", b"\xc0\x80")
    text("overlong-3", "A", b"\xe0\x9f\xbf")
    text("overlong-4", "B", b"\xf0\x8f\xbf\xbf")
    text("too-large", "@", b"\xf4\x90\x80\x80")
    text("no-beginning", "", b"\x80")
    text("cut-off", "@", b"\xf0\x9f\x99")


write_requests()
write_sessions()
write_compressed_sessions()
write_offers()
write_texts()
