# SPDX-License-Identifier: GPL-2.0-only
"""Who talks to a guest over its tap device: what answers it, and what asks it.

The commands are those of the table of workloads, in busybox's shell.  They run in the
lab's client network, as the clients of a guest would, or on the guest's own host, where
everything that happens is repeatable: benchmarks need that.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import threading

from host import FOLDER, Failure
from packages import stage
from ftlab_lib import LabError

ADDRESS = "192.168.77.1/24"
TAP = "tap0"
CLIENT = "redis-benchmark"      # in a root folder of its own, with its libraries


class Peer:
    """What both have: run() does a shell command where they are, in self.folder."""

    def __init__(self, host):
        self.host = host

    def run(self, command):
        """Runs a shell command; returns its status and what it printed."""
        raise NotImplementedError

    def start(self, command):
        """Starts one that runs beside the guest, until end()."""
        raise NotImplementedError

    def end(self):
        """Ends what start() has started, if it runs."""
        raise NotImplementedError

    def listen(self, work, size):
        """Begins to answer, before the guest runs."""
        if work.serves:
            length = size * work.serves << 20
            status, output = self.run(f"head -c {length} /dev/urandom >sent && "
                                      f"[ $(wc -c <sent) = {length} ]")
            if status:
                raise Failure(f"no room for what the guest is to be sent: {output}")
            self.start("nc -l -p 5001 -e cat sent")
        if work.takes:
            blocks = size * work.takes << 4
            self.run(": >taken")
            self.start(f"nc -l -p 5002 -e sh -c 'dd of=taken bs=64k count={blocks} "
                       "iflag=fullblock 2>/dev/null && echo received'")

    def stop(self, work, size):
        """That ends; returns the checksum of what the network was to carry."""
        if not work.serves and not work.takes:
            return None
        self.end()
        name = "sent" if work.serves else "taken"
        status, output = self.run(f"wc -c <{name} && sha256sum <{name} && rm {name}")
        if status:
            raise Failure(f"nothing is left of what the network was to carry: {output}")
        length, checksum = output.split()[:2]
        if work.takes and int(length) != size * work.takes << 20:
            raise Failure(f"the guest has sent {length} bytes, not {size * work.takes << 20}")
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

    def start(self, command):
        self.run(f"{command} </dev/null >/dev/null 2>&1 & echo $! >pid")

    def end(self):
        self.run("kill $(cat pid) 2>/dev/null")

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
        self._server = None
        self._lock = threading.Lock()
        self._asking = None             # under the lock: it may be signalled
        self._dismissed = False
        done = host.lab.client(["ip", "addr", "replace", ADDRESS, "dev", "client"])
        if done.status:
            raise LabError(f"the client gets no address: {done.stderr.decode()}")

    def _popen(self, command, **options):
        # A session of its own: all that it starts can be ended with it.
        return self.host.lab.client_popen(
            ["busybox", "sh", "-c", f"cd {shlex.quote(str(self.folder))} && {{ {command}\n}}"],
            start_new_session=True, stdin=subprocess.DEVNULL, **options)

    def run(self, command):
        with self._popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                return self._finish(process, command)
            except BaseException:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                raise

    def _finish(self, process, command):
        text = process.stdout.read().decode(errors="replace")
        with self._lock:
            status = process.wait()
            self._asking = None
        self.host.note(f"client: {command}", text, status)
        return status, text

    def start(self, command):
        self._server = self._popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self):
        # Not waited for before, so that the number is still its own.
        os.killpg(self._server.pid, signal.SIGKILL)
        self._server.wait()

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
                f"until [ -e {self.ANSWER} ] || ! kill -0 $pid; do sleep 0.1; done; "
                f"cat {self.ANSWER}")

    @contextlib.contextmanager
    def attend(self, work, size):
        """Meanwhile, the client asks when drive says so."""
        if not work.asks:
            yield
            return
        self._dismissed = False
        failures = []
        thread = threading.Thread(target=self._ask, args=(work, size, failures))
        thread.start()
        try:
            yield
        finally:
            self._dismiss(thread)
            if failures:
                raise failures[0]

    def _dismiss(self, thread):
        """The guest has ended: nobody is asked any more."""
        try:
            self._on_host(f"[ -e {self.ASKED} ] || echo never >{self.ASKED}")
        finally:
            with self._lock:
                self._dismissed = True
                if self._asking:
                    os.killpg(self._asking.pid, signal.SIGKILL)
            thread.join()

    def _ask(self, work, size, failures):
        try:
            asked = self._on_host(f"until [ -e {self.ASKED} ]; do sleep 0.1; done; "
                                  f"cat {self.ASKED}")
            if asked != b"now\n":
                return
            answer = ""
            try:
                answer = self._ask_now(self._question(work, size))
            finally:
                # Whatever happened: the guest would be waited for in vain.
                self._on_host(f"cat >{self.ANSWER}.new; mv {self.ANSWER}.new {self.ANSWER}",
                              answer.encode())
        except (LabError, OSError) as error:
            failures.append(error)

    def _ask_now(self, command):
        with self._lock:
            if self._dismissed:
                return ""
            self._asking = process = self._popen(command, stdout=subprocess.PIPE,
                                                 stderr=subprocess.STDOUT)
        with process:
            return self._finish(process, command)[1]

    def _on_host(self, command, given=b""):
        return self.host.lab.exec("a", ["sh", "-c", command], input=given, check=True,
                                  timeout=self.host.seconds).stdout
