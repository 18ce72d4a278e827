"""A server that is wrong, for check.sh: wrong.py bytes, or compressed, or dropped

bytes: an echo of plain bytes, of which each 1000th comes back changed. compressed: an echo that inflates
to something else. dropped: a chat that drops a message, and says so. It serves one client."""
import socket
import sys
import zlib

HANDSHAKE = (b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
             b"Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; "
             b"client_no_context_takeover; server_max_window_bits=13\r\n\r\n")
TAIL = b"\x00\x00\xff\xff"


def wrong_bytes(client):
    count = 0
    while data := bytearray(client.recv(500)):
        for i in range(len(data)):
            count += 1
            data[i] ^= count % 1000 == 0
        client.sendall(data)


def messages(client):
    """Each message's first byte and its payload; after the handshake."""
    stream = client.makefile("rb")
    while stream.readline() != b"\r\n":
        pass
    client.sendall(HANDSHAKE)
    while header := stream.read(2):
        length = header[1] & 127
        if length == 126:
            length = int.from_bytes(stream.read(2), "big")
        key = stream.read(4)
        yield header[0], bytes(byte ^ key[i % 4] for i, byte in enumerate(stream.read(length)))


def send(client, first, payload):
    length = bytes([len(payload)]) if len(payload) < 126 else b"\x7e" + len(payload).to_bytes(2, "big")
    client.sendall(bytes([first]) + length + payload)


def wrong_compressed(client):
    for first, payload in messages(client):
        if first & 0x40:
            text = bytearray(zlib.decompressobj(-15).decompress(payload + TAIL))
            text[-1] ^= 1
            compressor = zlib.compressobj(wbits=-13)
            payload = (compressor.compress(text) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]
        send(client, first, payload)


def wrong_dropped(client):
    for count, (first, payload) in enumerate(messages(client)):
        if first == 0x89:
            send(client, 0x8A, payload)
        elif count < 5:
            send(client, 0x81, b"a: " + payload)
        else:
            send(client, 0x81, b"* 1 messages were dropped: you read too slowly")


listener = socket.create_server(("127.0.0.1", 0))
print(f"listening on http://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
{"bytes": wrong_bytes, "compressed": wrong_compressed, "dropped": wrong_dropped}[sys.argv[1]](
    listener.accept()[0])
