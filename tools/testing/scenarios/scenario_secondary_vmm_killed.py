# SPDX-License-Identifier: GPL-2.0-only
"""The secondary's ftvmm gets SIGKILL: the primary goes on, and can be protected again."""


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    scene.cluster.stop(scene.secondary, "ftvmm", "KILL")
    scene.wait_unprotected()
    scene.protect_again()
    scene.expect_protected()
