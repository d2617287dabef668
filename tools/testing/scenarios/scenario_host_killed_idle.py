# SPDX-License-Identifier: GPL-2.0-only
"""The primary's host dies while nobody uses the guest: it goes on all the same."""


def run(scene):
    """The scenario."""
    scene.boot()
    scene.cluster.protect(scene.primary, scene.secondary)
    scene.moment()
    scene.cluster.check_protected(scene.primary)
    scene.lab.kill(scene.primary)
    scene.cluster.wait_event(scene.secondary, "live")
    scene.start_clients()
    scene.expect_unharmed(scene.secondary)
