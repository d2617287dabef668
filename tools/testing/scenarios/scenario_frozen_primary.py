# SPDX-License-Identifier: GPL-2.0-only
"""The primary's host freezes, and thaws after the takeover: it must stop its guest at once."""

from cluster import wait_until

HOSTS = ("a", "b")


def run(scene):
    """The scenario."""
    scene.protect("a", "b")
    scene.lab.freeze("a")
    scene.cluster.wait_event("b", "live")
    scene.lab.thaw("a")
    wait_until("ftvmm on host a has ended",
               lambda: scene.lab.exec("a", ["pidof", "ftvmm"]).status != 0)
    scene.expect_unharmed("b")
