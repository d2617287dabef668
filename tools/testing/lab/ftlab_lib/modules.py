# SPDX-License-Identifier: GPL-2.0-only
"""Reading kernel modules: which file, which dependencies, which parameters."""

import lzma

from .errors import LabError


def normal(name):
    """Module names treat '-' and '_' alike."""
    return name.replace("-", "_")


class ModuleTree:
    """The modules of one lib/modules/RELEASE folder.

    The packages are unpacked, not installed, so there is no modules.dep: the
    dependencies are read from the modules themselves.
    """

    def __init__(self, folder):
        self.folder = folder
        self._files = {}
        for path in sorted(folder.rglob("*.ko*")):
            self._files.setdefault(normal(path.name.split(".ko")[0]), path)
        self._builtin = set()
        listing = folder / "modules.builtin"
        if listing.exists():
            for line in listing.read_text().splitlines():
                self._builtin.add(normal(line.rsplit("/", 1)[-1].removesuffix(".ko")))
        self._data = {}

    def data(self, name):
        """The module's bytes, decompressed."""
        name = normal(name)
        if name not in self._data:
            path = self._files[name]
            raw = path.read_bytes()
            if path.suffix == ".xz":
                raw = lzma.decompress(raw)
            elif path.suffix != ".ko":
                raise LabError(f"{path}: compressed in a way the lab does not know")
            self._data[name] = raw
        return self._data[name]

    def info(self, name, field):
        """Values of one .modinfo field, such as "depends" or "parm"."""
        key = b"\0" + field.encode() + b"="
        data, values, pos = self.data(name), [], 0
        while (pos := data.find(key, pos)) >= 0:
            start = pos + len(key)
            end = data.index(b"\0", start)
            values.append(data[start:end].decode(errors="replace"))
            pos = end
        return values

    def has_parameter(self, name, parameter):
        """Does the module take this parameter?"""
        if normal(name) in self._builtin:
            listing = self.folder / "modules.builtin.modinfo"
            wanted = f"{normal(name)}.parmtype={parameter}:".encode()
            data = listing.read_bytes() if listing.exists() else b""
            return any(item.startswith(wanted) for item in data.split(b"\0"))
        if normal(name) not in self._files:
            return False
        return any(value.split(":")[0] == parameter for value in self.info(name, "parmtype"))

    def source(self, name):
        """The file the module is read from."""
        return self._files[normal(name)]

    def path(self, name):
        """The module's path below the folder, without compression suffix."""
        path = self._files[normal(name)].relative_to(self.folder)
        return path.with_name(path.name.split(".ko")[0] + ".ko")

    def closure(self, names):
        """The modules in loading order, dependencies first, built-in ones left out."""
        order = []

        def add(name, wanted_by):
            name = normal(name)
            if name in order or name in self._builtin:
                return
            if name not in self._files:
                raise LabError(f"kernel module {name} (needed by {wanted_by}) "
                               f"is not in {self.folder}")
            for line in self.info(name, "depends"):
                for dependency in filter(None, line.split(",")):
                    add(dependency, name)
            order.append(name)

        for name in names:
            add(name, "the lab")
        return order
