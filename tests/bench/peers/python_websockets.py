"""An echo server made with Debian's python3-websockets: an event loop, in Python. Compression is off;
so are pings, and the limit on messages is raised to what the benchmark sends. SIGTERM ends it at
once: a handler that closes would wait for each client's answer."""
import asyncio

import websockets


async def echo(websocket):
    try:
        async for message in websocket:
            await websocket.send(message)
    except websockets.exceptions.ConnectionClosed:
        pass  # the client has gone


async def main():
    server = await websockets.serve(echo, "127.0.0.1", 0, compression=None, ping_interval=None,
                                    max_size=64 << 20, backlog=4096)
    print(f"listening on http://127.0.0.1:{list(server.sockets)[0].getsockname()[1]}/", flush=True)
    await asyncio.Future()


asyncio.run(main())
