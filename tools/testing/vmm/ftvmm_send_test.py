# SPDX-License-Identifier: GPL-2.0-only
"""ftvmm send, with a stand-in for the control socket of a guest that runs."""

import json
import pathlib
import socket
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[3]
FTVMM = TOP / "build/ftvmm/ftvmm"
SECONDS = 60    # only reached if it never ends
EVENT = {"event": "state", "state": "ended"}


class FtvmmSendTest(unittest.TestCase):
    """What is sent, how long it waits, and the exit status."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["make", "-s", "-C", TOP / "userspace/ftvmm", FTVMM],
                       stdout=subprocess.DEVNULL, check=True)

    def send(self, request, reply, events=()):
        """Has one request answered, the connection stays open; what was sent, printed, returned."""
        with tempfile.TemporaryDirectory(prefix="kvm-ft-send-") as folder, \
                socket.socket(socket.AF_UNIX) as listener:
            listener.bind(f"{folder}/socket")
            listener.listen()
            listener.settimeout(SECONDS)
            with subprocess.Popen([FTVMM, "send", f"{folder}/socket", request],
                                  stdout=subprocess.PIPE, text=True) as program:
                guest, _ = listener.accept()
                with guest, guest.makefile("rw") as stream:
                    line = json.loads(stream.readline())
                    for one in (reply, *events):
                        stream.write(json.dumps(one) + "\n")
                    stream.flush()
                    if events:
                        guest.shutdown(socket.SHUT_WR)
                    printed, _ = program.communicate(timeout=SECONDS)
        return line, [json.loads(one) for one in printed.splitlines()], program.returncode

    def test_send_ends_with_the_reply(self):
        """A request that has the word events somewhere is no other."""
        for request in ({"command": "record", "dir": "/srv/events"},
                        {"command": "record", "dir": '"command":"events"'},
                        {"command": "status", "events": True}):
            line, printed, status = self.send(json.dumps(request), {"ok": True})
            self.assertEqual((line, printed, status), (request, [{"ok": True}], 0))
        self.assertEqual(self.send("status", {"ok": True})[0], {"command": "status"})

    def test_send_waits_for_events(self):
        """Until the guest ends."""
        for request in ("events", '{ "command": "events" }', r'{"command":"\u0065vents"}'):
            line, printed, status = self.send(request, {"ok": True}, [EVENT, EVENT])
            self.assertEqual(line, {"command": "events"})
            self.assertEqual((printed, status), ([{"ok": True}, EVENT, EVENT], 0))

    def test_send_is_refused(self):
        """It waits for no events then."""
        reply = {"ok": False, "error": "there are no events"}
        self.assertEqual(self.send("events", reply)[1:], ([reply], 1))


if __name__ == "__main__":
    unittest.main()
