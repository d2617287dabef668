# SPDX-License-Identifier: GPL-2.0-only
"""Somebody puts garbage into the log on its way: the link ends, exactly one host goes on."""

import sys

from cluster import FTD_PORT, HERE, HOSTS, Failure


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    source, target = scene.random.choice((HOSTS, HOSTS[::-1]))
    print(f"# garbage for host {target}", flush=True)
    process = scene.lab.switch_popen([
        sys.executable, str(HERE / "inject"), f"{source}-ftlog", f"{target}-ftlog",
        str(FTD_PORT), str(scene.random.getrandbits(32))])
    try:
        scene.expect_one_host()
    finally:
        process.terminate()
        process.wait()
    if "is lost (Protocol error)" not in scene.cluster.said(target):
        raise Failure(f"host {target} has not found the garbage")
    scene.clients.wait_progress()
    scene.protect_again()
    scene.expect_protected()
