# SPDX-License-Identifier: GPL-2.0-only
"""The primary's host dies under load: the guest goes on, and its clients notice nothing."""

HOSTS = ("a", "b")


def run(scene):
    """The scenario."""
    scene.protect("a", "b")
    scene.lab.kill("a")
    scene.cluster.wait_event("b", "live")
    scene.expect_unharmed("b")
