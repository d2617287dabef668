# SPDX-License-Identifier: GPL-2.0-only
"""Emulated hosts that run one guest between them: how demo and scenarios use them."""

import json
import pathlib
import shlex
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TESTING = HERE.parent
TOP = TESTING.parent.parent
sys.path[:0] = [str(TESTING / "lab"), str(TESTING / "vmm")]

from ftlab_lib import Lab  # noqa: E402  (the path has to come first)
from guest import Guest  # noqa: E402

FTVMM = TOP / "build/ftvmm/ftvmm"
MODULES = ("kvm-ft-lab-pmu", "kvm-ft")
GUEST_MAC = "52:54:00:f7:00:01"     # ftvmm's default
GUEST_ADDRESS = "192.0.2.100"       # guest-workloads, do_serve
GUEST_MEMORY = 160
SECONDS = 300       # real ones, for what should happen soon on a machine that is busy
CONTROL = "/run/guest.sock"
CONSOLE = "/tmp/console"
MESSAGES = "/tmp/messages"


class Failure(Exception):
    """Something is not as it has to be."""


def wait_until(what, happened, seconds=SECONDS, every=0.2):
    """Waits until happened() is true and returns what it returned."""
    end = time.monotonic() + seconds
    while not (result := happened()):
        if time.monotonic() > end:
            raise Failure(f"not within {seconds} s: {what}")
        time.sleep(every)
    return result


class Cluster:
    """The hosts of a lab, prepared to run the guest."""

    def __init__(self, lab, guest_kernel="6.12"):
        self.lab = lab
        self.guest = Guest(guest_kernel, ("redis-server", "redis-cli"))
        for host in lab.config["hosts"]:
            self.prepare(host)

    @staticmethod
    def up(hosts, kernel="6.12", paging="strict", **options):
        """A lab as the guest needs it."""
        return Lab.up(hosts=hosts, kernel=kernel, paging=paging, bridge=True,
                      shared_disks={"guest": 64, "arbiter": 1}, **options)

    def prepare(self, host):
        """Puts on a host what it needs, and loads the modules."""
        folder = TOP / f"build/modules-{self.lab.config['kernel']}"
        self.lab.put(host, [str(FTVMM), *(str(folder / f"{name}.ko") for name in MODULES)],
                     "/root/")
        self.lab.put(host, [str(self.guest.image)], "/root/vmlinuz")
        self.lab.put(host, [str(self.guest.initrd())], "/root/initrd")
        for name in MODULES:
            self.run(host, f"insmod /root/{name}.ko")
        self.lab.tap(host, "tap0")

    def run(self, host, command, timeout=SECONDS):
        """Runs a shell command that has to succeed; returns what it printed."""
        return self.lab.exec(host, ["sh", "-c", command], timeout=timeout,
                             check=True).stdout.decode(errors="replace")

    # The guest

    def start_vmm(self, host, options):
        """Starts ftvmm in the background."""
        self.run(host, f"setsid /root/ftvmm --control {CONTROL} --log {MESSAGES} {options} "
                       f"</dev/null >{CONSOLE} 2>&1 &")

    def boot(self, host):
        """Boots the guest; returns when it serves."""
        self.start_vmm(host, f"-k /root/vmlinuz -i /root/initrd -m {GUEST_MEMORY} "
                             "-a 'quiet vmm.do=serve' --net tap=tap0")
        wait_until(f"the guest on host {host} serves", lambda: self.serves(host))

    def serves(self, host):
        """Does the guest's console say so?"""
        said = self.run(host, f"cat {CONSOLE} {MESSAGES} 2>/dev/null; pidof ftvmm || echo gone")
        if "gone" in said.split():
            raise Failure(f"ftvmm on host {host} has ended: {said.strip()}")
        return "serving" in said

    def ask(self, host, command, **arguments):
        """A request to the guest's ftvmm; returns its reply."""
        request = shlex.quote(json.dumps({"command": command, **arguments}))
        done = self.lab.exec(host, ["sh", "-c", f"/root/ftvmm send {CONTROL} {request}"],
                             timeout=SECONDS)
        try:
            return json.loads(done.stdout)
        except ValueError:
            raise Failure(f"host {host}: {command}: "
                          f"{done.stderr.decode(errors='replace').strip()}") from None
