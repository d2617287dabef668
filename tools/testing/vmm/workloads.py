# SPDX-License-Identifier: GPL-2.0-only
"""The real programs that guests run: one table for tests, campaign and benchmarks.

What a guest does for each is in guest-workloads, as the word that is the workload's
name.  It checks its own result and powers off early if that is wrong.
"""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Workload:
    """A program, and the machine and the help that it needs.

    short, full, measured: vmm.size= of the tests, of the campaign, and of make bench, 0 if
    it is not measured; what it counts is the guest script's affair.
    memory: of the guest, in MiB.  append: to its command line.  disk: MiB of /dev/vda.
    slow: that is on a disk of the host's which takes its time for each write.
    format: a shell command of the host that makes a file system on $disk.  net: there is
    a tap device.  serves: MiB that it gets at port 5001 of its peer, as a multiple
    of the size; takes: of what it sends to port 5002, likewise.
    asks: a shell command of its peer, with $size, when the guest has said ready.
    expect: patterns in the output.
    says: patterns in what ftvmm says while it records.
    diverges: what is expected of it on a host with nested paging.
    """

    name: str
    short: int
    full: int
    measured: int = 0
    programs: tuple = ()
    modules: tuple = ()
    files: tuple = ()
    memory: int = 128
    append: str = ""
    disk: int = 0
    slow: bool = False
    format: str = "true"
    net: bool = False
    serves: int = 0
    takes: int = 0
    ready: str = ""
    asks: str = ""
    expect: tuple = ()
    says: tuple = ()
    diverges: bool = False

    @property
    def host_modules(self):
        """Stock modules that the host needs."""
        return ("tun", "null_blk", "ext4", "crc32c_generic") if self.slow else ("tun",)


WORKLOADS = (
    Workload("nothing", 1, 1, 1),
    Workload("compute", 1, 100, 5, expect=(r"^the sum is \d+$",)),
    Workload("compile", 2, 100, 5, programs=("tcc",), files=("picture.c",), memory=160,
             expect=("^the picture survived$",)),
    Workload("sqlite", 50, 5000, 100, programs=("sqlite3",), modules=("crc32c_generic", "ext4"),
             disk=16, format="mke2fs -F $disk >/dev/null", expect=("^sum of amount",)),
    Workload("redis", 200, 20000, 500, programs=("redis-server", "redis-cli"), net=True, memory=160,
             ready="redis is up", asks="chroot redis-benchmark /usr/bin/redis-benchmark "
             "-h 192.168.77.2 -q -d 100 -r 1000 -c 10 -t set,get -n $size",
             expect=("^cmdstat_set:", "^cmdstat_get:")),
    Workload("receive", 4, 256, 8, net=True, serves=1, expect=("^received [0-9a-f]{64}",)),
    Workload("send", 4, 256, 8, net=True, takes=1, expect=("^sent [0-9a-f]{64}",)),
    Workload("fio", 1, 64, 1, programs=("fio",), memory=512, disk=64, expect=("^err= 0$",)),
    Workload("resets", 2, 20, disk=16, slow=True, expect=(r"^resets: 0,", r"^resets: [1-9]\d*,"),
             says=("the guest starts again$",)),
    # With random offsets there is an RDTSC, a VM exit, at each return to user space, and QEMU
    # flushes its TLB at an exit: accessed bits would hardly ever differ.
    Workload("stress", 1, 5, programs=("stress-ng",), memory=192, disk=128, diverges=True,
             append="randomize_kstack_offset=off",
             expect=(r"^pages swapped out: [1-9]\d*, in: [1-9]\d*, scanned: [1-9]",
                     r"^pages referenced: [1-9]")),
    Workload("clocks", 1, 20, 1, programs=("stress-ng",), memory=192),
    Workload("flood", 50, 10000, 200, net=True,
             ready="ping me", asks="ping -A -q -s 1000 -c $size 192.168.77.2",
             expect=("^echoes sent:", r"\b0% packet loss")),
    Workload("idle", 5, 60, 60),
)


def workload(name):
    """The one of this name."""
    return next(entry for entry in WORKLOADS if entry.name == name)
