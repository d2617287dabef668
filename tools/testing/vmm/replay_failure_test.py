# SPDX-License-Identifier: GPL-2.0-only
"""Tests that only flags which QEMU leaves undefined make a test's result undecided."""

import unittest

from host import Failure, Undecided, replay_failure

REPORT = """ftvmm: error: the replay has diverged behind 8947 entries: {what}
ftvmm: error: RAX    log 000000000000001c guest 000000000000001c
{more}ftvmm: error: RFLAGS log {log:016x} guest {guest:016x}  differs
"""


def kind(log, guest, what="registers", more=""):
    """What it is that has to be raised."""
    return type(replay_failure(3, REPORT.format(log=log, guest=guest, what=what, more=more)))


class ReplayFailureTest(unittest.TestCase):
    """With reports as ftvmm prints them."""

    def test_replay_failure_of_undefined_flags(self):
        """OF, SF, AF and PF alone."""
        self.assertIs(kind(0xa03, 0x203), Undecided)
        self.assertIs(kind(0x202, 0xa96), Undecided)

    def test_replay_failure_of_anything_else(self):
        """Other flags, other registers, other reasons."""
        self.assertIs(kind(0x2c7, 0x2c6), Failure)
        self.assertIs(kind(0xa43, 0x203), Failure)
        self.assertIs(kind(0xa03, 0x203, what="progress"), Failure)
        self.assertIs(kind(0xa03, 0x203, more="ftvmm: error: RBX    log 0000000000000001 guest "
                                              "0000000000000002  differs\n"), Failure)
        self.assertIs(type(replay_failure(1, "ftvmm: error: cannot read state")), Failure)


if __name__ == "__main__":
    unittest.main()
