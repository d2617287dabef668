# SPDX-License-Identifier: GPL-2.0-only
"""Both hosts die: the guest is lost; it can be started anew on either, and be protected again."""

from cluster import HOSTS, Failure


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    hosts = list(HOSTS)
    scene.random.shuffle(hosts)
    for host in hosts:
        scene.lab.kill(host)
    scene.lose_clients()
    for host in hosts:
        scene.cluster.revive(host)
    if scene.cluster.running():
        raise Failure("a host that has just booted runs the guest")
    scene.move_to(hosts[0])
    scene.serve()
    scene.protect_again()
    scene.expect_protected()
