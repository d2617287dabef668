# SPDX-License-Identifier: GPL-2.0-only
"""The frames that the agent, the supervisor and the ftlab command exchange.

The format is described in agent/agent.h; change both together. REQUEST, REPLY
and PROGRESS exist between the ftlab command and the supervisor only.
"""

import json
import struct

HEADER = struct.Struct("<IHHI")
FRAME_MAX = 65536
STREAM_WINDOW = 131072
CHUNK = 32768
AGENT_VERSION = 1

HELLO = 1
EXEC = 2
STDIN = 3
STDIN_EOF = 4
STDOUT = 5
STDERR = 6
CREDIT = 7
SIGNAL = 8
CLOSE = 9
EXIT = 10
ERROR = 11
REQUEST = 64  # JSON: {"verb": ..., ...}
REPLY = 65  # JSON: the result, or LabError.as_json()
PROGRESS = 66  # text for the user


class ProtocolError(Exception):
    """The other end sent something that is not a frame."""


def pack(kind, payload=b"", stream=0):
    """One frame as bytes."""
    if len(payload) > FRAME_MAX:
        raise ProtocolError(f"payload of {len(payload)} bytes")
    return HEADER.pack(stream, kind, 0, len(payload)) + payload


def pack_json(kind, value):
    """A frame whose payload is JSON."""
    return pack(kind, json.dumps(value).encode())


def pack_u32(kind, value, stream=0):
    """A frame whose payload is one number."""
    return pack(kind, struct.pack("<I", value), stream)


def u32(payload):
    """The number at the start of a payload."""
    return struct.unpack_from("<I", payload)[0]


def pack_exec(argv, cwd="", env=None):
    """The payload of an EXEC frame."""
    words = [cwd, str(len(argv)), *argv]
    words += [f"{name}={value}" for name, value in (env or {}).items()]
    data = b"".join(word.encode("utf-8", "surrogateescape") + b"\0" for word in words)
    if data.count(b"\0") != len(words):
        raise ValueError("a NUL byte cannot be part of a command")
    return data


class Decoder:
    """Cuts a byte stream into (stream, kind, payload)."""

    def __init__(self):
        self._data = bytearray()

    def feed(self, data):
        """Adds received bytes and yields every frame that is now complete."""
        self._data += data
        pos = 0
        try:
            while len(self._data) - pos >= HEADER.size:
                stream, kind, zero, length = HEADER.unpack_from(self._data, pos)
                if zero or length > FRAME_MAX:
                    raise ProtocolError(f"bad frame header, type {kind}, length {length}")
                end = pos + HEADER.size + length
                if len(self._data) < end:
                    break
                payload = bytes(self._data[pos + HEADER.size:end])
                pos = end
                yield stream, kind, payload
        finally:
            del self._data[:pos]
