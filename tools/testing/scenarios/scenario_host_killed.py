# SPDX-License-Identifier: GPL-2.0-only
"""The primary's host dies under load: the guest goes on, and its clients notice nothing."""

from client_side import Announced
from cluster import GUEST_ADDRESS


def run(scene):
    """The scenario.  The guest claimed its address before the snapshot: the secondary knows."""
    scene.protect()
    scene.moment()
    with Announced(scene.lab) as announced:
        scene.lab.kill(scene.primary)
        scene.expect_takeover()
        announced.wait(f"arp {GUEST_ADDRESS}")
