# SPDX-License-Identifier: GPL-2.0-only
"""The administrator tries a failover: the secondary takes over, and it is told how fast."""

import json

from cluster import NAME, SECONDS, Failure


def run(scene):
    """The scenario."""
    scene.protect()
    print(scene.cluster.run(scene.primary, "/root/ftadm stats | sed 's/^/# /'"), end="")
    print(scene.cluster.run(scene.secondary, "/root/ftadm stats | sed 's/^/# /'"), end="")
    done = scene.lab.exec(scene.primary, ["/root/ftadm", "-j", "vm", "test-failover", NAME,
                                          "--yes"], timeout=SECONDS)
    if done.status:
        raise Failure((done.stdout + done.stderr).decode(errors="replace"))
    told = json.loads(done.stdout)
    print(f"# {told}", flush=True)
    event = scene.cluster.wait_event(scene.secondary, "live")
    if told["takeover_ms"] != event["takeover_ms"]:
        raise Failure(f"ftadm has told something else than the secondary: {event}")
    scene.expect_unharmed(scene.secondary)
