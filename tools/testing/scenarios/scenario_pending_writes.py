# SPDX-License-Identifier: GPL-2.0-only
"""The primary's host dies amid many synchronous writes: all that was acknowledged is on the disk.

redis answers only when a write is on the disk.  After the takeover the guest is powered off;
then its disk is looked at from outside: its file system, and each client's last value.
"""

from cluster import Failure

CONNECTIONS = 8


def run(scene):
    """The scenario."""
    scene.protect(redis_connections=CONNECTIONS, redis_pause=0)
    scene.moment()
    scene.lab.kill(scene.primary)
    scene.cluster.wait_event(scene.secondary, "live")
    redis = scene.clients.named("redis")
    scene.expect_unharmed(scene.secondary)
    scene.power_off()
    scene.cluster.check_disk()
    stored = scene.cluster.stored_values()
    acknowledged = {f"key{i}": value for i, value in enumerate(redis.report["acknowledged"])}
    print(f"# acknowledged: {acknowledged}", flush=True)
    for key, value in acknowledged.items():
        if not value or stored.get(key, 0) < value:
            raise Failure(f"{key}: {value} was acknowledged, {stored.get(key)} is on the disk")
