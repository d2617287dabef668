# SPDX-License-Identifier: GPL-2.0-only
"""The guest is moved to its secondary's host on purpose, and back: nothing is lost."""

import json

from cluster import HOSTS, NAME, SECONDS, TIMEOUT_MS, Failure

PARAMETER = "/sys/module/kvm_ft_tcp/parameters/failure_timeout_ms"
# The primary's host is idle while the secondary is busy: that is when clocks drift most.
PATIENCE_MS = 8 * TIMEOUT_MS


def set_timeout(scene, milliseconds):
    """For links that are opened from now on."""
    for host in HOSTS:
        scene.cluster.run(host, f"echo {milliseconds} >{PARAMETER}")


def promote(scene):
    """The secondary's host becomes the primary's, and the clients go on."""
    done = scene.lab.exec(scene.primary, ["/root/ftadm", "-j", "vm", "promote", NAME],
                          timeout=SECONDS)
    if done.status:
        raise Failure((done.stdout + done.stderr).decode(errors="replace"))
    print(f"# {json.loads(done.stdout)}", flush=True)
    scene.cluster.wait_ended(scene.primary)
    live = scene.cluster.wait_event(scene.secondary, "live")
    if live["resent"]:
        raise Failure(f"{live['resent']} packets were sent again, and all had left")
    scene.move_to(scene.secondary)
    scene.clients.wait_progress()


def run(scene):
    """The scenario."""
    set_timeout(scene, PATIENCE_MS)
    scene.protect()
    scene.moment()
    promote(scene)
    scene.protect_again()
    promote(scene)
    scene.expect_unharmed(scene.primary)
    set_timeout(scene, TIMEOUT_MS)
