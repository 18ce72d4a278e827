#!/usr/bin/python3
"""The Python package aiohttp as a client: an implementation of its own, partly in C.

Like npm's ws it was not written for this server. Only what Debian 12's version
3.8 and Debian 13's version 3.11 have in common is used here.
"""

import asyncio
import os
import unittest

import aiohttp
from aiohttp import WSMsgType

from server import Server, data, text, within_deadline


class Test(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    async def asyncSetUp(self):
        # On a busy machine, the loop would complain of what takes longer.
        asyncio.get_running_loop().slow_callback_duration = 60
        self.session = aiohttp.ClientSession()
        self.addAsyncCleanup(self.session.close)

    async def connect(self, server=None, **options):
        # Not autoping: pongs shall come out of receive() too.
        url = (server or self.server).echo
        connection = self.session.ws_connect(url, max_msg_size=0, autoping=False, **options)
        return await within_deadline(connection, "the connection to open")

    async def receive(self, client):
        return await within_deadline(client.receive(), "a message from the server")

    async def assert_echoed(self, client, message):
        is_text = isinstance(message, str)
        await (client.send_str if is_text else client.send_bytes)(message)
        answer = await self.receive(client)
        self.assertEqual(answer.type, WSMsgType.TEXT if is_text else WSMsgType.BINARY)
        # Not assertEqual: it would print all of a long message.
        self.assertTrue(
            answer.data == message,
            f"expected the same {len(message)} back, got {len(answer.data)}",
        )

    async def assert_closes(self, client, code=1000, reason=b""):
        close = client.close(code=code, message=reason)
        await within_deadline(close, "the close to be answered")
        self.assertEqual(client.close_code, code)
        self.assertIsNone(client.exception())

    async def assert_refused(self, status, url, **options):
        with self.assertRaises(aiohttp.WSServerHandshakeError) as caught:
            await within_deadline(self.session.ws_connect(url, **options), "an answer")
        self.assertEqual(caught.exception.status, status)

    async def test_messages_of_every_length_come_back_the_same(self):
        for length in (0, 1, 125, 126, 127, 65535, 65536, 1 << 20):
            client = await self.connect()
            for message in (text(length), data(length)):
                with self.subTest(length=length, kind=type(message).__name__):
                    await self.assert_echoed(client, message)
            await self.assert_closes(client)

    async def test_compression_that_the_client_offers_is_declined(self):
        client = await self.connect(compress=15)
        self.assertEqual(client.compress, 0)
        await self.assert_echoed(client, text(1000))
        await self.assert_closes(client)

    async def test_with_compress_messages_come_back_the_same(self):
        own = Server("--compress")
        self.addCleanup(own.stop)
        for bits in (15, 12, 9):  # 15 is offered without a number
            client = await self.connect(own, compress=bits)
            self.assertGreater(client.compress, 0)
            for length in (0, 1, 125, 255, 256, 1024, 65535, 65536, 1 << 20):
                for message in (text(length), data(length), os.urandom(length)):
                    with self.subTest(bits=bits, length=length, kind=type(message).__name__):
                        await self.assert_echoed(client, message)
            await self.assert_closes(client)

    async def test_a_subprotocol_that_the_client_asks_for_is_not_answered(self):
        client = await self.connect(protocols=["chat"])
        self.assertIsNone(client.protocol)
        await self.assert_echoed(client, "without a subprotocol")
        await self.assert_closes(client)

    async def test_a_ping_is_answered_by_a_pong_with_the_same_payload(self):
        client = await self.connect()
        for payload in (b"", b"are you there?", b"x" * 125):
            await client.ping(payload)
            answer = await self.receive(client)
            self.assertEqual((answer.type, bytes(answer.data)), (WSMsgType.PONG, payload))
        await self.assert_closes(client)

    async def test_200_messages_sent_at_once_come_back_in_order(self):
        client = await self.connect()
        messages = [f"message {i}" for i in range(200)]
        for message in messages:
            await client.send_str(message)
        self.assertEqual([(await self.receive(client)).data for _ in messages], messages)
        await self.assert_closes(client)

    async def test_a_close_is_answered_by_the_same_code(self):
        for code, reason in ((1000, b""), (1001, b"going away"), (3000, b"ok"), (4999, b"x" * 123)):
            with self.subTest(code=code):
                await self.assert_closes(await self.connect(), code, reason)

    async def test_other_paths_and_pages_of_other_sites_are_refused(self):
        await self.assert_refused(404, self.server.url + "elsewhere")
        await self.assert_refused(403, self.server.echo, origin="http://other.example")

    async def test_too_long_a_message_is_answered_by_1009(self):
        client = await self.connect()
        await client.send_bytes(data((1 << 20) + 1))
        answer = await self.receive(client)
        self.assertEqual((answer.type, client.close_code), (WSMsgType.CLOSE, 1009))

    async def test_a_server_that_is_stopped_says_1001(self):
        own = Server()
        client = await self.connect(own)
        stopped = self.stop_in_a_thread(own)
        answer = await self.receive(client)
        self.assertEqual((answer.type, answer.data), (WSMsgType.CLOSE, 1001))
        await stopped

    def stop_in_a_thread(self, server):
        # In a thread, as the client has to answer while this waits.
        return asyncio.get_running_loop().run_in_executor(None, server.stop)


if __name__ == "__main__":
    unittest.main()
