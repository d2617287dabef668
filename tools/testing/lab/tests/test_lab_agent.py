# SPDX-License-Identifier: GPL-2.0-only
"""The host agent, built with ASan and UBSan, on a pseudo-terminal for a port."""

import os
import pathlib
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tty
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from ftlab_lib import frames  # noqa: E402

AGENT = pathlib.Path(__file__).resolve().parent.parent / "agent"
DEADLINE = 30  # seconds for any one answer


class Agent(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.compiler = shutil.which(os.environ.get("CC", "gcc"))
        if not cls.compiler:
            raise unittest.SkipTest("no C compiler: apt-get install gcc libc6-dev")
        temp = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temp.cleanup)
        cls.binary = f"{temp.name}/agent"
        sources = [str(path) for path in AGENT.glob("*.c")]
        subprocess.run([cls.compiler, "-g", "-O1", "-Wall", "-Wextra", "-Werror",
                        "-fsanitize=address,undefined", "-fno-sanitize-recover=all",
                        "-o", cls.binary, *sources], check=True)

    def setUp(self):
        self.port, port = os.openpty()
        tty.setraw(port)
        self.agent = subprocess.Popen([self.binary, os.ttyname(port), "no NIC client; "],
                                      stderr=subprocess.PIPE)
        self.addCleanup(self.stop)
        os.set_blocking(self.port, False)
        self.decoder, self.ready, self.waiting = frames.Decoder(), [], b""
        self.hello = self.receive()
        os.close(port)

    def stop(self):
        self.agent.kill()
        errors = self.agent.stderr.read().decode()
        self.agent.stderr.close()
        self.agent.wait()
        os.close(self.port)
        self.assertNotIn("Sanitizer", errors)
        self.assertNotIn("runtime error", errors)

    def pump(self, until):
        """Sends what waits and reads until @until() says so."""
        limit = time.monotonic() + DEADLINE
        while not until():
            if time.monotonic() > limit:
                self.fail("the agent does not answer")
            wanted = [self.port] if self.waiting else []
            can_read, can_write, _ = select.select([self.port], wanted, [], 1)
            if can_write:
                self.waiting = self.waiting[os.write(self.port, self.waiting[:4096]):]
            if can_read:
                try:
                    self.ready += self.decoder.feed(os.read(self.port, 65536))
                except OSError:  # the agent is gone
                    self.agent.wait(DEADLINE)
                    return

    def receive(self):
        self.pump(lambda: self.ready)
        return self.ready.pop(0)

    def send(self, stream, kind, payload=b""):
        self.waiting += frames.pack(kind, payload, stream)

    def start(self, stream, *argv, env=None):
        self.send(stream, frames.EXEC, frames.pack_exec(argv, "/", env))

    def finish(self, stream, credit=True):
        """Reads to the end of a stream; returns (status frame, stdout, stderr)."""
        output = {frames.STDOUT: b"", frames.STDERR: b""}
        while True:
            which, kind, payload = self.receive()
            if which != stream or kind == frames.CREDIT:
                continue
            if kind not in output:
                return (kind, frames.u32(payload)), output[frames.STDOUT], output[frames.STDERR]
            output[kind] += payload
            if credit:
                self.send(stream, frames.CREDIT, len(payload).to_bytes(4, "little"))

    def test_hello_carries_version_release_and_problem(self):
        stream, kind, payload = self.hello
        self.assertEqual((stream, kind, frames.u32(payload)),
                         (0, frames.HELLO, frames.AGENT_VERSION))
        self.assertEqual(payload[4:].decode(), f"{os.uname().release}\nno NIC client; ")

    def test_output_and_status(self):
        self.start(1, "sh", "-c", "echo out; echo err >&2; echo $X; exit 7", env={"X": "y z"})
        self.assertEqual(self.finish(1), ((frames.EXIT, 7 << 8), b"out\ny z\n", b"err\n"))

    def test_a_signal_is_reported(self):
        self.start(1, "sh", "-c", "kill -9 $$")
        self.assertEqual(self.finish(1)[0], (frames.EXIT, signal.SIGKILL))

    def test_signals_reach_the_whole_group(self):
        self.start(1, "sh", "-c", "sleep 1000 & echo ready; wait")
        self.assertEqual(self.receive()[2], b"ready\n")
        self.send(1, frames.SIGNAL, int(signal.SIGTERM).to_bytes(4, "little"))
        self.assertEqual(self.finish(1)[0], (frames.EXIT, signal.SIGTERM))

    def test_more_input_than_any_buffer_comes_back_whole(self):
        data = os.urandom(1 << 20)
        self.start(1, "cat")
        credit, pos, got = frames.STREAM_WINDOW, 0, bytearray()
        while True:
            while credit and pos < len(data):
                size = min(credit, frames.CHUNK, len(data) - pos)
                self.send(1, frames.STDIN, data[pos:pos + size])
                pos, credit = pos + size, credit - size
                if pos == len(data):
                    self.send(1, frames.STDIN_EOF)
            _, kind, payload = self.receive()
            if kind == frames.CREDIT:
                credit += frames.u32(payload)
            elif kind == frames.STDOUT:
                got += payload
                self.send(1, frames.CREDIT, len(payload).to_bytes(4, "little"))
            else:
                break
        self.assertEqual((kind, frames.u32(payload)), (frames.EXIT, 0))
        self.assertEqual(bytes(got), data)

    def test_output_stops_at_the_window_without_credit(self):
        self.start(1, "head", "-c", "1000000", "/dev/zero")
        got = 0
        while got < frames.STREAM_WINDOW:
            got += len(self.receive()[2])
        # Nothing more comes, though there would be time for it.
        self.start(3, "sleep", "0.2")
        while (frame := self.receive())[0] != 3:
            got += len(frame[2])
        self.assertEqual(got, frames.STREAM_WINDOW)
        self.send(1, frames.CREDIT, (1000000).to_bytes(4, "little"))
        status, out, _ = self.finish(1)
        self.assertEqual((status, got + len(out)), ((frames.EXIT, 0), 1000000))

    def test_input_beyond_the_window_ends_the_command(self):
        self.start(1, "sh", "-c", "echo $$; exec sleep 1000")
        pid = int(self.receive()[2])
        for _ in range(4 * frames.STREAM_WINDOW // frames.CHUNK):
            self.send(1, frames.STDIN, bytes(frames.CHUNK))
        self.pump(lambda: not self.waiting)
        self.wait_for_end(pid)

    def wait_for_end(self, pid):
        limit = time.monotonic() + DEADLINE
        while os.path.exists(f"/proc/{pid}"):
            self.assertLess(time.monotonic(), limit, "the process lives on")
            time.sleep(0.01)

    @staticmethod
    def lives(pid):
        try:
            return pathlib.Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
        except OSError:
            return False

    def test_close_kills_the_command_and_its_children(self):
        self.start(1, "sh", "-c", "sleep 1000 & echo $!; wait")
        pid = int(self.receive()[2])
        self.send(1, frames.CLOSE)
        self.pump(lambda: not self.waiting)
        limit = time.monotonic() + DEADLINE
        while self.lives(pid):
            self.assertLess(time.monotonic(), limit, "the process lives on")
            time.sleep(0.01)

    def test_a_daemon_left_behind_does_not_hold_the_command_up(self):
        self.start(1, "sh", "-c", "sleep 1000 & echo $!")
        status, out, _ = self.finish(1)
        os.kill(int(out), signal.SIGKILL)
        self.assertEqual(status, (frames.EXIT, 0))

    def test_a_command_that_does_not_exist(self):
        self.start(1, "/no/such/command")
        self.assertEqual(self.finish(1)[0], (frames.ERROR, 2))

    def test_bad_requests_are_refused_and_the_agent_goes_on(self):
        for payload in (b"", b"/", b"/\0", b"/\0x\0a\0", b"/\0009\0a\0", b"/\0-1\0a\0", b"/\x001\0a"):
            self.send(1, frames.EXEC, payload)
            self.assertEqual(self.finish(1)[0], (frames.ERROR, 22), payload)
        self.send(9, frames.STDIN, b"for nobody")
        self.send(9, 4711)
        self.start(1, "true")
        self.assertEqual(self.finish(1)[0], (frames.EXIT, 0))

    def test_a_stream_in_use_is_not_opened_twice(self):
        self.start(1, "cat")
        self.start(1, "true")
        self.assertEqual(self.receive()[1], frames.ERROR)

    def test_as_many_commands_as_there_are_streams(self):
        for stream in range(1, 66):
            self.start(stream, "sh", "-c", f"read x; exit {stream}")
        stream, kind, payload = self.receive()
        self.assertEqual((stream, kind, frames.u32(payload)), (65, frames.ERROR, 11))
        for stream in range(64, 0, -1):
            self.send(stream, frames.STDIN_EOF)
            self.assertEqual(self.finish(stream)[0], (frames.EXIT, stream << 8))

    def test_rubbish_ends_the_agent(self):
        self.waiting += b"\xff" * 64
        self.pump(lambda: self.agent.poll() is not None)
        self.assertEqual(self.agent.wait(DEADLINE), 1)


if __name__ == "__main__":
    unittest.main()
