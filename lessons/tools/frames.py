"""frames.py - frames as bytes (RFC 6455, section 5.2), for the scripts that play a client"""

KEY = bytes.fromhex("37fa213d")     # the masking key of the examples in section 5.7


def frame(first, payload=b"", masked=True):
    """A frame, from its first byte (FIN, RSV, opcode) on; a client's is masked."""
    count, mask = len(payload), 0x80 if masked else 0
    if count < 126:
        head = bytes([first, mask | count])
    elif count < 65536:
        head = bytes([first, mask | 126]) + count.to_bytes(2, "big")
    else:
        head = bytes([first, mask | 127]) + count.to_bytes(8, "big")
    if not masked:
        return head + payload
    repeated = int.from_bytes((KEY * (count // 4 + 1))[:count], "big")
    return head + KEY + (int.from_bytes(payload, "big") ^ repeated).to_bytes(count, "big")


def receive_frame(take):
    """A server's frame: its head, and its payload. take(n) returns n bytes, or None at the end of all; then
    this returns None too. The head is as it came: whether it keeps the rules is for the caller to say."""
    head = take(2)
    length = head and head[1] & 0x7F
    if length and length > 125:
        more = take(2 if length == 126 else 8)
        head, length = (head + more, int.from_bytes(more, "big")) if more else (None, None)
    payload = None if length is None else take(length)
    return None if payload is None else (head, payload)
