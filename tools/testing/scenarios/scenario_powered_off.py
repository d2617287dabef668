# SPDX-License-Identifier: GPL-2.0-only
"""A protected guest powers off: it is off on both hosts, and nobody takes it over."""

from cluster import Failure


def run(scene):
    """The scenario."""
    scene.protect()
    scene.moment()
    scene.stop_clients()
    scene.power_off()
    scene.cluster.wait_ended(scene.secondary)
    if "is lost" in scene.cluster.said(scene.secondary):
        raise Failure("the secondary took its primary for lost")
    scene.cluster.check_disk()
