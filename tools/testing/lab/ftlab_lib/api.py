# SPDX-License-Identifier: GPL-2.0-only
"""The lab as Python scripts use it, and as the ftlab command does."""

import fcntl
import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

from . import qemu, scan, state, switch
from .connection import Connection, Exec
from .errors import LabError
from .paths import BUILD, LAB_DIR

HOST_NAME = re.compile(r"[a-z][a-z0-9]{0,7}")
DISK_NAME = re.compile(r"[a-z][a-z0-9]{0,19}")  # a virtio-blk serial has 20 characters
HOSTS_MAX = 16
PAGING = ("nested", "strict")
IDLE = ("real", "jump")


class Result:
    """What a command on a host, or in the client's namespace, came to."""

    def __init__(self, status, stdout=b"", stderr=b""):
        self.status = status  # exit status; 128 + N when signal N ended it
        self.stdout = stdout
        self.stderr = stderr

    def __repr__(self):
        return f"Result({self.status}, {self.stdout!r}, {self.stderr!r})"


class _Buffer(bytearray):
    write = bytearray.extend


def exit_status(wait_status):
    """An exit status as a shell has it, from a wait status."""
    if os.WIFSIGNALED(wait_status):
        return 128 + os.WTERMSIG(wait_status)
    return os.WEXITSTATUS(wait_status)


def check_hosts(hosts):
    """Host names: short, since they are part of interface names."""
    if not 1 <= len(hosts) <= HOSTS_MAX:
        raise LabError(f"{len(hosts)} hosts", f"a lab has 1 to {HOSTS_MAX}")
    for name in hosts:
        if not HOST_NAME.fullmatch(name) or name in ("client", "localhost"):
            raise LabError(f"{name!r} cannot be the name of a host",
                           "use up to 8 lower-case letters and digits, a letter first")
    if len(set(hosts)) != len(hosts):
        raise LabError("two hosts have the same name")


def check_shared_disks(disks):
    """Shared disks: {name: MB}."""
    for name, size in disks.items():
        if not DISK_NAME.fullmatch(name):
            raise LabError(f"{name!r} cannot be the name of a shared disk",
                           "use up to 20 lower-case letters and digits, a letter first")
        if not 1 <= size <= 65536:
            raise LabError(f"shared disk {name}: {size} MB", "between 1 and 65536")


class Lab:
    """A lab that is up. Used in a `with`, it goes down at the end."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.name = self.folder.name
        self.config = state.load_config(folder)
        self.logs = pathlib.Path(self.config["logs"])

    @classmethod
    def attach(cls, name=None):
        """The lab of this name, or FTLAB_NAME's, or the only one that is up."""
        return cls(state.choose(name))

    @classmethod
    def plan(cls, hosts=("a",), kernel="6.12", name=None, idle=None, paging="nested",
             memory=None, modules=(), append=(), qemu_args=(), logs=None, owner=None,
             boot_timeout=None, icount=True,
             shared_disks=None, bridge=False):
        """Checks what was asked for and returns it as the supervisor's settings.

        hosts: names. kernel: "6.12", "6.1", "debug" or a folder. idle: "real" or
        "jump" (default: "jump" for one host with icount). paging: "nested" or "strict". memory:
        MB per host (default: 1024; 2048 with the debug kernel). modules: further stock
        modules to load. append: words for the kernel command line. qemu_args: words for
        the emulator. logs: folder. owner: a process id; the lab goes down with it.
        boot_timeout: seconds (default: 120; 600 with the debug kernel). icount: the hosts'
        time is a count of their instructions; without, it is the real time.
        shared_disks: {name: MB}, disks that all hosts have, as /dev/shared/NAME. bridge: the
        hosts have a bridge br0 with the NIC "client" in it, which guests can be attached to
        (see tap()).
        """
        # Here, since most uses of the class boot nothing: these are slow to import.
        from .initramfs import Initramfs  # pylint: disable=import-outside-toplevel
        from .kernels import Kernel  # pylint: disable=import-outside-toplevel
        hosts = list(hosts)
        check_hosts(hosts)
        idle = idle or ("jump" if len(hosts) == 1 and icount else "real")
        if idle not in IDLE or paging not in PAGING:
            raise LabError(f"idle {idle!r}, paging {paging!r}",
                           f"idle is one of {', '.join(IDLE)}; paging of {', '.join(PAGING)}")
        if idle == "jump" and not icount:
            raise LabError("real time cannot be jumped over",
                           "--idle real, or leave --no-icount out")
        if owner is not None and owner <= 0:
            raise LabError("the owner is a process id")
        memory = memory or (2048 if kernel == "debug" else 1024)
        boot_timeout = boot_timeout or (600 if kernel == "debug" else 120)
        if not 256 <= memory <= 65536:
            raise LabError(f"{memory} MB of memory per host", "between 256 and 65536")
        shared_disks = dict(shared_disks or {})
        check_shared_disks(shared_disks)
        modules = [*modules, *(("virtio_blk",) if shared_disks else ()),
                   *(("bridge", "tun") if bridge else ())]
        chosen = Kernel(kernel)
        initramfs = Initramfs(chosen, modules)
        words = qemu.module_parameters(initramfs.tree, paging) + list(append)
        return {
            "name": name, "dir": None, "hosts": hosts, "kernel": chosen.name,
            "release": chosen.release, "idle": idle, "icount": bool(icount),
            "paging": paging, "memory": memory,
            "append": words, "qemu_args": list(qemu_args),
            "shared_disks": shared_disks, "bridge": bool(bridge),
            "logs": str(pathlib.Path(logs).absolute()) if logs else None,
            "owner": owner, "boot_timeout": boot_timeout,
            "initramfs": str(initramfs.path()), "image": str(chosen.boot_image()),
        }

    @classmethod
    def up(cls, progress=None, **options):
        """Brings a lab up and returns it; for the options see plan().

        Interrupted half-way, it takes down what it has begun.
        """
        config = cls.plan(**options)
        name, folder, lock = state.create(config["name"])
        try:
            config.update(name=name, dir=str(folder))
            cls._make_logs(config)
            for disk, size in config["shared_disks"].items():
                with open(qemu.shared_disk(config, disk), "xb") as image:
                    image.truncate(size << 20)
            state.save_config(folder, config)
            ours, theirs = socket.socketpair()
            supervisor = cls._supervise(config, theirs, lock)
        finally:
            os.close(lock)  # the supervisor has it by now
        with Connection(ours) as connection:
            try:
                connection.reply(progress)
            except BaseException as error:
                ours.shutdown(socket.SHUT_WR)  # the supervisor takes this as "stop"
                supervisor.wait()
                if isinstance(error, LabError):
                    error.remedy = error.remedy or f"see {config['logs']}/supervisor.log"
                raise
        return cls(folder)

    @staticmethod
    def _make_logs(config):
        stamp = time.strftime("%Y%m%d-%H%M%S")
        if not config["logs"]:
            base = os.environ.get("FTLAB_LOGS") or BUILD / "logs"
            folder = pathlib.Path(base, f"{stamp}-{os.getpid()}-{config['name']}")
            config["logs"] = str(folder.absolute())
        pathlib.Path(config["logs"]).mkdir(parents=True, exist_ok=True)

    @staticmethod
    def _supervise(config, starter, lock):
        words = [sys.executable, str(LAB_DIR / "ftlab"), "_supervise", config["dir"],
                 str(starter.fileno()), str(lock)]
        with open(pathlib.Path(config["logs"], "supervisor.log"), "ab") as log:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True,
                                       pass_fds=(starter.fileno(), lock))
        starter.close()
        return process

    def _ask(self, verb, **arguments):
        with Connection.to(self.folder) as connection:
            connection.request(verb, **arguments)
            return connection.reply()

    def status(self):
        """Everything about the lab, as `ftlab status -j` prints it."""
        return self._ask("status")

    def down(self):
        """Takes the lab down and waits until it is."""
        lock = os.open(self.folder / "lock", os.O_RDWR | os.O_CLOEXEC)
        try:
            self._ask("down")
            fcntl.flock(lock, fcntl.LOCK_EX)  # the supervisor holds it to its end
        finally:
            os.close(lock)

    def kill(self, host):
        """The host dies at once, as if its power had been cut."""
        return self._ask("kill", host=host)

    def start(self, host):
        """Boots a dead host again; returns when it answers."""
        return self._ask("start", host=host)

    def freeze(self, host):
        """Stops the host's time."""
        return self._ask("freeze", host=host)

    def thaw(self, host):
        """Lets a frozen host go on."""
        return self._ask("thaw", host=host)

    def link(self, host, nic, action, *values):
        """Changes a link, see links.py: up, down, cut, delay, loss, clear."""
        return self._ask("link", host=host, nic=nic, action=action,
                         values=[str(value) for value in values])

    def exec_fd(self, host, argv, source, sinks, timeout=None, cwd="", env=None):
        """Runs a command on a host; see connection.Exec for source and sinks."""
        if not argv:
            raise LabError("no command given")
        deadline = None if timeout is None else time.monotonic() + timeout
        with Connection.to(self.folder) as connection:
            connection.request("exec", host=host, argv=list(argv), cwd=cwd, env=env)
            try:
                return exit_status(Exec(connection, source, sinks, deadline).run())
            except TimeoutError:
                raise LabError(f"host {host}: {argv[0]} was ended after {timeout:g} s",
                               "allow more time with --timeout") from None

    def exec(self, host, argv, input=b"", timeout=None, check=False, cwd="", env=None):
        """Runs a command on a host to its end; returns a Result.

        With check, a status other than 0 raises a LabError that shows stderr.
        """
        out, err = _Buffer(), _Buffer()
        status = self.exec_fd(host, argv, input, (out, err), timeout, cwd, env)
        result = Result(status, bytes(out), bytes(err))
        if check and status:
            raise LabError(f"host {host}: {' '.join(argv)} ended with status {status}: "
                           + result.stderr.decode(errors="replace").strip())
        return result

    def scan(self, new=False, allow=(), kmemleak=True):
        """Looks for kernel reports in the console logs; returns scan.Finding objects.

        new: only what came since the last scan of this kind. allow: compiled
        patterns of lines that are expected. kmemleak: ask the hosts that have it, which takes
        six seconds of their time.
        """
        marks = self.folder / "scan.json"
        positions = json.loads(marks.read_text()) if new and marks.exists() else {}
        found = scan.scan_folder(self.logs, positions, allow)
        if new:
            marks.write_text(json.dumps(positions))
        for host in self.status()["hosts"] if kmemleak else ():
            if host["state"] == "up":
                output = self.exec(host["name"], ["sh", "-c", scan.KMEMLEAK], timeout=300)
                text = (output.stdout + output.stderr).decode(errors="replace")
                found += scan.kmemleak_findings(host["name"], text)
        return found

    def tap(self, host, name):
        """Makes a tap device for a guest on a host of a lab with a bridge: one more of its ports."""
        if not self.config["bridge"]:
            raise LabError(f"the hosts of lab {self.name} have no bridge", "ftlab up --bridge")
        self.exec(host, ["ip", "tuntap", "add", name, "mode", "tap", "vnet_hdr"], check=True)
        self.exec(host, ["ip", "link", "set", name, "master", "br0", "up"], check=True)

    def put(self, host, sources, target):
        """Copies files or folders to a host; like cp -r, see transfer.put()."""
        from . import transfer  # pylint: disable=import-outside-toplevel
        transfer.put(self, host, sources, target)

    def get(self, host, sources, target):
        """Copies files or folders from a host; like cp -r, see transfer.get()."""
        from . import transfer  # pylint: disable=import-outside-toplevel
        transfer.get(self, host, sources, target)

    def attend(self, *hosts):
        """Keeps hosts, by default all, from resting; until the returned Connection is closed.

        Whoever inherits its descriptor keeps it open, too.
        """
        connection = Connection.to(self.folder)
        connection.request("attend", hosts=list(hosts or self.config["hosts"]))
        connection.reply()
        return connection

    def client_popen(self, argv, **options):
        """subprocess.Popen in the client's namespace; no host rests while it runs."""
        return self._popen_in(self.status()["client"]["netns"], argv, **options)

    def switch_popen(self, argv, **options):
        """Likewise where the networks are made: HOST-NIC is the switch's port of a host's NIC."""
        pid = next(host["pid"] for host in self.status()["hosts"] if host["pid"])
        return self._popen_in(f"/proc/{pid}/ns/net", argv, **options)

    def _popen_in(self, path, argv, **options):
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            with self.attend() as attention:
                return subprocess.Popen(argv, preexec_fn=lambda: switch.enter_netns(fd),
                                        pass_fds=(attention.sock.fileno(),), **options)
        finally:
            os.close(fd)

    def client(self, argv, input=b"", timeout=None):
        """Runs a command in the client's namespace; returns a Result."""
        with self.client_popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE) as process:
            try:
                out, err = process.communicate(input, timeout)
            except BaseException:
                process.kill()
                raise
        status = process.returncode
        return Result(status if status >= 0 else 128 - status, out, err)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.down()
