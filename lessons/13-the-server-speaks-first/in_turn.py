#!/usr/bin/env python3
"""in_turn.py - the chat that nearly everybody writes first: it sends to each client in turn

    lessons/13-the-server-speaks-first/in_turn.py

Three clients are in the room. ada says something again and again, and measures how long it takes to come
back; bob reads; cleo is connected and does not read, because her laptop has gone to sleep.
"""
import itertools
import os
import socket
import sys
import threading
import time

MESSAGE_BYTES = 600
WAIT_S = 2  # seconds without a reply, after which ada gives up

listener = socket.create_server(("127.0.0.1", 0))
clients, room = {}, {}  # the clients' ends of the connections, and the server's
sending_to = None


def worker(own):
    """The server's thread for one client: it reads a message and sends it to everybody in the room."""
    global sending_to
    while message := own.recv(MESSAGE_BYTES, socket.MSG_WAITALL):
        for sending_to in room:
            room[sending_to].sendall(message)


def read_all(own):
    while own.recv(65536):
        pass


for name in ("ada", "cleo", "bob"):
    clients[name] = socket.create_connection(listener.getsockname())
    room[name], _ = listener.accept()
    threading.Thread(target=worker, args=[room[name]], daemon=True).start()
threading.Thread(target=read_all, args=[clients["bob"]], daemon=True).start()
clients["ada"].settimeout(WAIT_S)
for number in itertools.count(1):
    begun = time.monotonic()
    clients["ada"].sendall(b"x" * MESSAGE_BYTES)
    try:
        clients["ada"].recv(MESSAGE_BYTES, socket.MSG_WAITALL)
    except TimeoutError:
        break
    if number in (1, 10, 100, 1000):
        print(f"message {number:4}: back after {(time.monotonic() - begun) * 1000:.1f} ms")
print(f"message {number}: not back after {WAIT_S} s. The server waits in send, for {sending_to}.")
sys.stdout.flush()
os._exit(0)  # the threads wait for ever
