# SPDX-License-Identifier: GPL-2.0-only
"""What is put into a connection continues it as TCP has it."""

import importlib.machinery
import importlib.util
import pathlib
import struct
import unittest

PROGRAM = str(pathlib.Path(__file__).resolve().parent / "inject")
LOADER = importlib.machinery.SourceFileLoader("inject", PROGRAM)
inject = importlib.util.module_from_spec(importlib.util.spec_from_loader("inject", LOADER))
LOADER.exec_module(inject)

ADDRESSES = bytes((198, 51, 100, 11, 198, 51, 100, 12))
OPTIONS = b"\1\1\x08\x0a" + bytes(8)    # of TCP: a timestamp


def frame(payload=b"hello", flags=0x10, padding=b"", sequence=0xfffffffe):
    """An Ethernet frame of a connection from port 7680, as the true sender makes it."""
    tcp = struct.pack("!HHIIBBHHH", 7680, 40000, sequence, 77, 8 << 4, flags, 500, 0, 0)
    tcp += OPTIONS + payload
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 1, 0, 64, 6, 0) + ADDRESSES
    return bytes(12) + b"\x08\0" + ip + tcp + padding


class Forge(unittest.TestCase):
    def check(self, original, garbage):
        """The frame made of a frame; its checksums are right."""
        forged = inject.forge(original, 7680, garbage)
        ip, tcp = forged[14:34], forged[34:]
        self.assertEqual(inject.checksum(ip), 0)
        self.assertEqual(struct.unpack_from("!H", ip, 2)[0], len(forged) - 14)
        pseudo = ADDRESSES + struct.pack("!BBH", 0, 6, len(tcp))
        self.assertEqual(inject.checksum(pseudo + tcp), 0)
        self.assertEqual(tcp[32:], garbage)
        return tcp

    def test_continues(self):
        tcp = self.check(frame(), b"garbage")
        self.assertEqual(struct.unpack_from("!HHII", tcp), (7680, 40000, 3, 77))
        self.assertEqual(tcp[20:32], OPTIONS)

    def test_padding_is_no_payload(self):
        tcp = self.check(frame(payload=b"", padding=bytes(6), sequence=9), b"even")
        self.assertEqual(struct.unpack_from("!I", tcp, 4)[0], 9)

    def test_others_are_left_alone(self):
        self.assertIsNone(inject.forge(frame(), 7681, b"x"))
        for flag in (0x01, 0x02, 0x04):
            self.assertIsNone(inject.forge(frame(flags=0x10 | flag), 7680, b"x"))
        self.assertIsNone(inject.forge(bytes(60), 7680, b"x"))


if __name__ == "__main__":
    unittest.main()
