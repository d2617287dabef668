# SPDX-License-Identifier: GPL-2.0-only
"""Both ftd are killed: the guest stays protected.  Started again, they do what they did before."""

import json

from cluster import HOSTS, NAME, Failure


def check_roles(scene):
    """ftadm knows of the guest, on both sides."""
    for host, role in ((scene.primary, "primary"), (scene.secondary, "secondary")):
        listed = json.loads(scene.cluster.run(host, "/root/ftadm -j vm list"))
        status = json.loads(scene.cluster.run(host, f"/root/ftadm -j vm status {NAME}"))
        roles = [vm["role"] for vm in (*listed, status)]
        if roles != [role, role]:
            raise Failure(f"ftadm on host {host} knows of {roles}, not of a {role}")


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    for host in HOSTS:
        scene.cluster.stop(host, "ftd", "KILL")
    scene.clients.wait_progress()
    scene.cluster.check_protected(scene.primary)
    check_roles(scene)
    for host in HOSTS:
        scene.cluster.start_ftd(host)
    check_roles(scene)
    scene.cluster.unprotect(scene.primary, scene.secondary)
    scene.protect_again()
    scene.expect_protected()
