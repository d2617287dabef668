# SPDX-License-Identifier: GPL-2.0-only
"""The secondary dies in a switch, before it could ask the arbiter: the guest goes on here."""

import concurrent.futures

from cluster import ARBITER, TIMEOUT_MS, Failure, wait_until
from scenario_promote import PATIENCE_MS, set_timeout


def run(scene):
    """The scenario: a disk that the secondary cannot write to keeps it from being faster."""
    set_timeout(scene, PATIENCE_MS)
    scene.protect()
    scene.moment()
    scene.cluster.run(scene.secondary, f"blockdev --setro {ARBITER}")
    with concurrent.futures.ThreadPoolExecutor(1) as executor:
        reply = executor.submit(scene.cluster.ask, scene.primary, "promote")
        wait_until("the secondary would ask the arbiter", lambda: "nothing is decided" in
                   scene.cluster.said(scene.secondary))
        scene.cluster.stop(scene.secondary, "ftvmm", "KILL")
        reply = reply.result()
    print(f"# {reply}", flush=True)
    if reply["ok"] or "the secondary did not go on" not in reply["error"]:
        raise Failure(f"a secondary that is dead was given the guest: {reply}")
    scene.cluster.run(scene.secondary, f"blockdev --setrw {ARBITER}")
    set_timeout(scene, TIMEOUT_MS)
    scene.wait_unprotected()
    scene.protect_again()
    scene.expect_protected()
