# SPDX-License-Identifier: GPL-2.0-only
"""The lab's self-test: labs come, live side by side, and go without a trace."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile

from ftlab_lib import Lab, LabError, state
from ftlab_lib.paths import BUILD

from . import (FTLAB, PATIENCE, check, equal, ftlab, ftlab_start, netns_users, processes_naming,
               unused_name, wait_for)


def traces(name):
    """The supervisor and the namespaces of a lab that is up or coming up."""
    def status():
        try:
            return Lab.attach(name).status()
        except (LabError, FileNotFoundError, json.JSONDecodeError):
            return None  # not that far yet

    info = wait_for(status, f"lab {name} answers")
    inodes = [os.stat(info["client"]["netns"]).st_ino, os.stat(info["switch_netns"]).st_ino]
    wait_for(lambda: processes_naming(f"ftlab-{name}-"), "there is an emulator")
    return info["supervisor"], inodes


def check_gone(name, inodes, folder_too=True):
    """Nothing of the lab may be left."""
    wait_for(lambda: not processes_naming(f"ftlab-{name}-"), "no emulator is left", 15)
    wait_for(lambda: not any(netns_users(inode) for inode in inodes), "no namespace is left", 15)
    equal(state.is_live(name), False, "the lab lives")
    if folder_too:
        equal((state.root() / name).exists(), False, "its folder exists")


def side_by_side(options):
    """two labs at a time do not collide: same addresses, other hosts"""
    names = [unused_name("x"), unused_name("y")]
    with Lab.up(name=names[0], **options) as one, Lab.up(name=names[1], **options) as two:
        for lab in (one, two):
            lab.exec("a", ["sh", "-c", f"echo {lab.name} >/tmp/name"], check=True)
        for lab in (one, two):
            equal(lab.exec("a", ["cat", "/tmp/name"]).stdout.decode().strip(), lab.name, "name")
            ping = lab.client(["busybox", "ping", "-c", "2", "-W", "10", "192.0.2.11"])
            equal(ping.status, 0, f"ping in lab {lab.name}")
        one.kill("a")
        equal(two.exec("a", ["true"]).status, 0, "the other lab's host")
        done = ftlab("up", "--name", names[0])
        check(done.returncode == 125 and b"is up already" in done.stderr, f"{done.stderr!r}")
    for name in names:
        check_gone(name, [])


def _interrupt(number, options):
    name = unused_name("int")
    up = ftlab_start("up", "--name", name, "--kernel", options["kernel"], "--hosts", "2",
                      "--owner", str(os.getpid()))
    _, inodes = traces(name)
    up.send_signal(number)
    up.communicate(timeout=60)
    return name, inodes, up.returncode


def interrupted_up(options):
    """`up` interrupted half-way leaves nothing: SIGINT, SIGTERM, even SIGKILL"""
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        name, inodes, returned = _interrupt(number, options)
        equal(returned, status, f"status after {number.name}")
        wait_for(lambda: not state.is_live(name), "the supervisor has ended")
        check_gone(name, inodes)


@contextlib.contextmanager
def sleeper(lab):
    """A process in the client's network, which ends here whatever happens."""
    with lab.client_popen(["sleep", "1000"]) as client:
        try:
            yield client
        finally:
            client.kill()


def killed_supervisor(options):
    """a supervisor that gets SIGKILL takes emulators and namespaces with it"""
    name = unused_name("sup")
    lab = Lab.up(name=name, **options)
    supervisor, inodes = traces(name)
    with sleeper(lab):
        os.kill(supervisor, signal.SIGKILL)
        wait_for(lambda: not processes_naming(f"ftlab-{name}-"), "no emulator is left", 15)
    check_gone(name, inodes, folder_too=False)
    listed = json.loads(ftlab("list", "-j").stdout)["labs"]
    check({"name": name, "live": False} in listed, f"list says {listed}")
    removed = json.loads(ftlab("list", "-j", "--clean").stdout)["removed"]
    check(name in removed, f"list --clean removed {removed}")
    check_gone(name, inodes)


def owner_ends(options):
    """a lab goes down with its owner, and takes what runs in its networks along"""
    name = unused_name("own")
    with subprocess.Popen(["sleep", "1000"]) as owner:
        lab = Lab.up(name=name, **{**options, "owner": owner.pid})
        _, inodes = traces(name)
        with sleeper(lab) as client:
            owner.kill()
            client.wait(60)
    check_gone(name, inodes)


def kept_logs(options):
    """console log, dmesg and the emulator's words are kept"""
    with tempfile.TemporaryDirectory() as folder:
        with Lab.up(name=unused_name("log"), logs=folder, **options) as lab:
            lab.exec("a", ["sh", "-c", "echo '<4>kept-console' >/dev/kmsg;"
                           "echo '<6>kept-dmesg' >/dev/kmsg"], check=True)
        for file, text in (("a.console.log", "kept-console"), ("a.dmesg", "kept-dmesg"),
                           ("supervisor.log", "going down: asked to")):
            with open(f"{folder}/{file}", encoding="utf-8", errors="replace") as log:
                check(text in log.read(), f"{file} holds {text!r}")
        check(os.path.exists(f"{folder}/a.qemu.log"), "the emulator's log exists")


def kept_registers(options):
    """of a host that does not answer as its lab goes down, where it was"""
    with tempfile.TemporaryDirectory() as folder:
        with Lab.up(name=unused_name("hung"), logs=folder, **options) as lab:
            # The agent, process 1, is frozen.
            try:
                done = lab.exec("a", ["sh", "-ec", "mkdir /tmp/cgroup; mount -t cgroup2 none "
                                      "/tmp/cgroup; cd /tmp/cgroup; mkdir frozen; "
                                      "echo 1 >frozen/cgroup.procs; "
                                      "echo 1 >frozen/cgroup.freeze"], timeout=5)
            except LabError:
                done = None
            equal(done, None, "answer of the host")
        with open(f"{folder}/a.hung", encoding="utf-8") as log:
            text = log.read()
        check(text.count("RIP=") > 1 and re.search(r"x/64gx \$sp\n[0-9a-f]+: 0x", text),
              f"a.hung holds {text!r}")


def rest(options):
    """a host whose idle time is jumped over is stopped while nobody needs it"""
    with Lab.up(name=unused_name("rest"), idle="jump", **options) as lab:
        def stopped():
            with open(f"/proc/{lab.status()['hosts'][0]['pid']}/stat", "rb") as stat:
                return stat.read().rpartition(b") ")[2].startswith(b"T")

        wait_for(stopped, "the host rests")
        equal(lab.exec("a", ["echo", "awake"]).stdout, b"awake\n", "output of a command")
        with sleeper(lab):
            wait_for(lambda: not stopped(), "the host runs for the client")
            equal(lab.exec("a", ["true"]).status, 0, "a command")
        wait_for(stopped, "the host rests again")
        lab.freeze("a")
        lab.thaw("a")
        equal(lab.exec("a", ["true"]).status, 0, "a command after freeze and thaw")


def run_a_command(options):
    """`run` gives the command its lab, passes its status on and scans at the end"""
    script = f"{sys.executable} {FTLAB} exec a -- cat /proc/sys/kernel/hostname; exit 5"
    words = ["--kernel", options["kernel"], "--name", unused_name("run")]
    done = ftlab("run", *words, "--", "sh", "-c", script)
    equal((done.returncode, done.stdout), (5, b"a\n"), "run")
    script = f"{sys.executable} {FTLAB} exec a -- sh -c \"echo '<4>BUG: planted' >/dev/kmsg\""
    done = ftlab("run", *words, "--", "sh", "-c", script)
    equal(done.returncode, 1, "status when only the scan complains")
    check(b"BUG: planted" in done.stderr, f"it said {done.stderr!r}")
    check_gone(words[-1], [])


def interrupted_run(options):
    """`run` that is interrupted ends its command and takes its lab down"""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        name = unused_name("ri")
        run = ftlab_start("run", "--kernel", options["kernel"], "--name", name, "--",
                          "sh", "-c", f"echo ready; exec sleep 1000.{os.getpid()}")
        equal(run.stdout.readline(), b"ready\n", "output")
        _, inodes = traces(name)
        run.send_signal(number)
        run.wait(60)
        wait_for(lambda: not state.is_live(name), "the supervisor has ended")
        check_gone(name, inodes)
        wait_for(lambda: not processes_naming(f"1000.{os.getpid()}"), "the command has ended", 15)


def failing_boot(options):
    """a host that does not come up is an error with a reason, and leaves nothing"""
    name = unused_name("bad")
    words = ["up", "--kernel", options["kernel"], "--name", name]
    for extra, text in ((["--append", "init=/nowhere", "--append", "rdinit=/nowhere"],
                         b"ended while it booted: kernel panic"),
                        (["--boot-timeout", "0.5"], b"did not answer within 0.5 s"),
                        (["--qemu-arg=-nonsense"], b"the emulator failed (1)"),
                        (["--owner", "999999999"], b"does not exist"),
                        (["--module", "no_such_module"], b"no_such_module")):
        done = ftlab(*words, *extra)
        equal(done.returncode, 125, f"status with {extra}")
        check(text in done.stderr, f"with {extra} it said {done.stderr!r}")
        check_gone(name, [])


def built_module(options, name):
    """The file of a module that is built for the hosts' kernel."""
    path = BUILD / f"modules-{options['kernel']}" / f"{name}.ko"
    check(path.exists(), f"{path} is not built: make modules KERNEL={options['kernel']}")
    return path


def refused_without_icount(options):
    """the exact counter does not load where the TSC counts no instructions, and says why"""
    module = built_module(options, "kvm-ft-lab-pmu")
    with Lab.up(name=unused_name("ni"), icount=False, **options) as lab:
        lab.put("a", [str(module)], "/root/")
        done = lab.exec("a", ["insmod", f"/root/{module.name}"], timeout=PATIENCE)
        check(done.status != 0, "it loaded")
        check(b"No such device" in done.stderr, f"insmod said {done.stderr!r}")
        said = lab.exec("a", ["dmesg"], check=True).stdout.decode(errors="replace")
        for text in ("kvm_ft_lab_pmu: the TSC is not an exact instruction count here",
                     "-icount shift=0"):
            check(text in said, f"the kernel's log has {text!r}: {said[-500:]!r}")
        modules = lab.exec("a", ["lsmod"], check=True).stdout
        check(b"kvm_ft_lab_pmu" not in modules, "it stayed loaded")
        equal([str(finding) for finding in lab.scan()], [], "kernel reports")


def leak_is_found(options):
    """a scan finds what a module leaks, once, and nothing before"""
    module = built_module(options, "kvm-ft-leak")
    with Lab.up(name=unused_name("leak"), **options) as lab:
        lab.exec("a", ["test", "-e", "/sys/kernel/debug/kmemleak"], check=True)
        equal([str(finding) for finding in lab.scan()], [], "findings before")
        lab.put("a", [str(module)], "/root/")
        lab.exec("a", ["insmod", f"/root/{module.name}"], check=True)
        found = [str(finding) for finding in lab.scan() if finding.kind == "kmemleak"]
        equal(len(found), 1, "findings of kmemleak")
        for text in ("unreferenced object", "lose_memory"):
            check(text in found[0], f"it says {text!r}: {found[0][:1000]!r}")
        equal([str(finding) for finding in lab.scan()], [], "findings after")


# These need the debug kernel.
DEBUG_TESTS = (leak_is_found,)
TESTS = (side_by_side, interrupted_up, killed_supervisor, owner_ends, kept_logs, kept_registers, rest,
         run_a_command, interrupted_run, failing_boot, refused_without_icount)
