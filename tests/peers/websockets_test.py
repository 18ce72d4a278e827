#!/usr/bin/python3
"""The Python package websockets as a client.

Like npm's ws it is an implementation of RFC 6455 that was not written for this
server. Only what Debian 12's version 10.4 and Debian 13's version 15 have in
common is used here.
"""

import asyncio
import os
import unittest

import websockets
from websockets.exceptions import InvalidHandshake
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from server import Server, data, text, within_deadline

# Newer versions of websockets would go through a proxy that the environment
# names, even to this machine.
os.environ["no_proxy"] = "127.0.0.1"


async def connect(url, **options):
    connection = websockets.connect(url, max_size=None, **options)
    return await within_deadline(connection, "the connection to open")


def client_extensions(client):
    # Newer versions keep them in what they call the protocol.
    return getattr(client, "extensions", None) or client.protocol.extensions


async def send(client, message):
    await within_deadline(client.send(message), "the server to take the message")


async def receive(client):
    return await within_deadline(client.recv(), "a message from the server")


async def ping(client, payload):
    # The client waits for a pong with just this payload.
    await within_deadline(await client.ping(payload), "a pong with the payload of the ping")


async def wait_closed(client):
    await within_deadline(client.wait_closed(), "the server to close the connection")


class Test(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        # On a busy machine, the loop would complain of what takes longer.
        asyncio.get_running_loop().slow_callback_duration = 60

    async def assert_echoed(self, client, message):
        await send(client, message)
        answer = await receive(client)
        self.assertIs(type(answer), type(message), "expected the same kind of message back")
        # Not assertEqual: it would print all of a long message.
        self.assertTrue(
            answer == message,
            f"expected the same {len(message)} back, got {len(answer)}: {answer[:40]!r}...",
        )

    async def assert_closes(self, client, code=1000, reason=""):
        await within_deadline(client.close(code, reason), "the close to be answered")
        self.assertEqual((client.close_code, client.close_reason), (code, reason))


class Echo(Test):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    async def test_messages_of_every_length_come_back_the_same(self):
        # On both sides of each change in how a frame writes its length, and
        # the longest message that the server takes unless told otherwise. The
        # client offers compression; had the server agreed to it without
        # compressing as agreed, nothing here would come back right.
        for length in (0, 1, 125, 126, 127, 65535, 65536, 1 << 20):
            for message in (text(length), data(length)):
                with self.subTest(length=length, kind=type(message).__name__):
                    client = await connect(self.server.echo, compression="deflate")
                    await self.assert_echoed(client, message)
                    await self.assert_closes(client)

    async def test_fragments_come_back_whole_and_a_ping_between_them_is_answered_at_once(self):
        client = await connect(self.server.echo)

        async def fragments():
            yield "Zwölf "
            # The message is not complete yet, so the pong has to come first.
            await ping(client, "in between")
            yield "€"

        # The client ends the message with an empty last fragment.
        await send(client, fragments())
        self.assertEqual(await receive(client), "Zwölf €")
        await send(client, [b"\x00", b"\xff", b""])
        self.assertEqual(await receive(client), b"\x00\xff")
        await self.assert_closes(client)

    async def test_a_ping_is_answered_by_a_pong_with_the_same_payload(self):
        client = await connect(self.server.echo)
        for payload in ("", "are you there?", "x" * 125):
            with self.subTest(length=len(payload)):
                await ping(client, payload)
        await self.assert_closes(client)

    async def test_200_messages_sent_at_once_come_back_in_order(self):
        client = await connect(self.server.echo)
        messages = [f"message {i}" for i in range(200)]
        for message in messages:
            await send(client, message)
        self.assertEqual([await receive(client) for _ in messages], messages)
        await self.assert_closes(client)

    async def test_a_close_is_answered_by_the_same_code_and_reason(self):
        for code, reason in ((1000, ""), (1001, "going away"), (3000, "ok"), (4999, "é" * 61 + "!")):
            with self.subTest(code=code):
                client = await connect(self.server.echo)
                await self.assert_closes(client, code, reason)

    async def test_a_subprotocol_that_the_client_asks_for_is_not_answered(self):
        # Unlike ws, this client goes on without one.
        client = await connect(self.server.echo, subprotocols=["chat"])
        self.assertIsNone(client.subprotocol)
        await self.assert_echoed(client, "without a subprotocol")
        await self.assert_closes(client)

    async def test_a_handshake_for_another_path_is_refused_with_404(self):
        with self.assertRaisesRegex(InvalidHandshake, "HTTP 404"):
            await connect(self.server.url + "elsewhere")

    async def test_a_handshake_from_the_page_of_another_site_is_refused_with_403(self):
        with self.assertRaisesRegex(InvalidHandshake, "HTTP 403"):
            await connect(self.server.echo, origin="http://other.example")

    async def test_a_handshake_from_a_page_of_this_server_is_accepted(self):
        client = await connect(self.server.echo, origin=self.server.origin)
        await self.assert_echoed(client, "from a page")
        await self.assert_closes(client)

    async def test_50_clients_at_once_each_get_back_their_own_messages(self):
        clients = await asyncio.gather(*(connect(self.server.echo) for _ in range(50)))

        async def talk(number, client):
            for k in range(10):
                await self.assert_echoed(client, f"client {number}, message {k}")
            await self.assert_closes(client)

        await asyncio.gather(*(talk(*pair) for pair in enumerate(clients)))


class WithOptions(Test):
    async def test_with_compress_messages_come_back_the_same(self):
        server = Server("--compress")
        self.addCleanup(server.stop)
        for offer in (
            {},
            {"client_max_window_bits": True},
            {"server_no_context_takeover": True, "client_no_context_takeover": True},
            {"server_max_window_bits": 9, "client_max_window_bits": 9},
        ):
            with self.subTest(offer=offer):
                factory = ClientPerMessageDeflateFactory(**offer)
                client = await connect(server.echo, extensions=[factory], compression=None)
                self.assertEqual([one.name for one in client_extensions(client)], ["permessage-deflate"])
                for length in (0, 1, 125, 255, 256, 1024, 65535, 65536, 1 << 20):
                    await self.assert_echoed(client, text(length))
                    await self.assert_echoed(client, data(length))
                    await self.assert_echoed(client, os.urandom(length))
                await send(client, [b"a" * 1000, b"", b"b" * 1000])
                self.assertEqual(await receive(client), b"a" * 1000 + b"b" * 1000)
                await self.assert_closes(client)

    async def test_a_message_longer_than_max_message_ends_the_connection_with_1009(self):
        server = Server("--max-message", "1000")
        self.addCleanup(server.stop)
        client = await connect(server.echo)
        await self.assert_echoed(client, data(1000))
        await send(client, data(1001))
        await wait_closed(client)
        self.assertEqual(client.close_code, 1009)

    async def test_a_server_that_is_stopped_says_1001_to_each_client(self):
        server = Server()
        clients = [await connect(server.echo) for _ in range(3)]
        # In a thread, as the clients have to answer while this waits.
        await asyncio.get_running_loop().run_in_executor(None, server.stop)
        for client in clients:
            await wait_closed(client)
            self.assertEqual(client.close_code, 1001)


if __name__ == "__main__":
    unittest.main()
