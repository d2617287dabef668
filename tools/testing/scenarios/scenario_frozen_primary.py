# SPDX-License-Identifier: GPL-2.0-only
"""The primary's host freezes, and thaws after the takeover: it must stop its guest at once."""


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    scene.lab.freeze(scene.primary)
    scene.cluster.wait_event(scene.secondary, "live")
    scene.lab.thaw(scene.primary)
    scene.cluster.wait_ended(scene.primary)
    scene.expect_unharmed(scene.secondary)
