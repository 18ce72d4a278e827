"""The check of the rooms: lessons/tools/challenge.py runs it."""
import re

from challenge import Trouble, expecting
from client import CLOSE, FIN, TEXT, close, connect, request
from frames import frame

# What a client offers, in one header field or more, and the room that it gets; None: the one without a name.
OFFERS = [
    (["red"], "red"),
    (["green"], "green"),
    (["blue"], "blue"),
    (["red, blue"], "red"),
    (["blue, red"], "blue"),
    (["blue,red"], "blue"),
    (["red , blue"], "red"),
    (["purple\t, green"], "green"),
    ([", red ,, blue"], "red"),
    (["chat, green"], "green"),
    (["chat", "green"], "green"),
    (["purple"], None),
    (["redder"], None),
    (["re"], None),
    (["re, blue"], "blue"),
    (["infrared"], None),
    (["RED"], None),
    ([], None),
]


def asked(server, path, offers):
    """A client after the response, with that response's head."""
    connection = connect(server)
    connection.send(request(path, *(f"Sec-WebSocket-Protocol: {offer}" for offer in offers)))
    with expecting(f"the response to GET {path}"):
        return connection, connection.head()


def described(offers):
    return "offers " + " and ".join(f'"{offer}"' for offer in offers) if offers else "offers no subprotocol"


def chosen(server, path, offers):
    """A client of a route, and the subprotocol that the 101 names, or None."""
    connection, head = asked(server, path, offers)
    return connection, named(head, offers)


def named(head, offers):
    """The subprotocol that a 101 names, or None."""
    if not head.startswith("HTTP/1.1 101 "):
        raise Trouble(f'a client {described(offers)}, and gets "{head.splitlines()[0]}". It should get a 101, even if '
                      "the server knows none of these: then without a subprotocol (RFC 6455 section 4.2.2)")
    fields = re.findall(r"^Sec-WebSocket-Protocol:[ \t]*(.*?)[ \t]*$", head.replace("\r", ""), re.M | re.I)
    if len(fields) > 1:
        raise Trouble(f"a client {described(offers)}, and the 101 has {len(fields)} fields Sec-WebSocket-Protocol. A "
                      "server chooses one, or sends no such field")
    if fields == [""]:
        raise Trouble(f"a client {described(offers)}, and the 101 has a field Sec-WebSocket-Protocol that is empty: "
                      "leave the whole line out")
    return fields[0] if fields else None


def in_room(server, room, name):
    """A client in a room, after the line that says so."""
    connection, _ = chosen(server, f"/chat?name={name}", [room] if room else [])
    hears(connection, name, f"* {name} has joined")
    return connection


def hears(connection, name, wanted):
    with expecting(f'"{wanted}", which {name} should get'):
        opcode, payload = connection.frame()
    text = payload.decode(errors="replace")
    if opcode != TEXT or text != wanted:
        raise Trouble(f'{name} should get "{wanted}" next, but gets ' +
                      (f'"{text}". Who is in which room?' if opcode == TEXT else f"opcode {opcode:#x}"))


def says(connection, text):
    connection.send(frame(FIN | TEXT, text.encode()))


def names_the_room(bench):
    """a client that offers "red" gets a 101 that says red"""
    _, room = chosen(bench.server(), "/chat?name=ada", ["red"])
    if room is None:
        raise Trouble('a client offers "red", and the 101 names no subprotocol. Find the first one that the server '
                      "knows before the 101, and name it in a field Sec-WebSocket-Protocol of the 101")
    if room != "red":
        raise Trouble(f'a client offers "red", and the 101 says "{room}"')


def chooses(bench):
    """of what a client offers it gets the first that is a room, spelled exactly like it, or none"""
    server = bench.server()
    for offers, wanted in OFFERS:
        connection, room = chosen(server, "/chat?name=ada", offers)
        if room != wanted:
            raise Trouble(f"a client {described(offers)}. The 101 should say "
                          f"{wanted or 'nothing of a subprotocol'}, but says {room or 'nothing of one'}")
        hears(connection, "ada", "* ada has joined")
        close_quietly(connection)


def chooses_at_once(bench):
    """many clients at the same moment each get the room that they have offered"""
    server = bench.server()
    rooms = ["red", "blue"] * 10
    connections = [connect(server) for _ in rooms]
    for connection, room in zip(connections, rooms):
        connection.send(request("/chat?name=ada", f"Sec-WebSocket-Protocol: {room}")[:-2])
    for connection in connections:
        connection.socket.sendall(b"\r\n")
    for connection, room in zip(connections, rooms):
        with expecting("the response to one of twenty clients"):
            got = named(connection.head(), [room])
        if got != room:
            raise Trouble(f"one of twenty clients offers {room}, and the 101 says {got}. What do their threads share?")


def close_quietly(connection):
    """Leaves, and waits for the end, so that nobody who joins next hears of it."""
    connection.send(frame(FIN | CLOSE, b"\x03\xe8"))
    with expecting("the reply to a Close frame"):
        while connection.frame()[0] != CLOSE:
            pass
        connection.end()


def keeps_other_rules(bench):
    """what was rejected still is, and /echo has no rooms"""
    server = bench.server()
    connection, head = asked(server, "/chat?name=ada:", ["red"])
    if " 400 " not in head.splitlines()[0]:
        raise Trouble(f'a client that calls itself "ada:" gets "{head.splitlines()[0]}", but such a name is rejected '
                      "with 400")
    connection, room = chosen(server, "/echo", ["red"])
    if room:
        raise Trouble(f"a client of /echo offers \"red\", and the 101 says {room}: an echo has no rooms, so the server "
                      "does not speak this subprotocol there")
    says(connection, "Hello")
    with expecting("the echo of a client that has offered a subprotocol"):
        connection.expect(TEXT, b"Hello")
        close(connection)


def keeps_rooms_apart(bench):
    """who is in a room hears that room, and no other"""
    server = bench.server()
    bob, cleo, dan = in_room(server, "red", "bob"), in_room(server, "blue", "cleo"), in_room(server, None, "dan")
    ada = in_room(server, "red", "ada")
    hears(bob, "bob", "* ada has joined")
    says(ada, "Hello")
    for connection, name in ((ada, "ada"), (bob, "bob")):
        hears(connection, name, "ada: Hello")
    close_quietly(ada)
    hears(bob, "bob", "* ada has left")
    for connection, name in ((cleo, "cleo"), (dan, "dan")):     # the next thing that they hear is themselves
        says(connection, "It is quiet here")
        hears(connection, name, f"{name}: It is quiet here")
    says(bob, "They are all gone")
    hears(bob, "bob", "bob: They are all gone")


def stops(bench):
    """when the server stops, every room is told so, and the server ends"""
    server = bench.server()
    clients = [in_room(server, room, "ada") for room in ("red", "blue", None)]
    server.stop()
    for client in clients:
        with expecting("the Close frame at the stop"):
            got = client.frame()
        if got[0] != CLOSE or got[1][:2] != b"\x03\xe9":
            raise Trouble(f"at the stop each client should get Close 1001, but one has got opcode {got[0]:#x} with "
                          f"{got[1][:40]!r}")
        client.socket.sendall(frame(FIN | CLOSE, b"\x03\xe9"))
    server.wait_for_end()


TESTS = [names_the_room, chooses, chooses_at_once, keeps_other_rules, keeps_rooms_apart, stops]
