# SPDX-License-Identifier: GPL-2.0-only
"""The secondary compares registers and hashes of RAM all the time, and takes over; twice."""

import json

from cluster import NAME, SECONDS, Failure, wait_until

HASHES = 5
HASH_INTERVAL = 2000000     # several a second in a guest that works


def ask(scene, *options):
    """Asks for a protection that compares registers and RAM; returns what came of it."""
    return scene.lab.exec(scene.primary, ["/root/ftadm", "-j", "vm", "protect", NAME, "--verify",
                                          "--secondary", scene.secondary, *options],
                          timeout=SECONDS)


def expect_refused(scene):
    """RAM cannot be hashed all the time."""
    done = ask(scene, "--hash-interval", "1")
    if not done.status or b"the hash interval is 100000 to" not in done.stdout:
        raise Failure((done.stdout + done.stderr).decode(errors="replace"))


def protect_verified(scene, *options):
    """As Scene.protect_again(), but that registers and RAM are compared."""
    done = ask(scene, *options)
    if done.status or not json.loads(done.stdout)["verify"]:
        raise Failure((done.stdout + done.stderr).decode(errors="replace"))
    scene.cluster.follow_events(scene.secondary)
    scene.clients.wait_progress()
    scene.cluster.check_protected(scene.primary)


def expect_hashes(scene):
    """Both sides say that they compare, how often, and that they have."""
    for host in (scene.primary, scene.secondary):
        status = scene.cluster.ask(host, "status")
        if not status["verify"] or status["hash_interval"] != HASH_INTERVAL:
            raise Failure(f"host {host} does not say that the protection is verified: {status}")
    wait_until(f"{HASHES} hashes of RAM were compared", lambda: int(scene.cluster.run(
        scene.secondary, "cat /sys/class/kvm-ft/session*/entries/ram_hash")) >= HASHES)
    scene.cluster.check_protected(scene.primary)


def run(scene):
    """The scenario.  The second time nobody says how often: the VM knows."""
    scene.serve()
    expect_refused(scene)
    protect_verified(scene, "--hash-interval", str(HASH_INTERVAL))
    expect_hashes(scene)
    scene.cluster.stop(scene.primary, "ftvmm", "KILL")
    scene.cluster.wait_event(scene.secondary, "live")
    scene.clients.wait_progress()
    scene.move_to(scene.secondary)
    protect_verified(scene)
    expect_hashes(scene)
    scene.expect_protected()
