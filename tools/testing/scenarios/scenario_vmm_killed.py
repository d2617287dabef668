# SPDX-License-Identifier: GPL-2.0-only
"""The primary's ftvmm gets SIGKILL: the secondary takes over, the host lives on."""


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    scene.cluster.stop(scene.primary, "ftvmm", "KILL")
    scene.expect_takeover()
