# SPDX-License-Identifier: GPL-2.0-only
"""The primary's host dies under load: the guest goes on, and its clients notice nothing."""


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    scene.lab.kill(scene.primary)
    scene.expect_takeover()
