# SPDX-License-Identifier: GPL-2.0-only
"""The control socket of a secondary that waits for its primary: there is no vCPU yet."""

import json
import pathlib
import socket
import subprocess
import tempfile
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[3]
FTVMM = TOP / "build/ftvmm/ftvmm"
SECONDS = 60    # only reached if it never answers
NOT_THERE = "the guest is not here yet: have its primary send it (ftadm vm protect)"
# What needs a vCPU, and what is said of it.
NEED_VCPU = (({"command": "pause"}, NOT_THERE), ({"command": "resume"}, NOT_THERE),
             ({"command": "record", "dir": "/nowhere/recording"}, NOT_THERE),
             ({"command": "finish"}, "the guest is not being recorded"),
             ({"command": "power"}, "a replay takes no input"),
             ({"command": "protect"}, "this is a secondary: ask its primary"),
             ({"command": "unprotect"}, "this is a secondary: ask its primary"),
             ({"command": "promote"}, "this is a secondary: ask its primary"))
NEED_NONE = ({"command": "status"}, {"command": "help"}, {"command": "events"})


def connection():
    """Both ends of a TCP connection: the primary's, and the secondary's."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        primary = socket.create_connection(listener.getsockname())
        return primary, listener.accept()[0]


class FtvmmSecondaryTest(unittest.TestCase):
    """It answers each request, and lives on."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["make", "-s", "-C", TOP / "userspace/ftvmm", FTVMM], check=True)

    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="kvm-ft-secondary-"))
        self.path = f"{folder}/control"
        primary, secondary = connection()
        self.enterContext(primary)
        with secondary:
            # pylint: disable-next=consider-using-with
            self.program = subprocess.Popen(
                [FTVMM, "--secondary", str(secondary.fileno()), "--arbiter", f"{folder}/arbiter",
                 "--control", self.path], pass_fds=[secondary.fileno()],
                stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end)
        self.control = self.enterContext(self.connect())
        self.replies = self.enterContext(self.control.makefile())

    def end(self):
        """The program is over, whatever the test has come to."""
        self.program.kill()
        self.program.communicate()

    def connect(self):
        """To the control socket, once it is there."""
        control = socket.socket(socket.AF_UNIX)
        control.settimeout(SECONDS)
        end = time.monotonic() + SECONDS
        while True:
            try:
                control.connect(self.path)
                return control
            except (FileNotFoundError, ConnectionRefusedError):
                self.assertIsNone(self.program.poll(), "the secondary has ended")
                self.assertLess(time.monotonic(), end, "there is no control socket")
                time.sleep(0.01)

    def ask(self, request):
        """What is answered to a request."""
        self.control.sendall(json.dumps(request).encode() + b"\n")
        line = self.replies.readline()
        self.assertTrue(line, f"no answer to {request}: the secondary has ended")
        return json.loads(line)

    def test_secondary_refuses_what_needs_a_vcpu(self):
        """Each of them, and it goes on waiting."""
        for request, reason in NEED_VCPU:
            with self.subTest(request=request):
                reply = self.ask(request)
                self.assertEqual((reply["ok"], reply["error"]), (False, reason))
        self.assertEqual(self.ask({"command": "status"})["role"], "secondary")

    def test_secondary_answers_the_rest(self):
        """There is no command that is not asked here, but quit."""
        replies = [self.ask(request) for request in NEED_NONE]
        self.assertEqual([reply["ok"] for reply in replies], [True, True, True])
        named = {"quit", *(request["command"] for request, _ in NEED_VCPU),
                 *(request["command"] for request in NEED_NONE)}
        self.assertEqual({one["name"] for one in replies[1]["commands"]}, named)

    def test_secondary_is_ended(self):
        """By quit."""
        self.assertTrue(self.ask({"command": "quit"})["ok"])
        self.assertEqual(self.program.wait(SECONDS), 1)


if __name__ == "__main__":
    unittest.main()
