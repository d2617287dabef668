# SPDX-License-Identifier: GPL-2.0-only
"""An emulated host that runs ftvmm: how tests and benchmarks use it."""

import pathlib
import re
import shlex
import sys

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[2]
sys.path.insert(0, str(HERE.parent / "lab"))

from ftlab_lib import LabError  # noqa: E402  (the path has to come first)

PROGRAM = TOP / "build/ftvmm/ftvmm"
FOLDER = "/tmp/work"    # on the host: disks and recordings of workloads
SECONDS = 900   # real ones, for a guest to do what it is told on a machine that is busy
MODULES = ("kvm-ft-lab-pmu", "kvm-ft")
COMPACTS = "/proc/sys/vm/compact_unevictable_allowed"   # see ftvmm check, MIGRATION

# What a guest's kernel says if something is wrong with the machine.
COMPLAINTS = re.compile(r"WARNING:|BUG:|Oops|Call Trace|cannot load|Firmware Bug|ACPI Error"
                        r"|Initramfs unpacking failed")


class Failure(Exception):
    """A test has found something wrong."""


class Undecided(Failure):
    """It may be the emulator that is wrong: Documentation/determinism.rst, "Open"."""


# OF, SF, AF and PF: QEMU leaves them after BT as the block of code has it that it made of
# the instructions before, and where that begins depends on interrupts and breakpoints.
UNDEFINED_FLAGS = 0x894
REGISTER = re.compile(r"([A-Z0-9]+) +log ([0-9a-f]+) guest ([0-9a-f]+)  differs")


def replay_failure(status, said):
    """What to raise after a replay that has failed; said: its messages."""
    reason = f"the replay ended with status {status}: {said}"
    differ = REGISTER.findall(said)
    if ("entries: registers" in said and [name for name, _, _ in differ] == ["RFLAGS"] and
            not (int(differ[0][1], 16) ^ int(differ[0][2], 16)) & ~UNDEFINED_FLAGS):
        return Undecided(f"flags differ that BT leaves undefined on QEMU; {reason}")
    return Failure(reason)


def expect(output, pattern):
    """The match of a pattern that has to be in the output."""
    match = re.search(pattern, output, re.MULTILINE)
    if not match:
        raise Failure(f"no line like {pattern!r} in the output")
    return match


class Host:
    """The emulated host: how tests use it."""

    def __init__(self, lab, logs, seconds=SECONDS):
        self.lab = lab
        self.seconds = seconds
        self.logs = logs
        self.files = {}
        self.log = None
        modules = [str(TOP / f"build/modules-{lab.config['kernel']}/{name}.ko") for name in MODULES]
        lab.put("a", [str(PROGRAM), str(HERE / "drive"), *modules], "/root/")
        for name in MODULES:
            loaded = lab.exec("a", ["insmod", f"/root/{name}.ko"])
            if loaded.status:
                raise LabError(f"cannot load {name}.ko: {loaded.stderr.decode()}")
        lab.exec("a", ["sh", "-c", f"echo 0 >{COMPACTS}"], check=True)

    def bring(self, guest):
        """Puts the guest's files on the host, once."""
        if guest.label in self.files:
            return
        names = f"/root/vmlinuz-{guest.name}", f"/root/initrd-{guest.label}"
        if names[0] not in (kernel for kernel, _ in self.files.values()):
            self.lab.put("a", [str(guest.image)], names[0])
        self.lab.put("a", [str(guest.initrd())], names[1])
        self.files[guest.label] = names

    def shell(self, command):
        """Runs a shell command; returns its status and what it printed."""
        done = self.lab.exec("a", ["sh", "-c", f"{{ {command}\n}} 2>&1"], timeout=self.seconds)
        text = done.stdout.decode(errors="replace").replace("\r", "")
        self.note(command, text, done.status)
        return done.status, text

    def note(self, command, text, status):
        """Writes to the log what was done, and what came of it."""
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(f"# {command}\n{text}# status {status}\n")

    def prepare(self, command):
        """Runs a shell command that has to succeed."""
        status, output = self.shell(command)
        if status:
            raise Failure(f"status {status} of {command}: {output}")

    def run(self, guest, words, options="", on=(), done=True):
        """Runs a guest until it ends; returns all that was printed.

        words: what guest-init does. options: for ftvmm. on: (text, command) for drive.
        done: it has to get to its end.
        """
        kernel, initrd = self.files[guest.label]
        append = f"quiet vmm.do={','.join(words)}"
        steps = "".join(f"--on {shlex.quote(text)} {shlex.quote(command)} "
                        for text, command in on)
        status, output = self.shell(
            f"sh /root/drive {steps} -- /root/ftvmm -k {kernel} -i {initrd} -m 256 "
            f"-a '{append}' {options}")
        if status:
            raise Failure(f"ftvmm ended with status {status}")
        complaint = COMPLAINTS.search(output)
        if complaint:
            raise Failure(f"the guest complains: {complaint[0]}")
        if done and "all done" not in output:
            raise Failure("the guest did not get to its end")
        return output
