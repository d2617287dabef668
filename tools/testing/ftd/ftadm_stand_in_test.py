# SPDX-License-Identifier: GPL-2.0-only
"""Tests of "ftadm vm promote|test-failover" and "stats", with stand-ins for ftd and the VMM."""

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
WON = {"ok": True, "status": {"role": "unprotected", "generation": 3}}
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


class StandInTest(unittest.TestCase):
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

    def remove_sockets(self):
        """The next servers have the same names."""
        for path in self.folder.glob("*.sock"):
            path.unlink()


class FailoverTest(StandInTest):
    """The VM is to run where its secondary is."""

    def test_promote(self):
        """The figures are those of both sides."""
        done = {"ok": True, "peer": "192.0.2.2", "stopped_ms": 40}
        vm = self.serve("guest.sock", status=[PRIMARY], promote=[done])
        ftd = self.serve("ftd.sock", look=[SECONDARY, NOBODY, SECONDARY, WON, LIVE])
        status, output, _ = self.ftadm("-j", "vm", "promote", "guest")
        self.assertEqual((status, json.loads(output)), (0, {**done, **FIGURES, "vm": "guest"}))
        self.assertEqual(vm.requests, [{"command": "status"}, {"command": "promote"}])
        self.assertEqual(ftd.requests,
                         5 * [{"command": "look", "vm": "guest", "host": "192.0.2.2"}])
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


class StatsTest(StandInTest):
    """What is told of VMs, and what it is compared with."""

    def status(self, log, **changes):
        """Of a primary whose log has come so far."""
        return {"ok": True, "role": "primary", "generation": 1, "log_bytes": log, "entries": 7,
                "committed_bytes": 500, "replayed_bytes": 400, "lag_ms": 12, "held_ms": 0,
                "outputs_released": 2, "output_held_us": 900, **changes}

    def samples(self, count, *statuses):
        """The first samples of each second."""
        self.serve("guest.sock", status=list(statuses))
        with subprocess.Popen([FTADM, "-c", self.folder / "ftd.conf", "-j", "stats", "-i", "1"],
                              stdout=subprocess.PIPE, text=True) as stats:
            rows = [json.loads(stats.stdout.readline()) for _ in range(count)]
            stats.terminate()
        return [row[0] for row in rows]

    def test_once(self):
        """A table, or JSON; a VM without protection has little to tell."""
        self.serve("guest.sock", status=[self.status(600)])
        self.serve("plain.sock", status=[{"ok": True, "role": "unprotected"}])
        self.serve("odd.sock", status=[{"ok": True, "role": 1, "log_bytes": "x", "lag_ms": -1}])
        self.serve("bad.sock", status=[{"ok": False}])
        self.serve("other name.sock", status=[self.status(1)])
        status, output, _ = self.ftadm("stats")
        self.assertEqual(status, 0)
        lines = [line.split() for line in output.splitlines()]
        self.assertEqual(lines[1:], [
            "guest primary 600 500 400 7 12 0 - -".split(),
            "odd - - - - - - - -".split(), "plain unprotected - - - - - - - -".split()])
        status, output, _ = self.ftadm("-j", "stats")
        rows = json.loads(output)
        self.assertEqual([row["name"] for row in rows], ["guest", "odd", "plain"])
        self.assertEqual((rows[0]["lag_ms"], rows[0]["output_held_us"]), (12, 900))

    def test_rates(self):
        """Per second since the last sample; none at first."""
        first, second = self.samples(2, self.status(1000), self.status(4000, entries=70))
        self.assertNotIn("log_bytes_per_s", first)
        self.assertEqual(second["log_bytes"], 4000)
        # The pause is a second at least; how long it was is not known here.
        self.assertTrue(100 < second["log_bytes_per_s"] <= 3000)
        self.assertAlmostEqual(second["log_bytes_per_s"] / second["entries_per_s"], 3000 / 63)
        self.assertEqual(second["outputs_released_per_s"], 0)

    def test_no_rates(self):
        """Of another protection, or of what has shrunk."""
        _, second, third = self.samples(3, self.status(1000), self.status(4000, generation=2),
                                        self.status(3000, generation=2))
        self.assertNotIn("log_bytes_per_s", second)
        self.assertNotIn("log_bytes_per_s", third)
        self.assertEqual(third["entries_per_s"], 0)

    def test_interval(self):
        """Is a number of seconds."""
        for wrong in ("0", "-1", "x", "1x", "86401", "99999999999999999999"):
            status, _, messages = self.ftadm("stats", "-i", wrong)
            self.assertEqual(status, 2)
            self.assertIn("--interval is 1 to 86400 seconds", messages)
        self.assertEqual(self.ftadm("vm", "list", "-i", "1")[0], 2)


if __name__ == "__main__":
    unittest.main()
