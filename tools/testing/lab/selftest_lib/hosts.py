# SPDX-License-Identifier: GPL-2.0-only
"""The lab's self-test: a lab of two hosts, a and b, that talk to each other.

Each test leaves the lab as it found it.
"""

import hashlib
import os
import re
import subprocess
import sys
import tempfile
import threading

from ftlab_lib import LabError

from . import FTLAB, Failure, check, equal, ftlab, wait_for


def running(lab, text):
    """Is there a process on host a with @text in its command line?"""
    pattern = f"[{text[0]}]{text[1:]}"  # which does not match itself
    return lab.exec("a", ["sh", "-c", f"ps | grep -q '{pattern}'"]).status == 0


def pings(lab, host, target, count=5, size=56):
    """(packets lost in percent, shortest round trip in ms or None)."""
    words = ["ping", "-c", str(count), "-i", "0.2", "-W", "2", "-s", str(size), target]
    text = lab.exec(host, words, timeout=120).stdout.decode()
    loss = re.search(r"(\d+)% packet loss", text)
    times = re.search(r"min/avg/max = ([\d.]+)/", text)
    check(loss, f"ping said {text!r}")
    return int(loss[1]), float(times[1]) if times else None


def command_status(lab):
    """exit statuses and signals come back"""
    for status in (0, 1, 7, 125, 255):
        equal(lab.exec("a", ["sh", "-c", f"exit {status}"]).status, status, "status")
    equal(lab.exec("a", ["sh", "-c", "kill -KILL $$"]).status, 137, "status after SIGKILL")
    done = ftlab("--lab", lab.name, "exec", "b", "--", "sh", "-c", "echo out; echo err >&2; exit 9")
    equal((done.returncode, done.stdout, done.stderr), (9, b"out\n", b"err\n"), "ftlab exec")


def command_not_found(lab):
    """a command that cannot run is told from one that failed"""
    done = ftlab("--lab", lab.name, "exec", "a", "--", "/no/such/thing")
    equal(done.returncode, 127, "status")
    check(b"No such file" in done.stderr, f"stderr {done.stderr!r}")
    equal(ftlab("--lab", lab.name, "exec", "a", "--", "/etc/passwd").returncode, 126, "status")
    done = ftlab("--lab", lab.name, "exec", "nosuch", "--", "true")
    equal(done.returncode, 125, "status for a host that does not exist")
    check(b"its hosts are a, b" in done.stderr, f"stderr {done.stderr!r}")


def every_byte(lab):
    """input and output pass every byte value, megabytes of them"""
    data = bytes(range(256)) * 8 + os.urandom(3 << 20)
    equal(lab.exec("a", ["cat"], input=data).stdout, data, "cat")
    both = lab.exec("a", ["sh", "-c", "cat; head -c 300000 /dev/zero >&2"], input=data)
    equal((both.stdout, both.stderr), (data, bytes(300000)), "both outputs at once")
    done = ftlab("--lab", lab.name, "exec", "a", "--", "cat", input=data)
    equal((done.returncode, done.stdout), (0, data), "ftlab exec cat")


def early_close(lab):
    """a command that does not read its input ends all the same"""
    equal(lab.exec("a", ["true"], input=bytes(5 << 20)).status, 0, "status")
    equal(lab.exec("a", ["head", "-c", "4"], input=bytes(5 << 20)).stdout, bytes(4), "head")


def environment(lab):
    """working folder and environment are passed on"""
    done = lab.exec("a", ["sh", "-c", "pwd; echo \"$X\"; hostname"], cwd="/tmp", env={"X": "y  z"})
    equal(done.stdout, b"/tmp\ny  z\na\n", "output")


def concurrent_commands(lab):
    """commands run at the same time, on both hosts"""
    results = {}

    def one(number):
        host = "ab"[number % 2]
        data = os.urandom(200000)
        results[number] = lab.exec(host, ["cat"], input=data).stdout == data

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(results, {number: True for number in range(12)}, "results")


def killed_client(lab):
    """the end of ftlab exec ends the command and its children on the host"""
    words = [sys.executable, FTLAB, "--lab", lab.name, "exec", "a", "--", "sh", "-c",
             "echo ready; sleep 54321 & sleep 54321; true"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as client:
        equal(client.stdout.readline(), b"ready\n", "output")
        check(running(lab, "sleep 54321"), "the command runs")
        client.kill()
    wait_for(lambda: not running(lab, "sleep 54321"), "the commands are gone")


def time_out(lab):
    """--timeout ends a command"""
    done = ftlab("--lab", lab.name, "exec", "--timeout", "1", "a", "--", "sleep", "54322")
    equal(done.returncode, 125, "status")
    check(b"after 1 s" in done.stderr, f"stderr {done.stderr!r}")
    wait_for(lambda: not running(lab, "sleep 54322"), "the command is gone")


def put_and_get(lab):
    """files and folders go there and back unchanged, modes included"""
    with tempfile.TemporaryDirectory() as temp:
        os.makedirs(f"{temp}/tree/sub")
        content = os.urandom(1 << 20)
        for path, mode in (("tree/plain", 0o640), ("tree/sub/program", 0o755)):
            with open(f"{temp}/{path}", "wb") as file:
                file.write(content)
            os.chmod(f"{temp}/{path}", mode)
        lab.put("a", [f"{temp}/tree/plain"], "/tmp/x/renamed")
        done = lab.exec("a", ["sha256sum", "/tmp/x/renamed"], check=True)
        equal(done.stdout.split()[0].decode(), hashlib.sha256(content).hexdigest(), "checksum")
        lab.put("a", [f"{temp}/tree"], "/tmp/x/")
        lab.get("a", ["/tmp/x/tree"], f"{temp}/back")
        with open(f"{temp}/back/sub/program", "rb") as file:
            equal(file.read() == content, True, "content is the same")
        equal(os.stat(f"{temp}/back/sub/program").st_mode & 0o777, 0o755, "mode")
        equal(os.stat(f"{temp}/back/plain").st_mode & 0o777, 0o640, "mode")
        lab.get("a", ["/proc/version"], f"{temp}/version")
        with open(f"{temp}/version", encoding="utf-8") as file:
            check(file.read().startswith("Linux version"), "/proc/version can be read")
        try:
            lab.get("a", ["/no/such/file"], f"{temp}/y")
            raise Failure("getting a file that does not exist went well")
        except LabError as error:
            check("No such file" in error.reason, error.reason)
        check(not os.path.exists(f"{temp}/y"), "nothing was made")
    lab.exec("a", ["rm", "-r", "/tmp/x"], check=True)


def kvm_is_there(lab):
    """KVM is loaded the way that was asked for"""
    words = ["sh", "-c", "cat /sys/module/kvm_amd/parameters/npt; cat /sys/module/kvm/parameters/"
             "lapic_timer_advance*; [ -c /dev/kvm ]"]
    done = lab.exec("a", words, check=True).stdout.split()
    wanted = b"Y" if lab.config["paging"] == "nested" else b"N"
    check(done[0] in (wanted, b"01"[wanted == b"Y":][:1]), f"npt is {done[0]!r}")
    check(done[1] in (b"0", b"N"), f"lapic_timer_advance is {done[1]!r}")


def client_reaches_hosts(lab):
    """the test client reaches the hosts, and nothing else"""
    for address in ("192.0.2.11", "192.0.2.12"):
        done = lab.client(["busybox", "ping", "-c", "3", "-W", "5", address])
        equal(done.status, 0, f"ping {address}")
    equal(pings(lab, "a", "client")[0], 0, "loss from host to client")
    routes = lab.client(["ip", "route", "show", "default"]).stdout
    equal(routes, b"", "default route")
    done = lab.client(["busybox", "ping", "-c", "1", "-W", "1", "198.51.100.11"])
    check(done.status != 0, "the client does not reach the logging network")


def shared_disk(lab):
    """what a host writes to a shared disk is what the other one reads"""
    direct = "dd bs=4096 count=1"
    for writer, reader in (("a", "b"), ("b", "a")):
        text = f"written by {writer}".encode()
        lab.exec(writer, ["sh", "-c", f"{direct} seek=5 conv=sync oflag=direct of=/dev/shared/data"],
                 input=text, check=True)
        got = lab.exec(reader, ["sh", "-c", f"{direct} skip=5 iflag=direct if=/dev/shared/data"])
        equal(got.stdout.rstrip(b"\0"), text, f"read by {reader}")
    equal(lab.exec("a", ["cat", "/sys/block/vda/size"]).stdout, b"16384\n", "sectors")


def tap_on_bridge(lab):
    """a tap device is a port of the host's bridge, as the NIC is"""
    done = ftlab("--lab", lab.name, "tap", "a", "tap0")
    equal((done.returncode, done.stderr), (0, b""), "ftlab tap")
    ports = lab.exec("a", ["ls", "/sys/class/net/br0/brif"]).stdout.split()
    equal(ports, [b"client", b"tap0"], "ports")
    done = ftlab("--lab", lab.name, "tap", "a", "tap0")
    check(done.returncode == 125 and b"busy" in done.stderr, f"a second one: {done.stderr!r}")
    lab.exec("a", ["ip", "link", "del", "tap0"], check=True)


def link_delay(lab):
    """link delay: what the host sends comes later, until cleared"""
    loss, before = pings(lab, "a", "b-ftlog")
    equal(loss, 0, "loss before")
    check(before < 40, f"{before} ms before")
    lab.link("a", "ftlog", "delay", 60)
    loss, during = pings(lab, "a", "b-ftlog")
    # The clocks of two emulated hosts do not run at the same speed.
    check(loss == 0 and 50 <= during < 110, f"{during} ms, {loss}% lost with a delay of 60")
    equal(pings(lab, "a", "client")[1] < 40, True, "the other NIC is not delayed")
    lab.link("a", "ftlog", "clear")
    after = pings(lab, "a", "b-ftlog")[1]
    check(after < 40, f"{after} ms afterwards")


def link_loss(lab):
    """link loss: some packets, or all of them"""
    lab.link("b", "ftlog", "loss", 50)
    lab.link("b", "ftlog", "delay", 20)
    # By the clock of the host that delays: those of two hosts differ.
    loss, shortest = pings(lab, "b", "a-ftlog", 40)
    check(10 <= loss <= 90, f"{loss}% lost of 50")
    check(shortest >= 15, f"{shortest} ms with a delay of 20 as well")
    lab.link("b", "ftlog", "loss", 100)
    equal(pings(lab, "a", "b-ftlog", 3)[0], 100, "loss in percent")
    lab.link("b", "ftlog", "clear")
    equal(pings(lab, "a", "b-ftlog")[0], 0, "loss afterwards")


def _carrier(lab, host, nic):
    return lab.exec(host, ["cat", f"/sys/class/net/{nic}/carrier"], check=True).stdout.strip()


def link_down(lab):
    """link down: carrier lost; cut: silence; the lab's own path survives both"""
    lab.link("a", "ftlog", "down")
    wait_for(lambda: _carrier(lab, "a", "ftlog") == b"0", "the carrier is lost")
    equal(pings(lab, "a", "b-ftlog", 2)[0], 100, "loss while down")
    equal(pings(lab, "a", "b")[0], 0, "loss on the other NIC")
    lab.link("a", "client", "cut")
    equal(_carrier(lab, "a", "client"), b"1", "carrier while cut")
    equal(pings(lab, "b", "a", 2)[0], 100, "loss while cut")
    nics = lab.status()["hosts"][0]["nics"]
    check(nics["ftlog"].get("down") and nics["client"].get("cut"), f"status says {nics}")
    for nic in ("ftlog", "client"):
        lab.link("a", nic, "up")
    wait_for(lambda: _carrier(lab, "a", "ftlog") == b"1", "the carrier is back")
    wait_for(lambda: pings(lab, "a", "b-ftlog", 1)[0] == 0, "packets pass again")
    equal(pings(lab, "b", "a")[0], 0, "loss afterwards")


def _state(lab, index):
    return lab.status()["hosts"][index]["state"]


def freeze_and_thaw(lab):
    """a frozen host stands still, and goes on where it was"""
    lab.exec("b", ["touch", "/tmp/here"], check=True)
    lab.freeze("b")
    equal(_state(lab, 1), "frozen", "state")
    equal(pings(lab, "a", "b-ftlog", 2)[0], 100, "loss while frozen")
    done = ftlab("--lab", lab.name, "exec", "b", "--", "true")
    check(done.returncode == 125 and b"thaw" in done.stderr, f"exec said {done.stderr!r}")
    done = ftlab("--lab", lab.name, "link", "b", "ftlog", "down")
    check(done.returncode == 125 and b"frozen" in done.stderr, f"link said {done.stderr!r}")
    lab.thaw("b")
    equal(_state(lab, 1), "up", "state")
    equal(lab.exec("b", ["ls", "/tmp/here"]).status, 0, "the file is there")
    wait_for(lambda: pings(lab, "a", "b-ftlog", 1)[0] == 0, "packets pass again")


def kill_and_start(lab):
    """a killed host is dead for all, commands on it end, and it can boot again"""
    lab.exec("b", ["touch", "/tmp/here"], check=True)
    with subprocess.Popen([sys.executable, FTLAB, "--lab", lab.name, "exec", "b", "--",
                           "sh", "-c", "echo ready; sleep 1000"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
        equal(client.stdout.readline(), b"ready\n", "output")
        pid = lab.status()["hosts"][1]["pid"]
        lab.kill("b")
        check(not os.path.exists(f"/proc/{pid}"), "the emulator is gone")
        _, errors = client.communicate(timeout=30)
        check(client.returncode == 125 and b"ended while" in errors, f"exec said {errors!r}")
    host = lab.status()["hosts"][1]
    equal((host["state"], host["reason"], host["pid"]), ("dead", "killed", None), "status")
    equal(pings(lab, "a", "b-ftlog", 2)[0], 100, "loss")
    done = ftlab("--lab", lab.name, "kill", "b")
    check(done.returncode == 125 and b"dead already" in done.stderr, f"kill said {done.stderr!r}")
    lab.start("b")
    equal(lab.exec("b", ["ls", "/tmp/here"]).status, 1, "nothing is left of the former boot")
    equal(pings(lab, "a", "b-ftlog")[0], 0, "loss after the start")


def crash(lab):
    """a kernel that panics is seen by status and by scan"""
    equal(lab.scan(new=True), [], "findings before")
    try:
        lab.exec("b", ["sh", "-c", "echo c >/proc/sysrq-trigger"], timeout=60)
        raise Failure("the host survived its crash")
    except LabError as error:
        check("kernel panic" in error.reason, error.reason)
    equal(lab.status()["hosts"][1]["reason"], "kernel panic", "reason")
    kinds = {finding.kind for finding in lab.scan(new=True)}
    check("panic" in kinds, f"scan found {kinds}")
    lab.start("b")
    equal(lab.scan(new=True), [], "findings after it was told once")


def scan_warning(lab):
    """scan passes a healthy host, finds a warning, and finds it once with --new"""
    lab.scan(new=True)
    equal(ftlab("--lab", lab.name, "scan", "--new").returncode, 0, "status of a clean scan")
    line = "WARNING: suspicious RCU usage, so the self-test says"
    lab.exec("a", ["sh", "-c", f"echo '<4>{line}' >/dev/kmsg"], check=True)
    done = ftlab("--lab", lab.name, "scan", "--new")
    equal(done.returncode, 1, "status of a scan with findings")
    check(line.encode() in done.stderr and b"lockdep" in done.stderr, f"it said {done.stderr!r}")
    equal(ftlab("--lab", lab.name, "scan", "--new").returncode, 0, "status of the next scan")
    done = ftlab("scan", "--logs", str(lab.logs), "--allow", "so the self-test says$",
                 "--allow", "sysrq: |Kernel panic|Call Trace|BUG: |Oops")
    equal((done.returncode, done.stderr), (0, b""), "scan that allows it")


TESTS = (command_status, command_not_found, every_byte, early_close, environment,
         concurrent_commands, killed_client, time_out, put_and_get, kvm_is_there,
         client_reaches_hosts, shared_disk, tap_on_bridge, link_delay, link_loss, link_down,
         freeze_and_thaw, kill_and_start, crash, scan_warning)
