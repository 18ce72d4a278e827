"""The check of the clock: lessons/tools/challenge.py runs it."""
import datetime
import re
import socket
import struct

from challenge import Trouble, expecting
from client import CLOSE, FIN, PING, PONG, TEXT, connect, request, wait_until
from frames import frame

FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
NORMAL = b"\x03\xe8"
GOING_AWAY = b"\x03\xe9"
FEW = 5     # so many times may be under way when a client says something


def joined(server):
    """A client of the clock, after the 101."""
    connection = connect(server)
    connection.send(request("/clock"))
    with expecting("the response to GET /clock (a 101 that was sent with STREAM_MORE waits for a flush)"):
        status = connection.head().splitlines()[0]
    if " 404 " in status:
        raise Trouble(f'GET /clock: "{status}". The server needs a route: a line in the table `routes`, in server.c, '
                      "and a handler")
    if " 101 " not in status:
        raise Trouble(f'GET /clock: "{status}", but it should be 101 Switching Protocols')
    return connection


def next_time(connection, what):
    """The text of the next frame, which is a time."""
    with expecting(f"{what}. Is it sent, or does it wait in the write buffer for more?"):
        opcode, payload = connection.frame()
    text = payload.decode(errors="replace")
    if opcode != TEXT or not FORM.fullmatch(text):
        raise Trouble(f'{what}: expected a text such as "2026-11-29T10:20:30Z", but got opcode {opcode:#x} '
                      f'with "{text[:60]}"')
    return text


def after_the_times(connection, question, opcode, payload):
    """Reads a reply that may come after some more times."""
    with expecting(f"the reply to {question}. Does anybody read what the client sends?"):
        for _ in range(FEW):
            got = connection.frame()
            if got[0] != TEXT:
                break
    if got[0] == TEXT:
        raise Trouble(f"a client has sent {question}, and got {FEW} more times, but no reply. Does anybody read what "
                      "the client sends?")
    if got[0] != opcode or not got[1].startswith(payload):      # a Close frame may give a reason
        raise Trouble(f"the reply to {question} should be opcode {opcode:#x} with {payload!r}, but is {got[0]:#x} with "
                      f"{got[1][:40]!r}")


def has_a_route(bench):
    """/clock is there"""
    joined(bench.server())


def says_the_time(bench):
    """the time comes by itself, once a second, in UTC"""
    clock = joined(bench.server())
    times = [next_time(clock, f"time {number}") for number in (1, 2, 3)]
    for before, after in zip(times, times[1:]):
        if after <= before:
            raise Trouble(f"after {before} came {after}: each time should be later than the one before")
    now = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
    off = abs((now - datetime.datetime.fromisoformat(times[2][:-1])).total_seconds())
    if off > 60:
        raise Trouble(f"the clock says {times[2]}, but it is {now:%Y-%m-%dT%H:%M:%SZ}")


def listens(bench):
    """while it speaks, it listens: a ping gets its pong"""
    clock = joined(bench.server())
    next_time(clock, "the first time")
    clock.send(frame(FIN | PING, b"still there?"))
    after_the_times(clock, "a ping", PONG, b"still there?")
    next_time(clock, "the time after a ping")


def closes(bench):
    """a Close frame gets its reply, and the connection ends"""
    clock = joined(bench.server())
    next_time(clock, "the first time")
    clock.send(frame(FIN | CLOSE, NORMAL))
    after_the_times(clock, "a Close frame", CLOSE, NORMAL)
    with expecting("the end of the connection, after both Close frames. Who is still waiting for whom? A thread "
                   "that ticks has to be told that it is over"):
        rest = clock.receive()
    if rest:
        raise Trouble(f"after its Close frame the server has sent {clock.buffer[:20].hex(' ')}: nothing may follow it "
                      "(RFC 6455 section 5.5.1)")


def serves_several(bench):
    """several clients get the time"""
    server = bench.server()
    for client in [joined(server) for _ in range(3)]:
        next_time(client, "the first time of one of three clients")
        next_time(client, "the second time of one of three clients")


def gives_threads_back(bench):
    """when clients have left, with a Close frame or without, their threads have ended"""
    server = bench.server()
    stays = joined(server)
    next_time(stays, "the first time of a client that stays")
    before = server.threads()
    clients = [joined(server) for _ in range(6)]
    for number, client in enumerate(clients):
        next_time(client, "the first time of one of six clients")
        if number % 3 == 0:
            client.socket.sendall(frame(FIN | CLOSE, NORMAL))
        if number % 3 == 1:     # closing it resets the connection
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.socket.close()
    try:
        wait_until(lambda: server.threads() <= before, "")
    except Trouble:
        raise Trouble(f"six clients have left, and the server has {server.threads() - before} threads more than before "
                      "they came") from None


def stops(bench):
    """when the server stops, each client is told so, and the server ends"""
    server = bench.server()
    clients = [joined(server) for _ in range(2)]
    for client in clients:
        next_time(client, "the first time of one of two clients")
    server.stop()
    for client in clients:
        after_the_times(client, "the stop of the server", CLOSE, GOING_AWAY)
        client.socket.sendall(frame(FIN | CLOSE, GOING_AWAY))
    server.wait_for_end()


TESTS = [has_a_route, says_the_time, listens, closes, serves_several, gives_threads_back, stops]
