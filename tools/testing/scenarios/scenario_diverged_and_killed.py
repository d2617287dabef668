# SPDX-License-Identifier: GPL-2.0-only
"""The primary's host dies when its secondary is about to diverge: a diverged guest never runs.

The secondary's ftvmm stands still while its kernel goes on receiving the log, so that there
is some left to be replayed, wrongly, when the primary's host is dead.
"""

from cluster import Failure, wait_until

LEFT = 20000    # bytes of the log that are received and not replayed


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    scene.cluster.run(scene.secondary, "kill -STOP $(pidof ftvmm)")
    wait_until("the secondary is behind", lambda: scene.lag() >= LEFT)
    scene.make_diverge()
    scene.lab.kill(scene.primary)
    scene.cluster.run(scene.secondary, "kill -CONT $(pidof ftvmm)")
    scene.cluster.wait_ended(scene.secondary)
    scene.expect_divergence()
    events = [event["event"] for event in scene.cluster.events(scene.secondary)]
    if "won" in events or "live" in events:
        raise Failure(f"a guest that has diverged was taken over: {events}")
    scene.lose_clients()
    scene.cluster.boot(scene.secondary)
