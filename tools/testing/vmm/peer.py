# SPDX-License-Identifier: GPL-2.0-only
"""Who talks to a guest over its tap device: what answers it, and what asks it.

The commands are those of the table of workloads, in busybox's shell.  They run in the
lab's client network, as the clients of a guest would, or on the guest's own host, where
everything that happens is repeatable: benchmarks need that.
"""

import contextlib
import shlex
import threading

from host import FOLDER, Failure
from packages import stage

ADDRESS = "192.168.77.1/24"
TAP = "tap0"
CLIENT = "redis-benchmark"      # in a root folder of its own, with its libraries


def _await(file):
    return f"until [ -e {file} ]; do sleep 0.1; done"


class Peer:
    """What both have: run() and prepare() do a shell command where they are, in self.folder."""

    def __init__(self, host):
        self.host = host

    def run(self, command):
        """Runs a shell command; returns its status and what it printed."""
        raise NotImplementedError

    def prepare(self, command):
        """Runs one that has to succeed."""
        status, output = self.run(command)
        if status:
            raise Failure(f"status {status} of {command}: {output}")

    def listen(self, work, size):
        """Begins to answer, before the guest runs."""
        if work.serves:
            length = size * work.serves << 20
            self.prepare(f"head -c {length} /dev/urandom >sent && [ $(wc -c <sent) = {length} ]")
            self.prepare("nc -l -p 5001 -e cat sent </dev/null >/dev/null 2>&1 & echo $! >pid")
        if work.takes:
            blocks = size * work.takes << 4
            self.prepare(f"nc -l -p 5002 -e sh -c 'dd of=taken bs=64k count={blocks} "
                         "iflag=fullblock 2>/dev/null && echo received' </dev/null >/dev/null "
                         "2>&1 & echo $! >pid")

    def stop(self, work, size):
        """That ends; returns the checksum of what the network was to carry."""
        if work.serves:
            return self.run("sha256sum <sent; kill $(cat pid) 2>/dev/null; rm sent")[1].split()[0]
        return self._taken(size * work.takes << 20) if work.takes else None

    def _taken(self, length):
        """The checksum of what the guest has sent, which has arrived as a whole."""
        got, checksum = self.run("kill $(cat pid) 2>/dev/null; wc -c <taken; sha256sum <taken; "
                                 "rm taken")[1].split()[:2]
        if int(got) != length:
            raise Failure(f"the guest's peer was sent {got} bytes, not {length}")
        return checksum

    @staticmethod
    def _question(work, size):
        """The shell command that asks the guest."""
        return f"size={size}; {work.asks}"


class OnHost(Peer):
    """On the host of the guest, which has its tap device for itself."""

    folder = FOLDER

    def run(self, command):
        return self.host.shell(f"cd {FOLDER} && {{ {command}\n}}")

    def bring(self, work):
        """Puts there what the workload's questions need, once."""
        if CLIENT in work.asks and self.host.shell(f"test -d /root/{CLIENT}")[0]:
            stage([CLIENT], self.host.logs / CLIENT)
            self.host.lab.put("a", [str(self.host.logs / CLIENT)], f"/root/{CLIENT}")

    def connect(self):
        """Makes the tap device."""
        self.host.prepare(f"/sbin/ip tuntap add {TAP} mode tap vnet_hdr && /sbin/ip addr add "
                          f"{ADDRESS} dev {TAP} && /sbin/ip link set {TAP} up && "
                          f"{{ [ ! -d /root/{CLIENT} ] || ln -s /root/{CLIENT} {FOLDER}/; }}")

    def question(self, work, size):
        """The command for drive that asks the guest."""
        return f"(cd {FOLDER}; {self._question(work, size)}) 2>&1"

    @contextlib.contextmanager
    def attend(self, _work, _size):
        """Nobody else has to do anything meanwhile."""
        yield


class InClient(Peer):
    """In the lab's client network.  Its hosts have bridges; the guest is on that of its host."""

    ASKED, ANSWER = f"{FOLDER}/asked", f"{FOLDER}/answer"     # files of the host

    def __init__(self, host):
        super().__init__(host)
        self.folder = host.logs / "client"
        self.folder.mkdir(exist_ok=True)
        host.lab.client(["ip", "addr", "replace", ADDRESS, "dev", "client"])

    def run(self, command):
        done = self.host.lab.client(
            ["busybox", "sh", "-c", f"cd {shlex.quote(str(self.folder))} && {{ {command}\n}} 2>&1"],
            timeout=self.host.seconds)
        text = done.stdout.decode(errors="replace")
        self.host.note(f"client: {command}", text, done.status)
        return done.status, text

    def bring(self, work):
        """Puts there what the workload's questions need, once."""
        if CLIENT in work.asks and not (self.folder / CLIENT).exists():
            stage([CLIENT], self.folder / CLIENT)

    def connect(self):
        """Makes the tap device."""
        self.host.lab.tap("a", TAP)

    def question(self, _work, _size):
        """The command for drive that has the client ask the guest."""
        return (f"echo now >{self.ASKED}.new; mv {self.ASKED}.new {self.ASKED}; "
                f"{_await(self.ANSWER)}; cat {self.ANSWER}")

    @contextlib.contextmanager
    def attend(self, work, size):
        """Meanwhile, the client asks when drive says so."""
        if not work.asks:
            yield
            return
        failures = []
        thread = threading.Thread(target=self._ask, args=(work, size, failures))
        thread.start()
        try:
            yield
        finally:
            # The thread may still be waiting: the guest has never come that far.
            self._on_host(f"[ -e {self.ASKED} ] || echo never >{self.ASKED}")
            thread.join()
        if failures:
            raise failures[0]

    def _ask(self, work, size, failures):
        answer = ""
        try:
            if self._on_host(f"{_await(self.ASKED)}; cat {self.ASKED}") != b"now\n":
                return
            _, answer = self.run(self._question(work, size))
        except Exception as error:  # pylint: disable=broad-except  # raised by attend()
            failures.append(error)
        self._on_host(f"cat >{self.ANSWER}.new; mv {self.ANSWER}.new {self.ANSWER}",
                      answer.encode())

    def _on_host(self, command, given=b""):
        return self.host.lab.exec("a", ["sh", "-c", command], input=given, check=True,
                                  timeout=self.host.seconds).stdout
