# SPDX-License-Identifier: GPL-2.0-only
"""Building the hosts' initramfs: busybox, tc and ip, the agent, some modules."""

import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

from .errors import LabError
from .modules import ModuleTree
from .paths import BUILD, LAB_DIR, cache_dir

# Loaded in every host, in this order, after what they depend on.
MODULES = ("virtio_pci", "virtio_console", "virtio_net", "kvm_amd", "sch_netem")
AGENT_CFLAGS = ("-O2", "-Wall", "-Wextra", "-Werror", "-static")
FOLDERS = ("bin", "sbin", "dev", "etc/ftlab", "lib", "lib64", "proc", "root", "run", "sys",
           "tmp", "usr/bin", "usr/sbin", "usr/lib", "var/log", "var/run")
TOOLS = ("ip", "tc", "bridge")
CACHED = 16  # built files that are kept


def need(tool, package):
    """The path of a program, or a LabError that names its package."""
    path = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise LabError(f"{tool} is not installed", f"apt-get install {package}")
    return path


def build_agent(out=BUILD / "lab"):
    """Compiles the agent unless the one in build/lab is up to date."""
    sources = sorted((LAB_DIR / "agent").glob("*.[ch]"))
    target = out / "ftlab-agent"
    newest = max(source.stat().st_mtime for source in sources)
    if target.exists() and target.stat().st_mtime > newest:
        return target
    out.mkdir(parents=True, exist_ok=True)
    temp = out / f"ftlab-agent.{threading.get_native_id()}"
    files = [str(source) for source in sources if source.suffix == ".c"]
    done = subprocess.run([need(os.environ.get("CC", "gcc"), "gcc libc6-dev"), *AGENT_CFLAGS,
                           "-o", str(temp), *files],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"the host agent does not compile:\n{done.stderr.strip()}",
                       "apt-get install gcc libc6-dev")
    temp.replace(target)
    return target


def libraries(binary):
    """The shared libraries a program loads, its loader included."""
    done = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False)
    paths = set()
    for line in done.stdout.splitlines():
        for word in line.split():
            if word.startswith("/"):
                paths.add(word)
    return sorted(paths)


def link_applets(busybox, folder, present):
    """Have all of busybox's commands in a folder, but those that are present."""
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    for applet in listed.stdout.split():
        if applet not in present:
            (folder / applet).symlink_to("busybox")


def pack(root, target):
    """Make a folder a cpio archive, which appears whole or not at all."""
    names = sorted(str(path.relative_to(root)) for path in root.rglob("*"))
    temp = target.with_name(f"{target.name}.{threading.get_native_id()}")
    with open(temp, "wb") as out:
        subprocess.run([need("cpio", "cpio"), "--quiet", "-o", "-H", "newc", "-R", "0:0"],
                       input="\n".join(names).encode(), stdout=out, cwd=root, check=True)
    temp.replace(target)


class Initramfs:
    """One initramfs: its parts, its place in the cache, how to build it."""

    def __init__(self, kernel, extra_modules=()):
        self.kernel = kernel
        self.tree = ModuleTree(kernel.modules)
        wanted = list(MODULES) + list(extra_modules)
        self.modules = self.tree.closure(wanted)
        self.agent = build_agent()
        self.busybox = need("busybox", "busybox-static")
        if b"statically linked" not in self._describe(self.busybox):
            raise LabError(f"{self.busybox} is not a static binary",
                           "apt-get install busybox-static")
        self.tools = [need(tool, "iproute2") for tool in TOOLS]
        self.tool_files = sorted({lib for tool in self.tools for lib in libraries(tool)})

    @staticmethod
    def _describe(path):
        linked = libraries(path)
        return b"dynamic" if linked else b"statically linked"

    def path(self):
        """The built file, from the cache when there is one for this content."""
        target = cache_dir() / "initramfs" / f"{self.kernel.release}-{self._key()}.cpio"
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix="ftlab-initramfs-") as temp:
                root = pathlib.Path(temp) / "root"
                self._stage(root)
                pack(root, target)
            self._forget_old(target.parent)
        os.utime(target)  # in use
        return target

    @staticmethod
    def _forget_old(folder):
        built = sorted(folder.glob("*.cpio"), key=lambda path: path.stat().st_mtime)
        for path in built[:-CACHED]:
            path.unlink(missing_ok=True)

    def _key(self):
        digest = hashlib.sha256(self.kernel.release.encode())
        for path in (__file__, self.agent, LAB_DIR / "init", LAB_DIR / "console-shell"):
            digest.update(pathlib.Path(path).read_bytes())
        for path in [self.busybox, *self.tools, *self.tool_files]:
            info = os.stat(path)
            digest.update(f"{path} {info.st_size} {info.st_mtime_ns}\n".encode())
        for name in self.modules:
            info = os.stat(self.tree.source(name))
            digest.update(f"{name} {info.st_size} {info.st_mtime_ns}\n".encode())
        return digest.hexdigest()[:16]

    def _stage(self, root):
        for folder in FOLDERS:
            (root / folder).mkdir(parents=True, exist_ok=True)
        (root / "tmp").chmod(0o1777)
        shutil.copy2(LAB_DIR / "init", root / "init")
        shutil.copy2(LAB_DIR / "console-shell", root / "bin/ftlab-console")
        shutil.copy2(self.agent, root / "bin/ftlab-agent")
        shutil.copy2(self.busybox, root / "bin/busybox")
        self._stage_tools(root)
        link_applets(self.busybox, root / "bin",
                     {os.path.basename(tool) for tool in self.tools} | {"busybox"})
        (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n"
                                         "nobody:x:65534:65534:nobody:/:/bin/false\n")
        (root / "etc/group").write_text("root:x:0:\nkvm:x:104:\nnogroup:x:65534:\n")
        self._stage_modules(root)

    def _stage_tools(self, root):
        for source in self.tool_files:
            target = root / source.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        for tool in self.tools:
            shutil.copy2(tool, root / "sbin" / os.path.basename(tool))

    def _stage_modules(self, root):
        base = root / "lib/modules" / self.kernel.release
        for name in self.modules:
            target = base / self.tree.path(name)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(self.tree.data(name))
        for listing in self.kernel.modules.glob("modules.*"):
            shutil.copy2(listing, base / listing.name)
        subprocess.run([need("depmod", "kmod"), "-b", str(root), self.kernel.release], check=True)
        for listing in base.glob("modules.*"):
            if listing.name not in ("modules.dep", "modules.builtin"):
                listing.unlink()
        (root / "etc/ftlab/modules").write_text("".join(f"{m}\n" for m in self.modules))
