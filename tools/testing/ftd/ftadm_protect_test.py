# SPDX-License-Identifier: GPL-2.0-only
"""Tests of "ftadm vm protect" with a daemon that says what each test wants it to."""

import json
import os
import pathlib
import pty
import socket
import subprocess
import tempfile
import threading
import unittest

TOP = pathlib.Path(__file__).resolve().parents[3]
FTADM = TOP / "build/ftadm/ftadm-checked"
SECONDS = 60    # only reached if an answer never comes
DONE = {"ok": True, "pause_ms": 70, "snapshot_bytes": 35 << 20, "generation": 1}


def progress(**changes):
    """What a VM tells while its memory is copied."""
    return {"event": "protect_progress", "vm": "guest", "snapshot_bytes": 30 << 20,
            "memory_done": 40 << 20, "memory": 160 << 20, **changes}


class Daemon(threading.Thread):
    """Answers one client: "events", then a request, which is kept."""

    def __init__(self, path, *answers):
        super().__init__(daemon=True)
        self.answers = answers
        self.request = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._listener.settimeout(SECONDS)
        self.start()

    def run(self):
        with self._listener, self._listener.accept()[0] as client, \
                client.makefile("rw", encoding="utf-8") as lines:
            for answers in (({"ok": True},), self.answers):
                self.request = json.loads(lines.readline())
                for answer in answers:
                    print(json.dumps(answer), file=lines, flush=True)


class ProtectTest(unittest.TestCase):
    """Each test has a folder for the socket and the settings."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["make", "-s", "-C", TOP / "userspace/ftadm", "checked"], check=True)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvm-ft-ftadm-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "ftd.conf").write_text(f"socket = {self.folder}/ftd.sock\n",
                                              encoding="utf-8")

    def command(self, *options):
        """A command line."""
        return [FTADM, "-c", self.folder / "ftd.conf", "vm", "protect", "guest", "-s", "b",
                *options]

    def protect(self, *answers, options=(), **streams):
        """Returns what ftadm has printed to its outputs, and the request."""
        daemon = Daemon(self.folder / "ftd.sock", *answers)
        streams = {"stderr": subprocess.PIPE, **streams}
        done = subprocess.run(self.command(*options), stdout=subprocess.PIPE, check=True,
                              text=True, timeout=SECONDS, **streams)
        daemon.join()
        return done.stdout, done.stderr, daemon.request

    def on_terminal(self, *answers, options=()):
        """Returns what ftadm prints as messages, which are a terminal's."""
        leader, follower = pty.openpty()
        self.addCleanup(os.close, leader)
        self.protect(*answers, options=options, stderr=follower)
        os.close(follower)
        said = b""
        while True:
            try:
                more = os.read(leader, 4096)
            except OSError:     # all was read, and nobody is left who could write
                return said.decode()
            said += more

    def test_progress_on_terminal(self):
        """One line, written anew."""
        said = self.on_terminal(progress(), progress(memory_done=160 << 20), DONE)
        self.assertEqual(said, "\rsnapshot:  25 % of 160 MiB of memory, 30 MiB sent "
                               "\rsnapshot: 100 % of 160 MiB of memory, 30 MiB sent \r\n")

    def test_no_progress_elsewhere(self):
        """Neither in a file nor as JSON."""
        output, messages, _ = self.protect(progress(), DONE)
        self.assertEqual((output, messages), (
            "VM guest is protected by b: stood still for 70 ms, snapshot of 36700160 bytes\n", ""))
        (self.folder / "ftd.sock").unlink()
        self.assertEqual(self.on_terminal(progress(), DONE, options=("-j",)), "")

    def test_request(self):
        """What is asked for; and what is said of a verified protection."""
        plain = {"command": "protect", "vm": "guest", "host": "b", "verify": False,
                 "dry_run": False}
        self.assertEqual(self.protect(DONE)[2], plain)
        (self.folder / "ftd.sock").unlink()
        output, _, request = self.protect({**DONE, "verify": True}, options=("--verify", "-n"))
        self.assertEqual(request, {**plain, "verify": True, "dry_run": True})
        self.assertEqual(output, "VM guest can be protected by b\n")
        (self.folder / "ftd.sock").unlink()
        _, _, request = self.protect(DONE, options=("--verify", "--hash-interval", "200000"))
        self.assertEqual(request, {**plain, "verify": True, "hash_interval": 200000})
        (self.folder / "ftd.sock").unlink()
        output, _, _ = self.protect({**DONE, "verify": True}, options=("--verify",))
        self.assertIn("VM guest is protected by b, and verified: ", output)

    def test_progress_that_makes_no_sense(self):
        """Is not shown."""
        for wrong in ({"memory": 0}, {"memory_done": 161 << 20}, {"memory_done": -1},
                      {"vm": "other"}, {"vm": None}, {"memory": "all"}, {"event": "primary"}):
            self.assertEqual(self.on_terminal(progress(**wrong), DONE), "", wrong)
            (self.folder / "ftd.sock").unlink()


if __name__ == "__main__":
    unittest.main()
