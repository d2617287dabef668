# SPDX-License-Identifier: GPL-2.0-only
"""Announcements are told from other frames."""

import importlib.machinery
import importlib.util
import pathlib
import unittest

PROGRAM = str(pathlib.Path(__file__).resolve().parent / "announcements")
LOADER = importlib.machinery.SourceFileLoader("announcements", PROGRAM)
announcements = importlib.util.module_from_spec(
    importlib.util.spec_from_loader("announcements", LOADER))
LOADER.exec_module(announcements)

MAC = bytes.fromhex("525400f70001")
BROADCAST = b"\xff" * 6
ARP = bytes.fromhex("00010800060400")
ADDRESS = bytes((192, 0, 2, 100))
IPV6 = bytes.fromhex("fe80000000000000505400fffef70001")
# As userspace/ftvmm/tests/announce_test.c has it.
ADVERTISEMENT = (bytes.fromhex("333300000001") + MAC + bytes.fromhex("86dd6000000000203aff") + IPV6
                 + bytes.fromhex("ff020000000000000000000000000001880065b920000000") + IPV6
                 + b"\2\1" + MAC)


def arp(operation, sender_mac, sender, target_mac, target, kind=b"\x08\x06"):
    """A frame."""
    return BROADCAST + MAC + kind + ARP + bytes((operation,)) + sender_mac + sender + \
        target_mac + target + bytes(18)


def changed(at, value):
    """The advertisement, but for a byte."""
    return ADVERTISEMENT[:at] + bytes((value,)) + ADVERTISEMENT[at + 1:]


class Announcement(unittest.TestCase):
    def test_arp(self):
        said = announcements.announcement
        self.assertEqual(said(arp(1, MAC, ADDRESS, bytes(6), ADDRESS)), "arp 192.0.2.100")
        self.assertIsNone(said(arp(2, MAC, ADDRESS, bytes(6), ADDRESS)))
        self.assertIsNone(said(arp(1, MAC, ADDRESS, bytes(6), bytes((192, 0, 2, 1)))))
        self.assertIsNone(said(arp(1, BROADCAST, ADDRESS, bytes(6), ADDRESS)))
        self.assertIsNone(said(arp(1, MAC, ADDRESS, bytes(6), ADDRESS)[:30]))

    def test_rarp(self):
        frame = arp(3, MAC, bytes(4), MAC, bytes(4), b"\x80\x35")
        self.assertEqual(announcements.announcement(frame), "rarp 52:54:00:f7:00:01")
        frame = arp(3, MAC, bytes(4), BROADCAST, bytes(4), b"\x80\x35")
        self.assertIsNone(announcements.announcement(frame))

    def test_advertisement(self):
        said = announcements.announcement
        self.assertEqual(said(ADVERTISEMENT), "advertisement fe80::5054:ff:fef7:1")
        for at, value in ((21, 254), (54, 135), (56, 0), (58, 0), (58, 0x60), (80, 9)):
            self.assertIsNone(said(changed(at, value)), at)
        self.assertIsNone(said(ADVERTISEMENT[:-1]))


if __name__ == "__main__":
    unittest.main()
