# SPDX-License-Identifier: GPL-2.0-only
"""The other host has another build of kvm-ft: it is refused by name, and the guest runs on."""

import re
import tempfile

from cluster import MODULES, TOP, Failure


def other_build(kernel):
    """The module, but for the hash of its sources."""
    module = (TOP / f"build/modules-{kernel}/kvm-ft.ko").read_bytes()
    other, count = re.subn(rb"\0srcversion=[0-9A-F]{23}\0",
                           b"\0srcversion=0123456789ABCDEF0123456\0", module)
    if count != 1:
        raise Failure("kvm-ft.ko does not have one srcversion")
    return other


def run(scene):
    """The scenario."""
    cluster, host = scene.cluster, scene.secondary
    scene.serve()
    with tempfile.NamedTemporaryFile() as file:
        file.write(other_build(scene.lab.config["kernel"]))
        file.flush()
        scene.lab.put(host, [file.name], "/root/kvm-ft-other.ko")
    cluster.unload_modules(host)
    cluster.load_modules(host, [(f"{name}-other" if name == "kvm-ft" else name, parameters)
                                for name, parameters in MODULES])
    scene.expect_refused("MODULE_BUILD")
    cluster.unload_modules(host)
    cluster.load_modules(host)
    scene.protect_again()
    scene.expect_protected()
