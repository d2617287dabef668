# SPDX-License-Identifier: GPL-2.0-only
"""The primary's host dies during the snapshot: no half guest ever runs.

What is not protected yet is lost with its host.  If the snapshot was complete by then, the
guest goes on.
"""

from cluster import Failure, wait_until
from ftlab_lib import LabError


def run(scene):
    """The scenario."""
    future = scene.begin_snapshot(120)
    protected = future.done()
    scene.lab.kill(scene.primary)
    try:
        future.result()
    except LabError:
        pass    # the command has ended with its host
    wait_until("the secondary runs the guest, or has ended", lambda: scene.cluster.running() or
               not scene.cluster.has_process(scene.secondary))
    if scene.cluster.running():
        print("# the snapshot was complete", flush=True)
        scene.expect_unharmed(scene.secondary)
        return
    if protected:
        raise Failure("the guest was protected, and is lost")
    print("# lost with its host: it was not protected yet", flush=True)
    scene.lose_clients()
    scene.cluster.boot(scene.secondary)
