# SPDX-License-Identifier: GPL-2.0-only
"""The link for logs is away for less than the time-out: the guest stays protected."""

import time

from cluster import Failure

LONGEST = 1.5   # seconds; with what TCP then waits it is still well below the time-out


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    before = scene.cluster.check_protected(scene.primary)
    seconds = scene.random.uniform(0.2, LONGEST)
    scene.lab.link(scene.primary, "ftlog", "cut")
    time.sleep(seconds)
    scene.lab.link(scene.primary, "ftlog", "up")
    print(f"# a blip of {seconds:.2f} s", flush=True)
    scene.clients.wait_progress()
    after = scene.cluster.check_protected(scene.primary)
    if after["generation"] != before["generation"]:
        raise Failure("the guest was protected anew")
    if after["replayed_bytes"] <= before["replayed_bytes"]:
        raise Failure("the secondary has replayed nothing since")
    scene.expect_protected()
