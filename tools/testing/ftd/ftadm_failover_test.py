# SPDX-License-Identifier: GPL-2.0-only
"""Tests of "ftadm vm promote|test-failover" with stand-ins for ftd and the VMM."""

import json
import pathlib
import signal
import socketserver
import subprocess
import tempfile
import threading
import unittest

TOP = pathlib.Path(__file__).resolve().parents[3]
FTADM = TOP / "build/ftadm/ftadm-checked"
STUB = TOP / "build/ftd/stub_vmm"
SECONDS = 60    # only reached if an answer never comes
PRIMARY = {"name": "guest", "role": "primary", "generation": 3, "peer": "192.0.2.2",
           "replayed_bytes": 100, "ok": True}
FIGURES = {"takeover_ms": 70, "decision_ms": 20, "resent": 5}
SECONDARY = {"ok": True, "status": {"role": "secondary", "generation": 3}}
LIVE = {"ok": True, "status": {"role": "unprotected", "generation": 3, **FIGURES}}
NOBODY = {"ok": False, "refused": [{"name": "NO_VM", "text": "no VM", "remedy": "find it"}]}


class Server(socketserver.ThreadingUnixStreamServer):
    """A control socket whose answers to a command come one after the other, the last for ever."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, path, **answers):
        self.answers = {command: list(replies) for command, replies in answers.items()}
        self.requests = []
        super().__init__(str(path), Client)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, request):
        """The next one."""
        self.requests.append(request)
        replies = self.answers[request["command"]]
        return replies.pop(0) if len(replies) > 1 else replies[0]


class Client(socketserver.StreamRequestHandler):
    """One client of a server."""

    def handle(self):
        for line in self.rfile:
            reply = json.dumps(self.server.answer(json.loads(line)))
            self.wfile.write(reply.encode() + b"\n")


class FailoverTest(unittest.TestCase):
    """Each test has a folder for sockets and settings."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["make", "-s", "-C", TOP / "userspace/ftadm", "checked"], check=True)
        subprocess.run(["make", "-s", "-C", TOP / "userspace/ftd", STUB], check=True)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvm-ft-ftadm-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "ftd.conf").write_text(
            f"socket = {self.folder}/ftd.sock\nvm-sockets = {self.folder}\n", encoding="utf-8")

    def serve(self, name, **answers):
        """A control socket in the folder."""
        server = Server(self.folder / name, **answers)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server

    def ftadm(self, *arguments):
        """Returns status, output and messages."""
        done = subprocess.run([FTADM, "-c", self.folder / "ftd.conf", *arguments], text=True,
                              check=False, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=SECONDS)
        return done.returncode, done.stdout, done.stderr

    def test_promote(self):
        """The figures are those of both sides."""
        done = {"ok": True, "peer": "192.0.2.2", "stopped_ms": 40}
        vm = self.serve("guest.sock", status=[PRIMARY], promote=[done])
        ftd = self.serve("ftd.sock", look=[SECONDARY, NOBODY, SECONDARY, LIVE])
        status, output, _ = self.ftadm("-j", "vm", "promote", "guest")
        self.assertEqual((status, json.loads(output)), (0, {**done, **FIGURES, "vm": "guest"}))
        self.assertEqual(vm.requests, [{"command": "status"}, {"command": "promote"}])
        self.assertEqual(ftd.requests,
                         4 * [{"command": "look", "vm": "guest", "host": "192.0.2.2"}])
        ftd.answers["look"] = [SECONDARY, LIVE]
        status, output, _ = self.ftadm("vm", "promote", "guest")
        self.assertEqual(status, 0)
        self.assertRegex(output, "VM guest runs on 192.0.2.2: 70 ms after .*, 20 ms after .*; 5 pa")
        self.assertIn("stood still here for 40 ms", output)

    def test_promote_fails(self):
        """The VM says why; or another generation of it is there."""
        error = {"ok": False, "error": "not handed over", "remedy": "see its messages"}
        self.serve("guest.sock", status=[PRIMARY], promote=[error])
        self.serve("ftd.sock", look=[SECONDARY])
        status, _, messages = self.ftadm("vm", "promote", "guest")
        self.assertEqual((status, messages), (1, "ftadm: not handed over: see its messages\n"))

    def test_refused(self):
        """Nothing is done unless there is a secondary that is seen to follow."""
        other = {"ok": True, "status": {"role": "secondary", "generation": 2}}
        for status, look, reason in (
                ({**PRIMARY, "role": "unprotected"}, SECONDARY, "the VM is not protected"),
                ({**PRIMARY, "role": "secondary"}, SECONDARY, "this is the secondary"),
                ({**PRIMARY, "replayed_bytes": 0}, SECONDARY, "does not replay yet"),
                ({**PRIMARY, "peer": "x" * 64}, SECONDARY, "does not replay yet"),
                ({"ok": False, "error": "no word"}, SECONDARY, "no word"),
                (PRIMARY, other, "its secondary is not where it should be"),
                (PRIMARY, LIVE, "its secondary is not where it should be"),
                (PRIMARY, {"ok": True}, "its secondary is not where it should be"),
                (PRIMARY, NOBODY, "NO_VM: no VM: find it")):
            with self.subTest(reason):
                vm = self.serve("guest.sock", status=[status])
                self.serve("ftd.sock", look=[look])
                for words in (("promote",), ("test-failover", "--yes")):
                    code, output, messages = self.ftadm("vm", words[0], "guest", *words[1:])
                    self.assertEqual(code, 1)
                    self.assertIn(reason, output + messages)
                self.assertEqual(vm.requests, 2 * [{"command": "status"}])
                self.remove_sockets()

    def remove_sockets(self):
        """The next servers have the same names."""
        for path in self.folder.glob("*.sock"):
            path.unlink()

    def test_dry_run(self):
        """Says what would be done."""
        vm = self.serve("guest.sock", status=[PRIMARY])
        self.serve("ftd.sock", look=[SECONDARY])
        self.assertEqual(self.ftadm("vm", "promote", "guest", "-n")[:2],
                         (0, "VM guest would move to 192.0.2.2\n"))
        status, output, _ = self.ftadm("vm", "test-failover", "guest", "-n")
        self.assertEqual(status, 0)
        self.assertRegex(output, r"process \d+ would be killed: VM guest would move to 192.0.2.2")
        self.assertEqual({request["command"] for request in vm.requests}, {"status"})

    def start_vm(self):
        """A primary that can be killed."""
        state = self.folder / "state"
        state.write_text(json.dumps(PRIMARY), encoding="utf-8")
        vm = subprocess.Popen([STUB, "--state", state, "--control", self.folder / "guest.sock"])
        self.addCleanup(vm.wait)
        self.addCleanup(vm.kill)
        while self.ftadm("vm", "status", "guest")[0]:
            self.assertIsNone(vm.poll())
        return vm

    def test_failover(self):
        """The VM's process is killed, if that was meant."""
        vm = self.start_vm()
        self.serve("ftd.sock", look=[SECONDARY, SECONDARY, LIVE])
        status, _, messages = self.ftadm("vm", "test-failover", "guest")
        self.assertEqual(status, 1)
        self.assertIn(f"it kills process {vm.pid}, the primary of VM guest: say --yes", messages)
        self.assertIsNone(vm.poll())
        status, output, _ = self.ftadm("-j", "vm", "test-failover", "guest", "-y")
        self.assertEqual((status, json.loads(output)),
                         (0, {"ok": True, "vm": "guest", "peer": "192.0.2.2", **FIGURES}))
        self.assertEqual(vm.wait(SECONDS), -signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
