# SPDX-License-Identifier: GPL-2.0-only
"""Kernels and modules: unpacking, dependencies, parameters."""

import lzma
import os
import pathlib
import struct
import sys
import tempfile
import unittest
import zlib
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from ftlab_lib import kernels, modules  # noqa: E402
from ftlab_lib.errors import LabError  # noqa: E402

ELF = b"\x7fELF" + bytes(range(256)) * 8


def bzimage(payload):
    """A file with the few fields of the boot protocol that are looked at."""
    data = bytearray(1024)
    data[0x1F1] = 1
    data[0x202:0x206] = b"HdrS"
    struct.pack_into("<II", data, 0x248, 64, len(payload))
    return bytes(data) + bytes(64) + payload + b"trailer"


class Unpacking(unittest.TestCase):
    def test_every_packing(self):
        for payload in (lzma.compress(ELF) + b"size", _gzip(ELF) + b"size", ELF):
            self.assertEqual(kernels.unpack_bzimage(bzimage(payload))[:len(ELF)], ELF)

    def test_what_it_cannot_unpack(self):
        for data in (b"", bytes(4096), bzimage(b"LZO?"), bzimage(lzma.compress(ELF)[:40] + b"xx"),
                     bzimage(lzma.compress(b"not a kernel")), bzimage(b"\xfd7zXZ\0rubbish")):
            self.assertIsNone(kernels.unpack_bzimage(data))


def _gzip(data):
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


class Folders(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.cache = pathlib.Path(temp.name)
        patch = mock.patch.dict(os.environ, {"KVM_FT_CACHE": temp.name})
        patch.start()
        self.addCleanup(patch.stop)
        self.folder = self.cache / "kernels" / "6.12"
        (self.folder / "boot").mkdir(parents=True)
        (self.folder / "boot/vmlinuz-6.12.1-x").write_bytes(bzimage(lzma.compress(ELF)))
        (self.folder / "lib/modules/6.12.1-x/kernel").mkdir(parents=True)

    def test_a_kernel_is_found_and_unpacked_once(self):
        kernel = kernels.Kernel("6.12")
        self.assertEqual(kernel.release, "6.12.1-x")
        image = kernel.boot_image()
        self.assertEqual(image.read_bytes(), ELF)
        before = image.stat().st_mtime_ns
        self.assertEqual(kernel.boot_image().stat().st_mtime_ns, before)

    def test_another_build_of_the_same_release_is_unpacked_again(self):
        first = kernels.Kernel("6.12").boot_image()
        (self.folder / "boot/vmlinuz-6.12.1-x").write_bytes(bzimage(lzma.compress(ELF + b"new")))
        second = kernels.Kernel("6.12").boot_image()
        self.assertNotEqual(first, second)
        self.assertEqual(second.read_bytes(), ELF + b"new")

    def test_a_folder_can_be_given(self):
        self.assertEqual(kernels.Kernel(str(self.folder)).release, "6.12.1-x")

    def test_what_is_missing_is_named(self):
        with self.assertRaisesRegex(LabError, "no kernel '6.1'"):
            kernels.Kernel("6.1")
        (self.folder / "boot/vmlinuz-6.12.2-x").touch()
        with self.assertRaisesRegex(LabError, "more than one"):
            kernels.Kernel("6.12")


class Modules(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.folder = pathlib.Path(temp.name)
        self.module("kvm-amd.ko.xz", b"depends=kvm,ccp", b"parmtype=npt:bool")
        self.module("sub/kvm.ko", b"depends=irqbypass")
        self.module("irqbypass.ko", b"depends=")
        (self.folder / "modules.builtin").write_text("kernel/drivers/crypto/ccp.ko\n")
        self.tree = modules.ModuleTree(self.folder)

    def module(self, name, *info):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        data = b"\x7fELF\0" + b"".join(field + b"\0" for field in info)
        path.write_bytes(lzma.compress(data) if name.endswith(".xz") else data)

    def test_dependencies_come_first_and_builtin_ones_not_at_all(self):
        self.assertEqual(self.tree.closure(["kvm_amd", "kvm", "ccp"]),
                         ["irqbypass", "kvm", "kvm_amd"])

    def test_a_missing_module_is_named_with_who_needs_it(self):
        (self.folder / "irqbypass.ko").unlink()
        with self.assertRaisesRegex(LabError, r"irqbypass \(needed by kvm\)"):
            modules.ModuleTree(self.folder).closure(["kvm-amd"])

    def test_parameters(self):
        self.assertTrue(self.tree.has_parameter("kvm-amd", "npt"))
        self.assertFalse(self.tree.has_parameter("kvm_amd", "np"))
        self.assertFalse(self.tree.has_parameter("ccp", "npt"))

    def test_parameters_of_builtin_modules(self):
        self.assertFalse(self.tree.has_parameter("ccp", "debug"))
        (self.folder / "modules.builtin.modinfo").write_bytes(
            b"ccp.parmtype=debug:int\0ccp.parm=debug:Say more\0")
        self.assertTrue(self.tree.has_parameter("ccp", "debug"))
        self.assertFalse(self.tree.has_parameter("ccp", "bug"))

    def test_paths_lose_their_compression(self):
        self.assertEqual(str(self.tree.path("kvm_amd")), "kvm-amd.ko")
        self.assertEqual(str(self.tree.path("kvm")), "sub/kvm.ko")

    def test_unknown_compression_is_refused(self):
        (self.folder / "odd.ko.zst").write_bytes(b"x")
        with self.assertRaisesRegex(LabError, "compressed"):
            modules.ModuleTree(self.folder).closure(["odd"])


if __name__ == "__main__":
    unittest.main()
