# SPDX-License-Identifier: GPL-2.0-only
"""The secondary compares registers and hashes of RAM all the time, and takes over."""

import json

from cluster import NAME, SECONDS, Failure, wait_until

HASHES = 5


def protect_verified(scene):
    """As Scene.protect_again(), but that registers and RAM are compared."""
    done = scene.lab.exec(scene.primary, ["/root/ftadm", "-j", "vm", "protect", NAME, "--verify",
                                          "--secondary", scene.secondary], timeout=SECONDS)
    if done.status or not json.loads(done.stdout)["verify"]:
        raise Failure((done.stdout + done.stderr).decode(errors="replace"))
    scene.cluster.follow_events(scene.secondary)
    scene.clients.wait_progress()
    scene.cluster.check_protected(scene.primary)


def run(scene):
    """The scenario."""
    scene.serve()
    protect_verified(scene)
    for host in (scene.primary, scene.secondary):
        if not scene.cluster.ask(host, "status")["verify"]:
            raise Failure(f"host {host} does not say that the protection is verified")
    wait_until(f"{HASHES} hashes of RAM were compared", lambda: int(scene.cluster.run(
        scene.secondary, "cat /sys/class/kvm-ft/session*/entries/ram_hash")) >= HASHES)
    scene.cluster.check_protected(scene.primary)
    scene.cluster.stop(scene.primary, "ftvmm", "KILL")
    scene.expect_takeover()
