# SPDX-License-Identifier: GPL-2.0-only
"""What a frame has of a connection is found, and nothing else."""

import importlib.machinery
import importlib.util
import pathlib
import struct
import unittest

PROGRAM = str(pathlib.Path(__file__).resolve().parent / "await-bytes")
LOADER = importlib.machinery.SourceFileLoader("await_bytes", PROGRAM)
await_bytes = importlib.util.module_from_spec(importlib.util.spec_from_loader("await_bytes", LOADER))
LOADER.exec_module(await_bytes)


def frame(payload, protocol=6, kind=b"\x08\0", padding=b""):
    """An Ethernet frame from port 7680."""
    tcp = struct.pack("!HHIIBBHHH", 7680, 40000, 1, 2, 8 << 4, 0x10, 500, 0, 0) + bytes(12)
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 52 + len(payload), 1, 0, 64, protocol, 0) + bytes(8)
    return bytes(12) + kind + ip + tcp + payload + padding


class Payload(unittest.TestCase):
    def test_without_padding(self):
        self.assertEqual(await_bytes.payload(frame(b"end", padding=bytes(9)), 7680), b"end")
        self.assertEqual(await_bytes.payload(frame(b"end"), 40000), b"end")

    def test_of_others(self):
        self.assertEqual(await_bytes.payload(frame(b"end"), 7681), b"")
        self.assertEqual(await_bytes.payload(frame(b"end", protocol=17), 7680), b"")
        self.assertEqual(await_bytes.payload(frame(b"end", kind=b"\x08\x06"), 7680), b"")
        self.assertEqual(await_bytes.payload(bytes(60), 7680), b"")


if __name__ == "__main__":
    unittest.main()
