# SPDX-License-Identifier: GPL-2.0-only
"""The secondary freezes and dies while the guest stands still for it: the guest goes on."""

import concurrent.futures

from cluster import Failure


def run(scene):
    """The scenario."""
    scene.protect()
    scene.cluster.run(scene.secondary, "kill -STOP $(pidof ftvmm)")
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        reply = executor.submit(scene.cluster.ask, scene.primary, "promote")
        scene.moment()
        scene.cluster.stop(scene.secondary, "ftvmm", "KILL")
        reply = reply.result()
    print(f"# {reply}", flush=True)
    if reply["ok"] or "was not handed over" not in reply["error"]:
        raise Failure(f"a frozen secondary was given the guest: {reply}")
    scene.wait_unprotected()
    scene.expect_unharmed(scene.primary)
