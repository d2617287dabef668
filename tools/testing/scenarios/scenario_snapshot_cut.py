# SPDX-License-Identifier: GPL-2.0-only
"""The secondary's ftvmm is killed during the snapshot: the guest runs on unprotected."""

from cluster import Failure


def run(scene):
    """The scenario."""
    future = scene.begin_snapshot(60)
    if future.done():
        raise Failure("the snapshot was through already")
    scene.cluster.stop(scene.secondary, "ftvmm", "KILL")
    try:
        future.result()
    except Failure as error:
        print(f"# {error}", flush=True)
    else:
        scene.wait_unprotected()
    scene.protect_again()
    scene.expect_protected()
