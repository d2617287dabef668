# SPDX-License-Identifier: GPL-2.0-only
"""The clients' link of the primary's host is cut for a while: the guest stays where it is."""

from cluster import wait_until


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    scene.lab.link(scene.primary, "client", "cut")
    wait_until("all clients wait", scene.clients.all_wait)
    scene.cluster.check_protected(scene.primary)
    scene.lab.link(scene.primary, "client", "up")
    scene.expect_protected()
