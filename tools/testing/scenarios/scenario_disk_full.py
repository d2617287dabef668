# SPDX-License-Identifier: GPL-2.0-only
"""The secondary's host has no room for messages: it takes over all the same."""

import pathlib

from cluster import SECONDARY, Failure

FOLDER = pathlib.PurePath(SECONDARY).parent


def run(scene):
    """The scenario."""
    scene.serve()
    host = scene.secondary
    scene.cluster.run(host, f"mount -t tmpfs -o size=64k none {FOLDER} && "
                            f"! dd if=/dev/zero of={FOLDER}/rubbish bs=4k 2>/dev/null")
    scene.protect_again()
    scene.moment()
    scene.lab.kill(scene.primary)
    scene.expect_takeover()
    if scene.cluster.run(host, f"cat {SECONDARY}"):
        raise Failure("there was room for messages")
    scene.cluster.run(host, f"umount -l {FOLDER}")
