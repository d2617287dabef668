#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Programs of Debian packages, for guests: fetched, unpacked, picked from.

The packages are fetched with apt-get to the cache and unpacked there, never
installed.  Run as a command, it does that for all of them, if need be.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

TESTING = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTING / "lab"))

from ftlab_lib.errors import LabError  # noqa: E402  (the path has to come first)
from ftlab_lib.initramfs import need  # noqa: E402
from ftlab_lib.paths import cache_dir  # noqa: E402

# What the programs below need, libraries included.
PACKAGES = """
libc6 libgcc-s1 libstdc++6 libatomic1 zlib1g
redis-server redis-tools liblzf1 libjemalloc2 libsystemd0 libssl3 libcap2 libgcrypt20
libgpg-error0 liblzma5 libzstd1 liblz4-1
sqlite3 libsqlite3-0 libreadline8 libtinfo6
tcc libc6-dev linux-libc-dev libstb-dev
stress-ng libapparmor1 libbsd0 libmd0 libcrypt1 libegl1 libgles2 libglvnd0 libgbm1 libdrm2
libwayland-server0 libexpat1 libffi8 libipsec-mb1 libjpeg62-turbo libjudydebian1 libkmod2
libsctp1 libxxhash0
fio libaio1 libnuma1 libgfapi0 libgfrpc0 libgfxdr0 libglusterfs0 libacl1 libattr1 libtirpc3
libgssapi-krb5-2 libkrb5-3 libk5crypto3 libkrb5support0 libcom-err2 libkeyutils1 libnbd0
libxml2 libicu72 libgnutls30 libp11-kit0 libidn2-0 libunistring2 libtasn1-6 libnettle8
libhogweed6 libgmp10 libibverbs1 librdmacm1 libnl-3-200 libnl-route-3-200 librados2 librbd1
libboost-iostreams1.74.0 libboost-thread1.74.0 libfmt9 libudev1 libblkid1 libcryptsetup12
libdevmapper1.02.1 libselinux1 libpcre2-8-0 libjson-c5 libargon2-1 libuuid1 libbz2-1.0
libpmem1 libpmemblk1 libndctl6 libdaxctl1
""".split()

LIBRARIES = ("lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu")
LOADER = "ld-linux-x86-64.so.2"
MULTIARCH = "x86_64-linux-gnu"

# What a program opens by its name, as patterns below the root folder.
OPENS = {
    "tcc": (f"usr/lib/{MULTIARCH}/tcc/**/*", f"usr/lib/{MULTIARCH}/crt[1in].o",
            f"usr/lib/{MULTIARCH}/lib[cm].so", f"usr/lib/{MULTIARCH}/libc_nonshared.a",
            f"lib/{MULTIARCH}/libm*.so.*", "usr/include/*.h", "usr/include/stb/*",
            f"usr/include/{MULTIARCH}/bits/**/*", f"usr/include/{MULTIARCH}/sys/*",
            f"usr/include/{MULTIARCH}/gnu/*", f"usr/include/{MULTIARCH}/asm/*",
            "usr/include/asm-generic/*", "usr/include/linux/*.h"),
}


def _folder():
    return cache_dir() / "guest-packages"


def _is_complete(folder):
    listing = folder / "packages"
    return listing.exists() and listing.read_text().split() == PACKAGES


def _download(folder):
    done = subprocess.run([need("apt-get", "apt"), "-qq", "download", *PACKAGES, "-o",
                           "APT::Sandbox::User=root"],
                          cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"cannot fetch the guests' programs: {done.stderr.strip()}",
                       "apt-get update; Debian 12's archive is needed")


def fetch():
    """Fetches and unpacks the packages, unless that was done; returns the root folder."""
    folder = _folder()
    if _is_complete(folder):
        return folder / "root"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".guest-packages.", dir=folder.parent) as temp:
        _download(temp)
        unpacked = pathlib.Path(temp, "unpacked")
        unpacked.mkdir()
        for package in sorted(pathlib.Path(temp).glob("*.deb")):
            subprocess.run([need("dpkg-deb", "dpkg"), "-x", str(package),
                            str(unpacked / "root")], check=True)
        (unpacked / "packages").write_text(" ".join(PACKAGES))
        shutil.rmtree(folder, ignore_errors=True)
        unpacked.rename(folder)
    return folder / "root"


def root():
    """The root folder of the packages, which have to be there."""
    folder = _folder()
    if not _is_complete(folder):
        raise LabError("the guests' programs are not there",
                       "tools/testing/deps.sh workloads")
    return folder / "root"


def _needed(binary):
    done = subprocess.run([need("readelf", "binutils"), "-d", str(binary)],
                          capture_output=True, text=True, check=True)
    return [line.split("[")[1].rstrip("]") for line in done.stdout.splitlines()
            if "(NEEDED)" in line]


def _library(base, name):
    # Some are one folder further down, where ld.so would not look.
    for folder in LIBRARIES:
        for path in (base / folder).glob(f"**/{name}"):
            return path
    raise LabError(f"no package of tools/testing/vmm/packages.py has {name}")


def _closure(base, program):
    """The program's file and those of its libraries."""
    files = {program: base / "usr/bin" / program}
    names = [program]
    while names:
        for name in _needed(files[names.pop()]):
            if name not in files:
                files[name] = _library(base, name)
                names.append(name)
    return files


def _copy(source, target):
    if source.is_dir() or target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source.resolve(), target)


def stage(programs, target):
    """Copies programs, and all that they need to run, to a root folder."""
    base = root()
    for program in programs:
        for name, path in _closure(base, program).items():
            _copy(path, target / ("usr/bin" if name == program else LIBRARIES[0]) / name)
        _copy(base / LIBRARIES[0] / LOADER, target / "lib64" / LOADER)
        for pattern in OPENS.get(program, ()):
            for path in base.glob(pattern):
                _copy(path, target / path.relative_to(base))


if __name__ == "__main__":
    try:
        fetch()
    except LabError as error:
        sys.exit(f"packages.py: {error}")
