# SPDX-License-Identifier: GPL-2.0-only
"""A secondary diverges: it ends, and the primary goes on without it."""


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    scene.make_diverge()
    scene.cluster.wait_ended(scene.secondary)
    scene.wait_unprotected()
    scene.expect_divergence()
    scene.expect_unharmed(scene.primary)
