# SPDX-License-Identifier: GPL-2.0-only
"""The hosts lose each other while none can write to the arbiter's disk: the guest waits for it."""

from cluster import ARBITER, HOSTS, wait_until


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    for host in HOSTS:
        scene.cluster.run(host, f"blockdev --setro {ARBITER}")
    cut = scene.primary
    scene.lab.link(cut, "ftlog", "cut")
    wait_until("both sides wait for the arbiter", lambda: all(
        "nothing is decided" in scene.cluster.said(host) for host in HOSTS))
    wait_until("all clients wait", scene.clients.all_wait)
    for host in HOSTS:
        scene.cluster.run(host, f"blockdev --setrw {ARBITER}")
    scene.expect_one_host()
    scene.clients.wait_progress()
    scene.lab.link(cut, "ftlog", "up")
    scene.protect_again()
    scene.expect_protected()
