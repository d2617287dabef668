# SPDX-License-Identifier: GPL-2.0-only
"""What ftvmm's test guests boot: a Debian kernel and an initrd, small or with programs."""

import hashlib
import pathlib
import shutil
import sys
import threading

TESTING = pathlib.Path(__file__).resolve().parents[1]
TOP = TESTING.parent.parent
sys.path[:0] = [str(TESTING / "lab"), str(TESTING / "vmm")]

from ftlab_lib.initramfs import link_applets, need, pack  # noqa: E402  (the path has to come first)
from ftlab_lib.kernels import Kernel  # noqa: E402
from ftlab_lib.modules import ModuleTree  # noqa: E402

import packages  # noqa: E402

INIT = TESTING / "vmm/guest-init"
WORKLOADS = TESTING / "vmm/guest-workloads"
MODULES = ("virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng", "button",
           "evdev")
FOLDERS = ("bin", "sbin", "dev", "proc", "sys", "etc", "lib/modules", "tmp", "root")


class Guest:
    """A kernel of a Debian release and the initrd for it, in build/vmm/.

    programs: of packages.py. modules: further ones of the kernel. files: of this folder,
    for /root.
    """

    def __init__(self, name, programs=(), modules=(), files=()):
        self.kernel = Kernel(name)
        self.name = name
        self.programs = programs
        self._files = [TESTING / "vmm" / file for file in files]
        self._tree = ModuleTree(self.kernel.modules)
        self._modules = self._tree.closure(MODULES + tuple(modules))

    @property
    def label(self):
        """Tells guests with other content apart."""
        return "-".join((self.name, *self.programs))

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
            root = out / f"root-{self.release}.{threading.get_native_id()}"
            try:
                self._stage(root)
                pack(root, target)
            finally:
                shutil.rmtree(root, ignore_errors=True)
        return target

    def _key(self):
        digest = hashlib.sha256()
        programs = [packages.root() / "usr/bin" / name for name in self.programs]
        for path in (__file__, INIT, WORKLOADS, packages.__file__, *self._files, *programs,
                     need("busybox", "busybox-static")):
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
        if self.programs:
            packages.stage(self.programs, root)
        for file in self._files:
            shutil.copy2(file, root / "root")
        shutil.copy2(WORKLOADS, root / "bin/workloads")
        shutil.copy2(INIT, root / "init")
        (root / "init").chmod(0o755)
