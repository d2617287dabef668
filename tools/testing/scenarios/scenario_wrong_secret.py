# SPDX-License-Identifier: GPL-2.0-only
"""The other host has another secret: it cannot become a secondary, and the guest runs on."""


def run(scene):
    """The scenario."""
    scene.serve()
    scene.cluster.stop(scene.secondary, "ftd")
    scene.cluster.start_ftd(scene.secondary, secret="something else that is long enough")
    scene.expect_refused("SECRET")
    scene.cluster.stop(scene.secondary, "ftd")
    scene.cluster.start_ftd(scene.secondary)
    scene.protect_again()
    scene.expect_protected()
