#!/usr/bin/python3
"""libsoup as a client: GNOME's library for HTTP, from which WebKitGTK, the engine of GNOME's
browser, has its WebSockets.

It is used as it is in Debian 12 (3.2) and 13 (3.6). It works in GLib's main loop, which runs here
just as long as something is waited for.
"""

import os
import unittest

import gi

gi.require_version("Soup", "3.0")
from gi.repository import GLib, Soup  # noqa: E402 (the version must be said first)

from server import DEADLINE, Server, data, text  # noqa: E402


NO_CODE = Soup.WebsocketCloseCode.NO_STATUS  # for a Close without a code, and of one


def wait_until(happened, what):
    """Runs the main loop until then; fails after the deadline."""
    late = []
    GLib.timeout_add_seconds(DEADLINE, lambda: late.append(True))
    while not happened():
        GLib.MainContext.default().iteration(True)
        if late:
            raise AssertionError(f"expected {what} within {DEADLINE} s")


class Client:
    """A connection, and what has come on it: (kind, bytes), in order."""

    def __init__(self, url, origin=None, protocols=None):
        self.session = Soup.Session()
        self.session.add_feature_by_type(Soup.WebsocketExtensionManager)
        self.request = Soup.Message.new("GET", url.replace("ws:", "http:"))
        self.events = []
        done = []
        self.session.websocket_connect_async(
            self.request, origin, protocols, 0, None, lambda _, result: done.append(result)
        )
        wait_until(lambda: done, "an answer to the handshake")
        self.connection = self.session.websocket_connect_finish(done[0])
        self.connection.set_max_incoming_payload_size(0)
        self.connection.connect("message", self.on_message)
        self.connection.connect("pong", lambda *_: self.events.append(("pong", None)))
        self.connection.connect("closed", lambda _: self.events.append(("closed", None)))

    def on_message(self, connection, kind, payload):
        name = "text" if kind == Soup.WebsocketDataType.TEXT else "binary"
        self.events.append((name, payload.get_data() or b""))

    def send(self, message):
        kind = Soup.WebsocketDataType.TEXT if isinstance(message, str) else Soup.WebsocketDataType.BINARY
        payload = message.encode() if isinstance(message, str) else message
        self.connection.send_message(kind, GLib.Bytes.new(payload))

    def next(self):
        wait_until(lambda: self.events, "something from the server")
        return self.events.pop(0)


class Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(cls.server.stop)

    def assert_echoed(self, client, message):
        client.send(message)
        kind, answer = client.next()
        wanted = message.encode() if isinstance(message, str) else message
        self.assertEqual(kind, "text" if isinstance(message, str) else "binary")
        # Not assertEqual: it would print all of a long message.
        self.assertTrue(answer == wanted, f"expected the same {len(wanted)} bytes, got {len(answer)}")

    def assert_closes(self, client, code=1000, reason=None):
        client.connection.close(code, reason)
        self.assertEqual(client.next(), ("closed", None))
        self.assertEqual(client.connection.get_close_code(), code)
        self.assertEqual(client.connection.get_close_data() or None, reason)

    def refusal(self, url, **options):
        with self.assertRaises(GLib.Error):
            Client(url, **options)

    def test_messages_of_every_length_come_back_the_same(self):
        for length in (0, 1, 125, 126, 127, 65535, 65536, 1 << 20):
            client = Client(self.server.echo)
            for message in (text(length), data(length)):
                with self.subTest(length=length, kind=type(message).__name__):
                    self.assert_echoed(client, message)
            self.assert_closes(client)

    def test_200_messages_sent_at_once_come_back_in_order(self):
        client = Client(self.server.echo)
        messages = [f"message {i}" for i in range(200)]
        for message in messages:
            client.send(message)
        self.assertEqual([client.next()[1].decode() for _ in messages], messages)
        self.assert_closes(client)

    def test_compression_that_it_offers_is_declined(self):
        client = Client(self.server.echo)
        offered = client.request.get_request_headers().get_one("Sec-WebSocket-Extensions")
        self.assertIn("permessage-deflate", offered)
        self.assertEqual(client.connection.get_extensions(), [])
        self.assert_echoed(client, text(1000))
        self.assert_closes(client)

    def test_with_compress_messages_come_back_the_same(self):
        own = Server("--compress")
        self.addCleanup(own.stop)
        client = Client(own.echo)
        names = [type(one).__name__ for one in client.connection.get_extensions()]
        self.assertEqual(names, ["WebsocketExtensionDeflate"])
        for length in (0, 1, 125, 255, 256, 1024, 65535, 65536, 1 << 20):
            for message in (text(length), data(length), os.urandom(length)):
                with self.subTest(length=length, kind=type(message).__name__):
                    self.assert_echoed(client, message)
        self.assert_closes(client)

    def test_a_subprotocol_that_is_not_answered(self):
        client = Client(self.server.echo, protocols=["chat"])
        self.assertIsNone(client.connection.get_protocol())
        self.assert_echoed(client, "without a subprotocol")
        self.assert_closes(client)

    def test_a_close_is_answered_by_the_same_code_and_reason(self):
        longest = "é" * 61 + "!"
        for code, reason in ((1000, None), (3000, "ok"), (4999, longest), (NO_CODE, None)):
            with self.subTest(code=code):
                self.assert_closes(Client(self.server.echo), code, reason)

    def test_a_page_of_this_server_may_connect_others_and_other_paths_are_refused(self):
        self.assert_closes(Client(self.server.echo, origin=self.server.origin))
        self.refusal(self.server.echo, origin="http://other.example")
        self.refusal(self.server.url + "elsewhere")

    def test_too_long_a_message_is_answered_by_1009(self):
        client = Client(self.server.echo)
        client.send(data((1 << 20) + 1))
        self.assertEqual(client.next(), ("closed", None))
        self.assertEqual(client.connection.get_close_code(), 1009)

    def test_its_pings_are_answered(self):
        client = Client(self.server.echo)
        client.connection.set_keepalive_interval(1)
        for _ in range(2):
            self.assertEqual(client.next()[0], "pong")
        self.assert_closes(client)

    def test_a_silent_client_answers_pings_and_stays(self):
        own = Server("--timeout", "1")
        self.addCleanup(own.stop)
        client = Client(own.echo)
        over = []
        GLib.timeout_add_seconds(4, lambda: over.append(True))
        # Without its pongs it would be ended after two.
        wait_until(lambda: over, "four seconds to pass")
        self.assert_echoed(client, "still here")
        self.assert_closes(client)


if __name__ == "__main__":
    unittest.main()
