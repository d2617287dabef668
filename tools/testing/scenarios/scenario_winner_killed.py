# SPDX-License-Identifier: GPL-2.0-only
"""The winner of a decision dies before it runs the guest: nobody does, until it is started anew."""

import struct

from client_side import Announced
from cluster import ARBITER, NAME, TIMEOUT_MS, Failure, wait_until
from scenario_promote import PATIENCE_MS, set_timeout

BLOCK = 4096        # of the arbiter's area, see Documentation/arbiter.rst
VM, ACCEPTED = 32, 64
SECONDARY = 1


def find_slot(area, vm):
    """The slot of a VM in the arbiter's area."""
    for block in range(1, len(area) // BLOCK, 2):
        if area[block * BLOCK:][VM:VM + 16].hex() == vm:
            return block // 2
    raise Failure("the VM has no slot in the arbiter's area")


def wait_accepted(scene, slot):
    """Until the secondary has accepted a winner, which is itself: the other side only loses."""
    at = (1 + 2 * slot + SECONDARY) * BLOCK + ACCEPTED

    with open(scene.cluster.arbiter_image(), "rb", buffering=0) as area:
        def accepted():
            area.seek(at)
            return struct.unpack("<Q", area.read(8))[0]

        wait_until("the secondary has accepted a winner", accepted, every=0.001)


def start_anew(scene, slot):
    """What the administrator has to do, once the winner's host is known to be dead."""
    scene.cluster.run(scene.primary, f"/root/ft-arbiter release {ARBITER} {slot}")
    scene.serve()
    scene.protect_again()
    scene.expect_protected()


def run(scene):
    """The scenario: a planned switch, in which it is known who will win."""
    set_timeout(scene, PATIENCE_MS)
    scene.protect()
    scene.moment()
    vm = scene.cluster.ask(scene.primary, "status")["id"]
    with open(scene.cluster.arbiter_image(), "rb") as area:
        slot = find_slot(area.read(), vm)
    with Announced(scene.lab) as announced:
        scene.cluster.run(scene.primary, f"setsid /root/ftadm vm promote {NAME} "
                                         "</dev/null >/dev/null 2>&1 &")
        wait_accepted(scene, slot)
        scene.lab.kill(scene.secondary)
        scene.cluster.wait_ended(scene.primary)
    if announced.any():
        raise Failure("the winner has run the guest: it was not killed soon enough")
    if "the arbiter: the other side runs the guest" not in scene.cluster.said(scene.primary):
        raise Failure("the side that is left does not say that it has lost")
    scene.lose_clients()
    scene.cluster.revive(scene.secondary)
    if scene.cluster.running():
        raise Failure("somebody runs the guest, and was not told to")
    set_timeout(scene, TIMEOUT_MS)
    start_anew(scene, slot)
