# SPDX-License-Identifier: GPL-2.0-only
"""The link for logs comes back while the hosts decide who goes on: exactly one does."""

from cluster import HOSTS, wait_until


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    cut = scene.primary
    scene.lab.link(cut, "ftlog", "cut")
    wait_until("a side takes the other one for lost", every=0, happened=lambda: any(
        " is lost " in scene.cluster.said(host) for host in HOSTS))
    scene.lab.link(cut, "ftlog", "up")
    scene.expect_one_host()
    scene.clients.wait_progress()
    scene.protect_again()
    scene.expect_protected()
