# SPDX-License-Identifier: GPL-2.0-only
"""The primary's ftvmm gets SIGKILL: the secondary takes over, the host lives on."""

HOSTS = ("a", "b")


def run(scene):
    """The scenario."""
    scene.protect("a", "b")
    scene.cluster.run("a", "kill -9 $(pidof ftvmm)")
    scene.cluster.wait_event("b", "live")
    scene.expect_unharmed("b")
