# SPDX-License-Identifier: GPL-2.0-only
"""The client's side of the control socket."""

import json
import os
import select
import socket
import time

from . import frames
from .errors import EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, LabError


class Connection:
    """One request to a lab's supervisor."""

    def __init__(self, sock):
        self.sock = sock
        self._decoder = frames.Decoder()
        self._ready = []

    @classmethod
    def to(cls, folder):
        """Connects to the lab in @folder."""
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.connect(f"{folder}/control")
        except OSError as error:
            sock.close()
            raise LabError(f"lab {folder.name} does not answer: {error.strerror}",
                           "ftlab list --clean") from None
        return cls(sock)

    def send(self, kind, payload=b""):
        """Sends one frame."""
        try:
            self.sock.sendall(frames.pack(kind, payload))
        except (BrokenPipeError, ConnectionResetError):
            pass  # what the lab said before it hung up is still to be read

    def request(self, verb, **arguments):
        """Sends a request."""
        payload = json.dumps({"verb": verb, **arguments}).encode()
        if len(payload) > frames.FRAME_MAX:
            raise LabError("the request is too long", "put a long command into a script")
        self.send(frames.REQUEST, payload)

    def receive(self):
        """The next frame: (kind, payload)."""
        while not self._ready:
            try:
                data = self.sock.recv(frames.FRAME_MAX)
            except ConnectionResetError:
                data = b""
            if not data:
                raise LabError("the lab went down", "its supervisor.log says why")
            self._ready += self._decoder.feed(data)
        _, kind, payload = self._ready.pop(0)
        return kind, payload

    @property
    def has_frames(self):
        """Would receive() return without waiting?"""
        return bool(self._ready)

    def reply(self, progress=None):
        """Waits for the reply; raises the LabError it may carry."""
        while True:
            kind, payload = self.receive()
            if kind == frames.PROGRESS and progress:
                progress(payload.decode())
            if kind == frames.REPLY:
                return parse_reply(payload)

    def close(self):
        """Hangs up."""
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def parse_reply(payload):
    """The value of a REPLY frame; raises the LabError it may carry."""
    value = json.loads(payload)
    if "error" in value:
        raise LabError.from_json(value)
    return value


class Exec:
    """A command on a host: moves its input and output until it ends.

    @source is bytes, or a file descriptor, or None. @sinks take the bytes of
    stdout and stderr: objects with a write() that takes all it is given.
    """

    def __init__(self, connection, source, sinks, deadline=None):
        self.connection = connection
        self.sinks = sinks
        self.deadline = deadline
        self._fd = source if isinstance(source, int) else None
        self._data = memoryview(source or b"") if self._fd is None else None
        self._credit = frames.STREAM_WINDOW
        self._open = True
        self._pos = 0

    def run(self):
        """Returns the command's wait status; raises LabError."""
        while True:
            self._send_input()
            if not self.connection.has_frames and not self._wait():
                continue
            kind, payload = self.connection.receive()
            if kind == frames.EXIT:
                return frames.u32(payload)
            if kind == frames.ERROR:
                self._cannot_run(payload)
            if kind == frames.REPLY:
                parse_reply(payload)
            elif kind == frames.CREDIT:
                self._credit += frames.u32(payload)
            elif kind in (frames.STDOUT, frames.STDERR):
                self.sinks[kind == frames.STDERR].write(payload)
                self.connection.send(frames.CREDIT, len(payload).to_bytes(4, "little"))

    @staticmethod
    def _cannot_run(payload):
        text = payload[4:].decode(errors="replace")
        not_found = frames.u32(payload) == 2
        raise LabError(f"cannot run {text}",
                       status=EXIT_NOT_FOUND if not_found else EXIT_NOT_EXECUTABLE)

    def _wait(self):
        """Waits for the lab or for input; is there something from the lab?"""
        poll = select.poll()
        poll.register(self.connection.sock, select.POLLIN)
        if self._fd is not None and self._open and self._credit:
            poll.register(self._fd, select.POLLIN)
        timeout = None
        if self.deadline is not None:
            timeout = max(0, self.deadline - time.monotonic()) * 1000
        ready = dict(poll.poll(timeout))
        if not ready and timeout is not None:
            raise TimeoutError
        if self._fd in ready:
            self._read_input()
        return self.connection.sock.fileno() in ready

    def _read_input(self):
        data = os.read(self._fd, min(frames.CHUNK, self._credit))
        if data:
            self._credit -= len(data)
            self.connection.send(frames.STDIN, data)
        else:
            self._end_input()

    def _send_input(self):
        """Sends what there is credit for of input that is in memory."""
        if self._fd is not None or not self._open:
            return
        while self._credit and self._pos < len(self._data):
            chunk = self._data[self._pos:self._pos + min(frames.CHUNK, self._credit)]
            self._pos += len(chunk)
            self._credit -= len(chunk)
            self.connection.send(frames.STDIN, bytes(chunk))
        if self._pos == len(self._data):
            self._end_input()

    def _end_input(self):
        self._open = False
        self.connection.send(frames.STDIN_EOF)
