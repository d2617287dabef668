# SPDX-License-Identifier: GPL-2.0-only
"""Finding a kernel for the hosts, and making it quick to boot."""

import lzma
import pathlib
import shutil
import struct
import subprocess
import threading
import zlib

from .errors import LabError
from .paths import cache_dir


class Kernel:
    """An unpacked kernel package: boot/vmlinuz-* and lib/modules/*."""

    def __init__(self, name):
        self.name = name
        self.folder = pathlib.Path(name) if "/" in name else cache_dir() / "kernels" / name
        images = sorted(self.folder.glob("boot/vmlinuz-*"))
        if len(images) != 1:
            raise LabError(
                f"no kernel {name!r}: {self.folder} "
                + ("has more than one" if images else "has no")
                + " boot/vmlinuz-*",
                f"run tools/testing/deps.sh {'debug' if name == 'debug' else 'lab-' + name}",
            )
        self.image = images[0]
        self.release = self.image.name.removeprefix("vmlinuz-")
        self.modules = self.folder / "lib" / "modules" / self.release
        if not self.modules.is_dir():
            raise LabError(f"kernel {name!r} has no modules: {self.modules} is missing")

    def boot_image(self):
        """What QEMU is given: the ELF kernel where it can be had, else the bzImage.

        An emulated CPU needs seconds to unpack a bzImage; here it takes one, once.
        """
        target = cache_dir() / "vmlinux" / f"vmlinux-{self.release}-{self._stamp()}"
        if target.exists():
            return target
        vmlinux = unpack_bzimage(self.image.read_bytes())
        if vmlinux is None:
            return self.image
        target.parent.mkdir(parents=True, exist_ok=True)
        temp = target.with_name(f"{target.name}.{threading.get_native_id()}")
        temp.write_bytes(vmlinux)
        temp.replace(target)
        return target

    def _stamp(self):
        info = self.image.stat()
        return f"{zlib.crc32(f'{info.st_size}:{info.st_mtime_ns}'.encode()):08x}"


def unpack_bzimage(data):
    """The ELF kernel inside a bzImage (boot protocol 2.08 on), or None."""
    if len(data) < 0x250 or data[0x202:0x206] != b"HdrS":
        return None
    setup_sectors = data[0x1F1] or 4
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    payload = data[start:start + length]
    unpacked = _decompress(payload)
    return unpacked if unpacked and unpacked[:4] == b"\x7fELF" else None


def _decompress(payload):
    unpacker = None
    try:
        if payload[:6] == b"\xfd7zXZ\0":
            unpacker = lzma.LZMADecompressor()
        if payload[:2] == b"\x1f\x8b":
            unpacker = zlib.decompressobj(31)
        if unpacker:
            data = unpacker.decompress(payload)
            return data if unpacker.eof else None
        if payload[:4] == b"\x28\xb5\x2f\xfd" and shutil.which("zstd"):
            # The kernel's build appends the unpacked size, four bytes.
            done = subprocess.run(["zstd", "-dcq"], input=payload[:-4],
                                  capture_output=True, check=False)
            return done.stdout if done.returncode == 0 else None
    except (lzma.LZMAError, zlib.error):
        return None
    return payload if payload[:4] == b"\x7fELF" else None
