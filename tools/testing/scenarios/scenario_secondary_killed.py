# SPDX-License-Identifier: GPL-2.0-only
"""The secondary's host dies: the primary goes on, unprotected, and says so."""


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    scene.lab.kill(scene.secondary)
    scene.wait_unprotected()
    scene.expect_unharmed(scene.primary)
