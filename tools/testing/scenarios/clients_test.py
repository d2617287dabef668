# SPDX-License-Identifier: GPL-2.0-only
"""The clients notice what they are there to notice: each kind of harm, from a bad server."""

import importlib.machinery
import importlib.util
import pathlib
import socket
import socketserver
import threading
import types
import unittest
from unittest import mock

PROGRAM = str(pathlib.Path(__file__).resolve().parent / "clients")
LOADER = importlib.machinery.SourceFileLoader("clients", PROGRAM)
clients = importlib.util.module_from_spec(importlib.util.spec_from_loader("clients", LOADER))
LOADER.exec_module(clients)


class Server(socketserver.ThreadingTCPServer):
    """On a free port of loopback; serve(connection, file of its lines) is called for each."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, serve):
        class Handler(socketserver.StreamRequestHandler):
            """Calls serve()."""

            def handle(self):
                try:
                    serve(self.connection, self.rfile)
                except OSError:
                    pass  # the client has hung up

        super().__init__(("127.0.0.1", 0), Handler)


def redis(stored=int, set_answer=b"+OK\r\n"):
    """A redis that says stored(the last value it was given) when it is asked for it."""
    def serve(connection, lines):
        value = 0
        while words := lines.readline():
            command = [lines.readline() for _ in range(2 * int(words[1:]))][1::2]
            if command[0] == b"SET\r\n":
                value = int(command[2])
                connection.sendall(set_answer)
            else:
                said = str(stored(value))
                connection.sendall(f"${len(said)}\r\n{said}\r\n".encode())
    return serve


class Clients(unittest.TestCase):
    def use(self, kind, serve, until, patience=5):
        """Runs a client until something is so; returns it after its end."""
        with Server(serve) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            args = types.SimpleNamespace(client=kind, address="127.0.0.1", patience=patience,
                                         pause=0, rate=1e9)
            ports = {kind: server.server_address[1]}
            with mock.patch.object(clients, "PORTS", ports), \
                    mock.patch.object(clients.sys, "stderr"):
                client = clients.KINDS[kind](args, 0)
                client.start()
                while client.is_alive() and not until(client):
                    client.join(0.01)
                client.stopping.set()
                client.join()
            server.shutdown()
        return client

    def test_a_good_download(self):
        def serve(connection, _):
            connection.sendall(clients.stream(0, 200000))
            connection.shutdown(socket.SHUT_WR)
        client = self.use("download", serve, lambda c: c.connections_lost)
        self.assertEqual((client.progress, client.bytes_wrong), (200000, 0))

    def test_the_stream_is_numbered_lines(self):
        whole = clients.stream(0, 640)
        self.assertEqual(whole.split(b"\n")[7], b"7".rjust(63, b"0"))
        for start in (0, 1, 63, 64, 100):
            self.assertEqual(clients.stream(start, 150), whole[start:start + 150])

    def test_each_wrong_byte_of_a_download(self):
        data = bytearray(clients.stream(0, 100000))
        data[70000] ^= 1
        data[99999] ^= 1
        client = self.use("download", lambda connection, _: connection.sendall(data),
                          lambda c: c.connections_lost)
        self.assertEqual(client.bytes_wrong, 2)

    def test_a_missing_byte_of_a_download(self):
        data = clients.stream(0, 6399) + clients.stream(6400, 6400)
        client = self.use("download", lambda connection, _: connection.sendall(data),
                          lambda c: c.connections_lost)
        self.assertGreater(client.bytes_wrong, 100)

    def test_a_good_echo(self):
        def serve(connection, lines):
            while line := lines.readline():
                connection.sendall(line)
        client = self.use("terminal", serve, lambda c: c.progress >= 2)
        self.assertEqual((client.connections_lost, client.bytes_wrong), (0, 0))

    def test_a_wrong_echo(self):
        def serve(connection, lines):
            connection.sendall(lines.readline().replace(b"0 ", b"1 ", 1))
            lines.readline()
        client = self.use("terminal", serve, lambda c: c.progress)
        self.assertEqual(client.bytes_wrong, 1)

    def test_silence(self):
        def serve(_, lines):
            while lines.readline():
                pass
        client = self.use("terminal", serve, lambda c: c.connections_lost, patience=0.1)
        self.assertGreaterEqual(client.connections_lost, 1)
        self.assertGreaterEqual(client.longest_stall, 0.1)

    def test_nobody_listens(self):
        free = socket.socket()
        free.bind(("127.0.0.1", 0))
        args = types.SimpleNamespace(client="terminal", address="127.0.0.1", patience=1)
        with free, mock.patch.object(clients, "PORTS", {"terminal": free.getsockname()[1]}), \
                mock.patch.object(clients.sys, "stderr"):
            client = clients.Terminal(args, 0)
            client.start()
            while not client.connections_lost:
                client.join(0.01)
            client.stopping.set()
            client.join()
        self.assertFalse(client.progress)

    def test_a_redis_that_forgets(self):
        client = self.use("redis", redis(lambda value: value - 3 if value == 8 else value),
                          lambda c: c.progress >= 20)
        self.assertEqual((client.connections_lost, client.acked_writes_lost), (0, 3))

    def test_a_redis_that_has_lost_everything(self):
        client = self.use("redis", redis(lambda value: 0), lambda c: c.acked_writes_lost)
        self.assertGreaterEqual(client.acked_writes_lost, 8)

    def test_a_redis_with_an_error(self):
        client = self.use("redis", redis(set_answer=b"-READONLY\r\n"),
                          lambda c: c.connections_lost)
        self.assertEqual((client.progress, client.acknowledged), (0, 0))

    def test_a_redis_that_remembers(self):
        client = self.use("redis", redis(), lambda c: c.progress >= 20)
        self.assertEqual((client.connections_lost, client.acked_writes_lost), (0, 0))


if __name__ == "__main__":
    unittest.main()
