# SPDX-License-Identifier: GPL-2.0-only
"""What each verb of the ftlab command does."""

import json
import os
import pathlib
import re
import shlex
import signal
import socket
import subprocess
import sys

from . import qemu, state, switch
from .api import Lab
from .errors import EXIT_LAB, EXIT_NOT_FOUND, LabError
from .process import die_with

EXIT_FOUND = 1
TIME_TO_END = 30  # seconds for an interrupted command, before SIGKILL


def say(text):
    """Progress, for people: on stderr."""
    print(f"ftlab: {text}", file=sys.stderr, flush=True)


def show_json(value):
    """A result, for programs."""
    print(json.dumps(value, indent=1))


# The lab's life

def _up_options(args):
    if args.names and args.hosts is not None:
        raise LabError("both --hosts and names of hosts are given")
    names = args.names or [chr(ord("a") + i) for i in range(min(args.hosts or 1, 26))]
    if args.hosts is not None and args.hosts != len(names):
        raise LabError(f"{args.hosts} hosts", "a lab has 1 to 16")
    disks = dict(item.split("=", 1) for item in args.shared_disk if "=" in item)
    if len(disks) != len(args.shared_disk) or not all(map(str.isdecimal, disks.values())):
        raise LabError("--shared-disk takes NAME=MB, each name once")
    return {"hosts": names, "kernel": args.kernel, "name": args.name, "idle": args.idle,
            "paging": args.paging, "memory": args.memory, "modules": args.module,
            "append": args.append, "qemu_args": args.qemu_arg, "logs": args.logs,
            "boot_timeout": args.boot_timeout, "icount": not args.no_icount,
            "shared_disks": {name: int(size) for name, size in disks.items()},
            "bridge": args.bridge}


def _dry_run(args):
    config = Lab.plan(**_up_options(args))
    name = config["name"] or "NAME"
    config.update(name=name, dir=str(state.root() / name), logs=config["logs"] or "LOGS")
    print("# in the client's network namespace: ip -batch")
    print("\n".join(switch.batch_client()))
    print("# in the switch's network namespace: ip -batch")
    print("\n".join(switch.batch_switch(config["hosts"], "CLIENT")))
    for index, host in enumerate(config["hosts"], 1):
        print(f"# host {host}, in the switch's network namespace")
        print(shlex.join(qemu.command(config, host, index)))


def _bring_up(args, owner=None):
    options = _up_options(args)
    for name in state.clean():
        say(f"cleared away what lab {name} left")
    say(f"{len(options['hosts'])} host(s), kernel {options['kernel']}: booting")
    lab = Lab.up(progress=say, owner=owner, **options)
    say(f"lab {lab.name} is up, logs in {lab.logs}")
    return lab


def up(args):
    """Brings a lab up; prints its name."""
    if args.dry_run:
        return _dry_run(args)
    print(_bring_up(args, args.owner).name)


def run(args):
    """A lab for the length of one command."""
    if not getattr(args, "command", None) and not args.dry_run:
        raise LabError("no command given", "ftlab run [options] -- CMD ...")
    if args.dry_run:
        return _dry_run(args)
    with _bring_up(args, os.getpid()) as lab:
        status = _run_command(args.command, lab)
        if args.no_scan:
            return status
        found = lab.scan()
        _show_findings(found)
        return status or (EXIT_FOUND if found else 0)


def _run_command(words, lab):
    try:
        process = subprocess.Popen(words, env={**os.environ, "FTLAB_NAME": lab.name},
                                   preexec_fn=die_with(os.getpid(), signal.SIGTERM))
    except OSError as error:
        raise LabError(f"cannot run {words[0]}: {error.strerror}", status=EXIT_NOT_FOUND) from None
    try:
        status = process.wait()
    except BaseException:  # interrupted: the command is, too
        process.terminate()
        try:
            process.wait(TIME_TO_END)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    return status if status >= 0 else 128 - status


def down(args):
    """Takes a lab down."""
    lab = Lab.attach(args.lab)
    lab.down()
    say(f"lab {lab.name} is down, logs in {lab.logs}")


def status(args):
    """Shows a lab."""
    info = Lab.attach(args.lab).status()
    if args.json:
        return show_json(info)
    print(f"lab {info['name']}: kernel {info['kernel']}, idle {info['idle']}, "
          f"{'' if info['icount'] else 'no icount, '}paging {info['paging']}, up for {info['uptime']:g} s, logs in {info['logs']}")
    for host in info["hosts"]:
        reason = f" ({host['reason']})" if host["reason"] else ""
        print(f"  {host['name']}: {host['state']}{reason}, pid {host['pid'] or '-'}, "
              f"boot {host['boots']} took {host['boot_seconds']} s")
        for nic, link in host["nics"].items():
            marks = [mark for mark in ("down", "cut") if link.get(mark)]
            marks += [f"{name} {' '.join(f'{v:g}' for v in link[name])}"
                      for name in ("delay", "loss") if name in link]
            print(f"    {nic}: {link['address']} {' '.join(marks) or 'up'}")


def list(args):  # pylint: disable=redefined-builtin
    """Shows the labs of this machine."""
    removed = state.clean() if args.clean else []
    labs = state.labs()
    if args.json:
        return show_json({"labs": [{"name": name, "live": live} for name, live in labs],
                          "removed": removed})
    for name in removed:
        print(f"{name}: removed")
    for name, live in labs:
        print(f"{name}: {'up' if live else 'dead; ftlab list --clean removes it'}")


def supervise(folder, starter, lock):
    """The process behind a lab; not for users."""
    from . import supervisor  # pylint: disable=import-outside-toplevel  (asyncio is slow)
    supervisor.main(folder, socket.socket(fileno=int(starter)), int(lock))


# Hosts

class _FdSink:
    def __init__(self, fd):
        self.fd = fd

    def write(self, data):
        """Writes all of it."""
        view = memoryview(data)
        while view:
            view = view[os.write(self.fd, view):]


def exec(args):  # pylint: disable=redefined-builtin
    """Runs a command on a host."""
    env = dict(item.split("=", 1) for item in args.env if "=" in item)
    if len(env) != len(args.env):
        raise LabError("--env takes NAME=VALUE")
    source = b"" if args.no_stdin else 0
    return Lab.attach(args.lab).exec_fd(args.host, args.command, source,
                                        (_FdSink(1), _FdSink(2)), args.timeout, args.cwd, env)


def _paths(args):
    if len(args.paths) < 2:
        raise LabError("the target is missing", "ftlab put|get HOST SOURCE ... TARGET")
    return args.paths[:-1], args.paths[-1]


def put(args):
    """Copies to a host."""
    Lab.attach(args.lab).put(args.host, *_paths(args))


def get(args):
    """Copies from a host."""
    Lab.attach(args.lab).get(args.host, *_paths(args))


def kill(args):
    """Kills a host."""
    Lab.attach(args.lab).kill(args.host)


def start(args):
    """Boots a dead host."""
    info = Lab.attach(args.lab).start(args.host)
    say(f"host {args.host} is up after {info['boot_seconds']} s")


def freeze(args):
    """Stops a host."""
    Lab.attach(args.lab).freeze(args.host)


def thaw(args):
    """Lets a host go on."""
    Lab.attach(args.lab).thaw(args.host)


def tap(args):
    """Makes a tap device."""
    Lab.attach(args.lab).tap(args.host, args.device)


def link(args):
    """Changes a link."""
    Lab.attach(args.lab).link(args.host, args.nic, args.action, *args.values)


def console(args):
    """Attaches to a console."""
    from . import console as attach  # pylint: disable=import-outside-toplevel
    lab = Lab.attach(args.lab)
    if args.host not in lab.config["hosts"]:
        raise LabError(f"no host {args.host!r}", f"hosts: {', '.join(lab.config['hosts'])}")
    if args.tail:
        attach.tail(lab, args.host)
    else:
        attach.attach(lab, args.host)


# The rest

def client(args):
    """Becomes a command in the client's namespace."""
    if not args.command:
        raise LabError("no command given", "ftlab client -- CMD ...")
    lab = Lab.attach(args.lab)
    path = lab.status()["client"]["netns"]
    attention = lab.attend()
    os.set_inheritable(attention.sock.fileno(), True)  # open as long as the command runs
    switch.enter_netns(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(args.command[0], args.command)
    except OSError as error:
        raise LabError(f"cannot run {args.command[0]}: {error.strerror}",
                       status=EXIT_NOT_FOUND) from None


def logs(args):
    """Where the logs are, or one of them."""
    lab = Lab.attach(args.lab)
    if not args.host:
        print(lab.logs)
        return
    path = lab.logs / f"{args.host}.console.log"
    if not path.exists():
        raise LabError(f"host {args.host!r} has no console log", f"ls {lab.logs}")
    sys.stdout.write(path.read_text(errors="replace"))


def _show_findings(found):
    for finding in found:
        print(finding, file=sys.stderr)
    if found:
        say(f"{len(found)} kernel report(s) found")


def scan(args):
    """Looks for kernel reports."""
    from . import scan as scanner  # pylint: disable=import-outside-toplevel
    try:
        allow = [re.compile(text) for text in args.allow]
    except re.error as error:
        raise LabError(f"--allow: {error}") from None
    if args.logs:
        folder = pathlib.Path(args.logs)
        if not any(folder.glob("*.console.log")):
            raise LabError(f"no console logs in {folder}", status=EXIT_LAB)
        found = scanner.scan_folder(folder, allow=allow)
    else:
        found = Lab.attach(args.lab).scan(args.new, allow, not args.no_kmemleak)
    if args.json:
        show_json([finding.as_json() for finding in found])
    else:
        _show_findings(found)
    return EXIT_FOUND if found else 0
