# SPDX-License-Identifier: GPL-2.0-only
"""Tests of "ftadm host|vm|events" with ftd itself, on one host, and stubs of ftvmm.

A VM cannot be protected by its own host: what is seen here is that it is refused, by name.
That protection is brought about is tested by userspace/ftd/tests/pairing_test.c.
"""

import json
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[3]
FTADM = TOP / "build/ftadm/ftadm-checked"
FTD = TOP / "build/ftd/ftd"
STUB = TOP / "build/ftd/stub_vmm"
SECONDS = 60    # only reached if an answer never comes

CONFIG = """\
interface = lo
address = 127.0.0.1
port = {port}
secret = {folder}/secret
ftvmm = {stub}
vm-sockets = {folder}/vm
socket = {folder}/ftd.sock
logs = {folder}/logs

[hosts]
self = 127.0.0.1
"""


def free_port():
    """A TCP port that nobody listens at."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class FtadmTest(unittest.TestCase):
    """Each test has a daemon and a VM, "guest"."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["make", "-s", "-C", TOP / "userspace/ftadm", "checked"], check=True)
        for target in (FTD, STUB):
            subprocess.run(["make", "-s", "-C", TOP / "userspace/ftd", target], check=True)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvm-ft-ftadm-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.config = self.folder / "ftd.conf"
        self.config.write_text(CONFIG.format(port=free_port(), folder=self.folder, stub=STUB),
                               encoding="utf-8")
        secret = self.folder / "secret"
        secret.write_text("aiNg5eikee0ahzaiShohPhoh4ahngiP7\n", encoding="utf-8")
        secret.chmod(0o600)
        self.start(FTD, "-c", self.config)
        self.wait_for(self.folder / "ftd.sock")
        self.start_vm("guest")

    def start(self, *command, **options):
        """A process that ends with the test at the latest."""
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, **options)
        self.addCleanup(self.stop, process)
        return process

    @staticmethod
    def stop(process, number=signal.SIGTERM):
        """End it, and see that it has."""
        process.send_signal(number)
        process.wait(SECONDS)
        if process.stdout:
            process.stdout.close()

    def wait_for(self, path):
        """Until somebody listens at a socket."""
        deadline = time.monotonic() + SECONDS
        while True:
            with socket.socket(socket.AF_UNIX) as client:
                try:
                    client.connect(str(path))
                    return
                except OSError:
                    self.assertLess(time.monotonic(), deadline, f"nobody listens at {path}")
            time.sleep(0.01)

    def start_vm(self, name):
        """What ftd and ftadm see of a VM."""
        state = {"name": name, "role": "none", "state": "running", "memory": 64 << 20,
                 "generation": 3, "disks": [], "nets": []}
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(state), encoding="utf-8")
        path = self.folder / f"vm/{name}.sock"
        process = self.start(STUB, "--state", file, "--control", path)
        self.wait_for(path)
        return process

    def ftadm(self, *arguments):
        """Returns status, output and messages."""
        done = subprocess.run([FTADM, "-c", self.config, *arguments], text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=SECONDS)
        return done.returncode, done.stdout, done.stderr

    def test_vm_list(self):
        """All VMs, and what killed ones have left."""
        status, output, _ = self.ftadm("vm", "list")
        self.assertEqual(status, 0)
        self.assertRegex(output, r"NAME .*\nguest +none +running +64 MiB +3 +-\n$")
        self.stop(self.start_vm("killed"), signal.SIGKILL)
        status, output, _ = self.ftadm("-j", "vm", "list")
        vms = {vm["name"]: vm for vm in json.loads(output)}
        self.assertEqual((status, sorted(vms)), (0, ["guest", "killed"]))
        self.assertEqual((vms["guest"]["ok"], vms["killed"]["ok"]), (True, False))

    def test_vm_status(self):
        """Of one VM."""
        status, output, _ = self.ftadm("vm", "status", "guest")
        self.assertEqual(status, 0)
        self.assertRegex(output, r"(?m)^role +none$")
        status, output, _ = self.ftadm("-j", "vm", "status", "guest")
        self.assertEqual((status, json.loads(output)["generation"]), (0, 3))

    def test_vm_status_of_none(self):
        """What is no VM is refused."""
        for name, reason in (("other", "it does not run"), ("../ftd", "there is no VM")):
            status, _, messages = self.ftadm("vm", "status", name)
            self.assertEqual(status, 1)
            self.assertIn(reason, messages)

    def test_vm_protect_is_refused(self):
        """By name, with the remedy, in both forms."""
        for more in ((), ("--dry-run",)):
            arguments = ("vm", "protect", "guest", "--secondary", "self", *more)
            status, output, _ = self.ftadm(*arguments)
            self.assertEqual(status, 1)
            self.assertRegex(output, "(?m)^refused  [A-Z_]+: .*: .*$")
            status, output, _ = self.ftadm("-j", *arguments)
            reply = json.loads(output)
            self.assertEqual((status, reply["ok"], reply["vm"]), (1, False, "guest"))
            for one in reply["refused"]:
                self.assertEqual(set(one), {"name", "text", "remedy"})

    def test_vm_protect_without_ftd(self):
        """It says what is missing."""
        self.config.write_text(self.config.read_text(encoding="utf-8").replace("ftd.sock", "x"),
                               encoding="utf-8")
        status, _, messages = self.ftadm("vm", "protect", "guest", "-s", "self")
        self.assertEqual(status, 1)
        self.assertRegex(messages, "ftd does not answer at .*: it does not run")

    def test_vm_unprotect(self):
        """A VM that is not protected."""
        status, _, messages = self.ftadm("vm", "unprotect", "guest", "--dry-run")
        self.assertEqual(status, 1)
        self.assertIn("the VM is not protected", messages)
        status, _, messages = self.ftadm("vm", "unprotect", "guest")
        self.assertEqual(status, 1)
        self.assertIn("there is no such command", messages)     # of the stub

    def test_hosts(self):
        """Those of the settings; and what is in the way on this one."""
        status, output, _ = self.ftadm("-j", "host", "list")
        self.assertEqual((status, json.loads(output)),
                         (0, [{"name": "self", "address": "127.0.0.1"}]))
        status, output, _ = self.ftadm("-j", "host", "check")
        found = json.loads(output)
        self.assertEqual(found["ok"], not found["refused"])
        self.assertEqual(status, 0 if found["ok"] else 1)
        self.assertNotIn("FTD", [one["name"] for one in found["refused"]])

    def next_event(self, events, name):
        """The next event of that name."""
        for line in events.stdout:
            event = json.loads(line)
            if event["event"] == name:
                return event
        self.fail(f"no event {name} came")

    def test_events(self):
        """Of VMs that are there, that come, and that go; and of ftd."""
        events = self.start(FTADM, "-c", self.config, "events", stdout=subprocess.PIPE, text=True)
        self.assertEqual(self.next_event(events, "subscribed")["vm"], "guest")
        self.assertTrue(self.next_event(events, "subscribed")["ftd"])
        other = self.start_vm("other")
        self.assertEqual(self.next_event(events, "subscribed")["vm"], "other")
        self.stop(other, signal.SIGKILL)
        self.assertEqual(self.next_event(events, "closed")["vm"], "other")
        with socket.create_connection(("127.0.0.1", self.port())) as stranger:
            stranger.sendall(b"GET / HTTP/1.1\n")
            event = self.next_event(events, "pairing_refused")
        self.assertEqual(event["refused"][0]["name"], "NOT_FTD")

    def port(self):
        """Of ftd."""
        text = self.config.read_text(encoding="utf-8")
        return int(text.split("port = ")[1].split()[0])

    def test_wrong_settings(self):
        """Are told with the file's name."""
        self.config.write_text("interfaces = lo\n", encoding="utf-8")
        status, _, messages = self.ftadm("vm", "list")
        self.assertEqual(status, 1)
        self.assertIn("ftd.conf: there is no setting 'interfaces'", messages)
        status, _, messages = self.ftadm("log", "stat", "/nowhere")     # which needs none
        self.assertIn("cannot open /nowhere", messages)
        self.config.write_text("", encoding="utf-8")
        status, output, _ = self.ftadm("host", "check")
        self.assertEqual(status, 1)
        self.assertIn("refused  CONFIG: the logging interface is not set", output)

    def test_command_lines(self):
        """Wrong ones end with status 2; and each command has a help."""
        for arguments in (("vm",), ("vm", "list", "x"), ("vm", "protect", "guest"),
                          ("vm", "list", "--dry-run"), ("vm", "status", "guest", "-s", "b"),
                          ("events", "x"), ("vm", "burn", "guest"),
                          ("vm", "unprotect", "guest", "--verify")):
            self.assertEqual(self.ftadm(*arguments)[0], 2, arguments)
        status, output, _ = self.ftadm("vm", "protect", "--help")
        self.assertEqual(status, 0)
        self.assertIn("--secondary HOST [--verify] [--hash-interval N] [--dry-run]", output)


class FtdTest(unittest.TestCase):
    """What ftd says of settings that it cannot start with."""

    def test_refuses_bad_settings(self):
        """All that is wrong is told, with a remedy."""
        subprocess.run(["make", "-s", "-C", TOP / "userspace/ftd", FTD], check=True)
        with tempfile.TemporaryDirectory(prefix="kvm-ft-ftd-") as folder:
            config = pathlib.Path(folder) / "ftd.conf"
            for text, reason in (
                    ("", "the logging interface is not set"),
                    ("interface = lo\nport = 0\n", "port is 1 to 65535, not '0'"),
                    ("interface = lo\nverify = 1\n", "verify is yes or no, not '1'"),
                    ("interface = lo\nports = 1\n", "there is no setting 'ports'"),
                    ("interface = lo\n[host]\na = b\n", r"there is no section \[host\]"),
                    ("interface\n", "cannot understand line 1"),
                    ("interface = lo\nftvmm = /nowhere\n", "FTVMM: cannot run /nowhere"),
                    ("interface = lo\nftvmm = /bin/true\nsecret = /etc/passwd\n", "SECRET_MODE"),
                    ("interface = lo\nftvmm = /bin/true\nsecret = /nowhere\n", "SECRET_FILE")):
                config.write_text(text, encoding="utf-8")
                done = subprocess.run([FTD, "-c", config], stderr=subprocess.PIPE, text=True,
                                      check=False, timeout=SECONDS)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, reason)

    def test_documented(self):
        """The manual page has the settings that there are, and no others."""
        folder = TOP / "userspace/ftd"
        source = (folder / "config.c").read_text(encoding="utf-8")
        known = set(re.findall(r'\{ "([a-z-]+)",\s+offsetof', source) +
                    re.findall(r'strcmp\(name, "([a-z-]+)"\)', source))
        self.assertIn("ftvmm-option", known)
        page = (folder / "ftd.conf.5").read_text(encoding="utf-8")
        self.assertEqual(set(re.findall(r"^\.TP\n\.B ([a-z-]+)$", page, re.MULTILINE)), known)

    def test_reasons_are_documented(self):
        """ftd.rst has the names of all reasons, and no others."""
        source = "".join(file.read_text(encoding="utf-8")
                         for file in (TOP / "userspace/ftd").glob("*.c"))
        names = set(re.findall(r'(?:findings_add\([^"]*|refuse\(t, |^\t\{ |with %s: )"?'
                               r'([A-Z][A-Z_]+)[":]', source, re.MULTILINE))
        self.assertIn("TOO_MANY", names)
        text = (TOP / "Documentation/ftd.rst").read_text(encoding="utf-8")
        table = text[text.index("\nReasons\n"):text.index("\nftd's socket\n")]
        self.assertEqual(set(re.findall("``([A-Z_]+)``", table)), names)


if __name__ == "__main__":
    unittest.main()
