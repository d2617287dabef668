# SPDX-License-Identifier: GPL-2.0-only
"""The primary's host dies while its guest boots: it goes on booting on the other one."""

from cluster import wait_until


def run(scene):
    """The scenario."""
    scene.power_off()
    scene.cluster.power_on(scene.primary)
    wait_until("the guest runs", scene.cluster.running)
    scene.cluster.protect(scene.primary, scene.secondary)
    scene.moment()
    if scene.cluster.serves(scene.primary):
        print("# it had booted already", flush=True)
    scene.lab.kill(scene.primary)
    scene.cluster.wait_event(scene.secondary, "live")
    scene.cluster.wait_serving(scene.secondary)
    scene.start_clients()
    scene.expect_unharmed(scene.secondary)
