# SPDX-License-Identifier: GPL-2.0-only
"""The secondary's host dies: the primary goes on, unprotected, and says so."""

from cluster import wait_until

HOSTS = ("a", "b")


def run(scene):
    """The scenario."""
    scene.protect("a", "b")
    scene.lab.kill("b")
    wait_until("the guest on host a is unprotected",
               lambda: scene.cluster.ask("a", "status")["role"] == "unprotected")
    scene.expect_unharmed("a")
