# SPDX-License-Identifier: GPL-2.0-only
"""The link for logs is cut, both hosts live: exactly one of them goes on."""

from cluster import Failure, wait_until

HOSTS = ("a", "b")


def run(scene):
    """The scenario."""
    scene.protect("a", "b")
    scene.lab.link("a", "ftlog", "cut")
    wait_until("one side runs the guest, and the other one has ended", lambda: sorted(
        scene.lab.exec(host, ["pidof", "ftvmm"]).status for host in HOSTS) == [0, 1])
    running = wait_until("the guest runs", scene.cluster.running)
    if len(running) != 1:
        raise Failure(f"the guest runs on {running}")
    scene.expect_unharmed(running[0])
