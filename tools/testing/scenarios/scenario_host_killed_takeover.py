# SPDX-License-Identifier: GPL-2.0-only
"""The primary's ftvmm is killed, and its host dies while the other one takes over."""


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    scene.cluster.run(scene.primary, "kill -KILL $(pidof ftvmm)")
    scene.moment(longest=0.5)
    scene.lab.kill(scene.primary)
    scene.expect_takeover()
