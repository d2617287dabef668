# SPDX-License-Identifier: GPL-2.0-only
"""The host of a guest without protection dies: its clients notice all that is lost.

This is what shows that the other scenarios can fail.  The guest that is started afresh on
another host answers at the address of the first one.
"""

from cluster import Failure, wait_until


def run(scene):
    """The scenario."""
    scene.serve(patience=10)
    clients = scene.clients
    clients.check()
    scene.lab.kill(scene.primary)
    wait_until("each client loses its connections", lambda: all(
        report["connections_lost"] >= len(report["progress"])
        for report in clients.reports().values()))
    scene.cluster.boot(scene.secondary)
    before = {name: sum(report["progress"]) for name, report in clients.reports().items()}
    wait_until("each client reaches the new guest", lambda: all(
        sum(report["progress"]) > before[name] for name, report in clients.reports().items()))
    harm = scene.stop_clients()
    if not harm["acked_writes_lost"]:
        raise Failure("a redis that began anew has lost no acknowledged write?")
