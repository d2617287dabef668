# SPDX-License-Identifier: GPL-2.0-only
"""The link for logs is cut, both hosts live: exactly one goes on, and is protected again later."""


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    cut = scene.primary
    scene.lab.link(cut, "ftlog", "cut")
    scene.expect_one_host()
    scene.clients.wait_progress()
    scene.lab.link(cut, "ftlog", "up")
    scene.protect_again()
    scene.expect_protected()
