"""An echo server made with Debian's python3-websockets: an event loop, in Python. Pings are off, and
the limit on messages is raised to what the benchmark sends. With --compress, it compresses as this
project's server does, but also what is short. Under /chat, each message goes to all who are there.
SIGTERM ends it at once: a handler that closes would wait for each client's answer."""
import asyncio
import logging
import sys
import urllib.parse

import websockets
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory

COMPRESSION = ServerPerMessageDeflateFactory(
    server_no_context_takeover=True, client_no_context_takeover=True, server_max_window_bits=13,
    compress_settings={"level": 6, "memLevel": 6})
room = set()
logging.getLogger("asyncio").setLevel(logging.ERROR)  # else it warns of each client that has gone


async def echo(websocket):
    async for message in websocket:
        await websocket.send(message)


async def chat(websocket, name):
    room.add(websocket)
    try:
        async for message in websocket:
            text = message if isinstance(message, str) else message.decode()
            websockets.broadcast(room, f"{name}: {text}")
    finally:
        room.remove(websocket)


async def serve(websocket):
    url = urllib.parse.urlsplit(websocket.path)
    try:
        if url.path == "/chat":
            await chat(websocket, urllib.parse.parse_qs(url.query)["name"][0])
        else:
            await echo(websocket)
    except websockets.exceptions.ConnectionClosed:
        pass  # the client has gone


async def main():
    server = await websockets.serve(serve, "127.0.0.1", 0, compression=None, ping_interval=None,
                                    extensions=[COMPRESSION] if "--compress" in sys.argv else None,
                                    max_size=64 << 20, backlog=4096)
    print(f"listening on http://127.0.0.1:{list(server.sockets)[0].getsockname()[1]}/", flush=True)
    await asyncio.Future()


asyncio.run(main())
