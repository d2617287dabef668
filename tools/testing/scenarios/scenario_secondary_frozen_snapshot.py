# SPDX-License-Identifier: GPL-2.0-only
"""The secondary's host freezes during the snapshot: the guest goes on soon, unprotected."""

import time

from cluster import TIMEOUT_MS, Failure, Refused

PATIENCE = 3 * TIMEOUT_MS / 1000    # seconds of the primary's host, for which it does nothing else
SLOWER = 4      # than real time, at most


def run(scene):
    """The scenario."""
    future = scene.begin_snapshot(40)
    if future.done():
        raise Failure("the snapshot was through already")
    scene.lab.freeze(scene.secondary)
    began = time.monotonic()
    try:
        future.result()
    except Refused as error:
        print(f"# {error}", flush=True)
        if "was silent during the snapshot" not in str(error):
            raise
    else:
        raise Failure("a host that is frozen has taken the guest")
    seconds = time.monotonic() - began
    print(f"# refused after {seconds:.1f} s", flush=True)
    if seconds > SLOWER * PATIENCE:
        raise Failure(f"the guest stood still for {seconds:.1f} s")
    scene.clients.wait_progress()
    scene.lab.thaw(scene.secondary)
    scene.cluster.wait_ended(scene.secondary)
    scene.protect_again()
    scene.expect_protected()
