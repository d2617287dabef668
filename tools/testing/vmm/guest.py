# SPDX-License-Identifier: GPL-2.0-only
"""What ftvmm's test guests boot: a Debian kernel and a small initrd."""

import hashlib
import os
import pathlib
import shutil
import sys

TESTING = pathlib.Path(__file__).resolve().parents[1]
TOP = TESTING.parent.parent
sys.path.insert(0, str(TESTING / "lab"))

from ftlab_lib.initramfs import link_applets, need, pack  # noqa: E402  (the path has to come first)
from ftlab_lib.kernels import Kernel  # noqa: E402
from ftlab_lib.modules import ModuleTree  # noqa: E402

INIT = TESTING / "vmm/guest-init"
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "button",
           "evdev")
FOLDERS = ("bin", "sbin", "dev", "proc", "sys", "etc", "lib/modules", "tmp", "root")


class Guest:
    """A kernel of a Debian release and the initrd for it, in build/vmm/."""

    def __init__(self, name):
        self.kernel = Kernel(name)
        self.name = name
        self._tree = ModuleTree(self.kernel.modules)
        self._modules = self._tree.closure(MODULES)

    @property
    def image(self):
        """The kernel: the bzImage as it is in the package."""
        return self.kernel.image

    @property
    def release(self):
        """What uname -r says in the guest."""
        return self.kernel.release

    def initrd(self):
        """The initrd's path; it is built when there is none for this content."""
        out = TOP / "build/vmm"
        target = out / f"initrd-{self.release}-{self._key()}.cpio"
        if not target.exists():
            root = out / f"root-{self.release}.{os.getpid()}"
            try:
                self._stage(root)
                pack(root, target)
            finally:
                shutil.rmtree(root, ignore_errors=True)
        return target

    def _key(self):
        digest = hashlib.sha256()
        for path in (__file__, INIT, need("busybox", "busybox-static")):
            digest.update(pathlib.Path(path).read_bytes())
        for module in self._modules:
            digest.update(self._tree.data(module))
        return digest.hexdigest()[:16]

    def _stage(self, root):
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True)
        busybox = need("busybox", "busybox-static")
        shutil.copy2(busybox, root / "bin/busybox")
        link_applets(busybox, root / "bin", {"busybox"})
        for module in self._modules:
            (root / f"lib/modules/{module}.ko").write_bytes(self._tree.data(module))
        (root / "etc/modules").write_text("".join(f"{name}\n" for name in self._modules))
        shutil.copy2(INIT, root / "init")
        (root / "init").chmod(0o755)
