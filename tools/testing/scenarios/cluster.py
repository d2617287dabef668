# SPDX-License-Identifier: GPL-2.0-only
"""Emulated hosts that run one guest between them: how demo and scenarios use them."""

import json
import pathlib
import re
import shlex
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
TESTING = HERE.parent
TOP = TESTING.parent.parent
sys.path[:0] = [str(TESTING / "lab"), str(TESTING / "vmm")]

from ftlab_lib import Lab  # noqa: E402  (the path has to come first)
from ftlab_lib.qemu import shared_disk  # noqa: E402
from guest import Guest  # noqa: E402
from host import COMPACTS  # noqa: E402

PROGRAMS = [TOP / "build" / path for path in ("ftvmm/ftvmm", "ftd/ftd", "ftadm/ftadm",
                                            "arbiter/ft-arbiter")]
# The clocks of two hosts drift apart (Documentation/lab.rst), so time-outs are generous.
TIMEOUT_MS = 4000
MODULES = (("kvm-ft-lab-pmu", ""), ("kvm-ft", ""),
           ("kvm-ft-tcp", f"log_interface=ftlog failure_timeout_ms={TIMEOUT_MS} "
                          "heartbeat_ms=200"))
ARBITER = "/dev/shared/arbiter"
DISK = "/dev/shared/guest"
NAME = "guest"
HOSTS = ("a", "b")                  # of a lab for scenarios
GUEST_ADDRESS = "192.0.2.100"       # guest-workloads, do_serve
GUEST_MEMORY = 160
SECONDS = 300       # real ones, for what should happen soon on a machine that is busy
CONTROL = f"/run/kvm-ft/vm/{NAME}.sock"
CONSOLE = "/tmp/console"            # of the guest that booted there
MESSAGES = "/tmp/messages"          # of its ftvmm
SECONDARY = f"/var/log/kvm-ft/{NAME}.log"   # all that a secondary says
EVENTS = "/tmp/events"              # of ftvmm
FTD_LOG = "/tmp/ftd.log"
FTD_PORT = 7680


class Failure(Exception):
    """Something is not as it has to be."""


class Refused(Failure):
    """A request was not granted."""


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
        self.guest = Guest(guest_kernel, ("redis-server", "redis-cli"),
                           ("crc32c_generic", "ext4"))
        hosts = lab.status()["hosts"]
        self.log_address = {host["name"]: host["nics"]["ftlog"]["address"] for host in hosts}
        for host in lab.config["hosts"]:
            self.prepare(host)
        self.run(lab.config["hosts"][0], f"/root/ft-arbiter format {ARBITER}")

    @staticmethod
    def up(hosts, kernel="6.12", paging="strict", **options):
        """A lab as the guest needs it."""
        return Lab.up(hosts=hosts, kernel=kernel, paging=paging, bridge=True,
                      shared_disks={"guest": 64, "arbiter": 1}, **options)

    def prepare(self, host):
        """Puts on a host what it needs, and loads the modules."""
        folder = TOP / f"build/modules-{self.lab.config['kernel']}"
        self.lab.put(host, [*map(str, PROGRAMS),
                            *(str(folder / f"{name}.ko") for name, _ in MODULES)], "/root/")
        self.load_modules(host)
        self.run(host, f"echo 0 >{COMPACTS}")
        self.lab.tap(host, "tap0")
        self.start_ftd(host)

    def load_modules(self, host, modules=MODULES):
        """Loads what kvm-ft needs."""
        for name, parameters in modules:
            self.run(host, f"insmod /root/{name}.ko {parameters}")

    def unload_modules(self, host):
        """Unloads that."""
        for name, _ in reversed(MODULES):
            self.run(host, f"rmmod {name}")

    def revive(self, host):
        """Boots a dead host again, and prepares it."""
        self.lab.start(host)
        self.prepare(host)

    def start_ftd(self, host, secret="the hosts of this lab all know this"):
        """Starts the daemon, which pairs hosts."""
        peers = "\n".join(f"{peer} = {address}" for peer, address in self.log_address.items()
                          if peer != host)
        settings = (f"interface = ftlog\naddress = {self.log_address[host]}\n"
                    "ftvmm = /root/ftvmm\nftvmm-option = --counter lab\n"
                    f"ftvmm-option = --arbiter {ARBITER}\n[hosts]\n{peers}\n")
        self.run(host, "mkdir -p /etc/kvm-ft && umask 077 && "
                       f"echo {shlex.quote(secret)} >/etc/kvm-ft/secret && "
                       f"echo {shlex.quote(settings)} >/etc/kvm-ft/ftd.conf && "
                       f"setsid /root/ftd </dev/null >>{FTD_LOG} 2>&1 &")
        wait_until(f"ftd on host {host} answers", lambda: self.lab.exec(
            host, ["/root/ftadm", "host", "list"]).status == 0)

    def stop(self, host, program, signal="TERM"):
        """Ends a program; returns when it has ended."""
        self.run(host, f"kill -{signal} $(pidof {program})")
        self.wait_ended(host, program)

    def wait_ended(self, host, program="ftvmm"):
        """Waits until no such program runs on a host."""
        wait_until(f"{program} on host {host} has ended",
                   lambda: not self.has_process(host, program))

    def has_process(self, host, program="ftvmm"):
        """Does such a program run there?"""
        return self.lab.exec(host, ["pidof", program]).status == 0

    def run(self, host, command, timeout=SECONDS):
        """Runs a shell command that has to succeed; returns what it printed."""
        return self.lab.exec(host, ["sh", "-c", command], timeout=timeout,
                             check=True).stdout.decode(errors="replace")

    # The guest

    def start_vmm(self, host, options):
        """Starts ftvmm in the background."""
        self.run(host, f"setsid /root/ftvmm --name {NAME} --control {CONTROL} "
                       f"--log {MESSAGES} --arbiter {ARBITER} --counter lab {options} "
                       f"</dev/null >{CONSOLE} 2>&1 &")

    def boot(self, host):
        """Boots the guest; returns when it serves."""
        self.power_on(host)
        self.wait_serving(host)

    def power_on(self, host):
        """Lets the guest begin to boot, with an empty disk."""
        self.lab.put(host, [str(self.guest.image)], "/root/vmlinuz")
        self.lab.put(host, [str(self.guest.initrd())], "/root/initrd")
        self.run(host, f"mke2fs -F {DISK} >/dev/null")
        # What the guest before has said, on whichever host it had booted, is not this one's.
        for other in self.up_hosts():
            self.run(other, f"rm -f {CONSOLE}")
        self.start_vmm(host, f"-k /root/vmlinuz -i /root/initrd -m {GUEST_MEMORY} "
                             f"-a 'quiet vmm.do=serve' --net tap=tap0 --disk {DISK},shared")

    def wait_serving(self, host):
        """Waits until the guest on a host serves, wherever it has begun to boot."""
        wait_until(f"the guest on host {host} serves", lambda: self.serves(host))

    def power_off(self, host):
        """Presses the guest's power button; returns when it has shut down."""
        self.ask(host, "power")
        self.wait_ended(host)

    def check_disk(self):
        """The file system on the guest's disk, which is off, is without fault."""
        done = subprocess.run(["e2fsck", "-f", "-n", self.disk_image()], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode:
            raise Failure(f"the guest's file system is damaged: {done.stdout}")

    def stored_values(self):
        """The last value of each key that redis has on the guest's disk, which is off."""
        log = subprocess.run(
            ["debugfs", "-R", "cat /appendonlydir/appendonly.aof.1.incr.aof", self.disk_image()],
            check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode()
        return {key: int(value) for key, value in re.findall(
            r"\r\nSET\r\n\$\d+\r\n(\w+)\r\n\$\d+\r\n(\d+)\r\n", log)}

    def disk_image(self):
        """The guest's disk as a file of this machine."""
        return shared_disk(self.lab.config, "guest")

    def arbiter_image(self):
        """The arbiter's area, likewise."""
        return shared_disk(self.lab.config, "arbiter")

    def serves(self, host):
        """Does the guest's console say so?"""
        said = self.run(host, f"cat {CONSOLE} {MESSAGES} {SECONDARY} 2>/dev/null; "
                              "pidof ftvmm || echo gone")
        if "gone" in said.split():
            raise Failure(f"ftvmm on host {host} has ended: {said.strip()}")
        return "serving" in said

    def messages(self, host):
        """All that the programs of a host have said."""
        return self.run(host, f"tail -n +1 {CONSOLE} {MESSAGES} {SECONDARY} {EVENTS} {FTD_LOG} "
                              "2>/dev/null || :")

    def said(self, host):
        """What the ftvmm of a host has said since the scenario began."""
        return self.run(host, f"cat {MESSAGES} {SECONDARY} 2>/dev/null || :")

    def divergences(self, host):
        """How often a secondary of this host has said that it had diverged."""
        said = self.run(host, f"cat {SECONDARY} 2>/dev/null || :")
        return said.count("the replay has diverged")

    def forget_messages(self, host):
        """What the programs of a host have said so far."""
        self.run(host, f"for file in {MESSAGES} {SECONDARY} {FTD_LOG}; do "
                       "[ ! -e $file ] || : >$file; done")

    def follow_events(self, host):
        """Has the events of the ftvmm on a host kept."""
        self.run(host, f"setsid /root/ftvmm send {CONTROL} events </dev/null >{EVENTS} 2>&1 &")
        wait_until(f"events of host {host}", lambda: self.run(host, f"cat {EVENTS} 2>/dev/null || :"))

    def events(self, host):
        """The events so far, the reply to the request left out."""
        lines = self.run(host, f"cat {EVENTS}").splitlines()
        return [json.loads(line) for line in lines[1:]]

    def wait_event(self, host, name, seconds=SECONDS):
        """Waits for an event of the ftvmm on a host, and returns it."""
        def look():
            events = {event["event"]: event for event in self.events(host)}
            if name not in events and events.get("state", {}).get("state") == "ended":
                raise Failure(f"the guest's ftvmm on host {host} has ended: "
                              f"{events['state']['reason']}")
            return events.get(name)

        return wait_until(f"the event {name!r} on host {host}", look, seconds)

    def check_protected(self, primary):
        """Is the guest protected?  Returns the status of its primary."""
        status = self.ask(primary, "status")
        if status["role"] != "primary":
            raise Failure(f"the guest on host {primary} is not protected any more")
        return status

    def protect(self, primary, secondary):
        """Has a host follow the guest; returns the reply."""
        reply = self.ask_to_protect(primary, secondary)
        self.follow_events(secondary)
        return reply

    def ask_to_protect(self, primary, secondary):
        """The request alone; returns the reply.  Refused is what is raised if it says no."""
        done = self.lab.exec(primary, ["/root/ftadm", "-j", "vm", "protect", NAME, "--secondary",
                                       secondary], timeout=SECONDS)
        if done.status:
            raise Refused(f"host {primary} cannot protect the guest to {secondary}: "
                          + (done.stdout + done.stderr).decode(errors="replace"))
        return json.loads(done.stdout)

    def unprotect(self, primary, secondary):
        """Ends the secondary; returns when it has ended."""
        self.run(primary, f"/root/ftadm vm unprotect {NAME}")
        self.wait_ended(secondary)

    def up_hosts(self):
        """The hosts that are alive."""
        return [host["name"] for host in self.lab.status()["hosts"] if host["state"] == "up"]

    def running(self):
        """The hosts that run the guest, but for secondaries, which only follow."""
        return [host for host in self.up_hosts() if self.runs(host)]

    def runs(self, host):
        """Does the guest run on a host?"""
        if self.lab.exec(host, ["test", "-S", CONTROL]).status:
            return False
        try:
            status = self.ask(host, "status")
        except Failure:
            return False    # ftvmm has ended
        return status["state"] == "running" and status["role"] != "secondary"

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
