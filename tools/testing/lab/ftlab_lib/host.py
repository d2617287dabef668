# SPDX-License-Identifier: GPL-2.0-only
"""One emulated host, as its lab's supervisor holds it."""

import asyncio
import os
import pathlib
import signal
import subprocess
import time

from . import frames, qemu
from .errors import LabError
from .process import die_with

# A host whose idle time is jumped over is never idle as the machine sees it: with
# nothing to do, its clock runs as fast as it can. So it is stopped when nobody has
# asked anything of it for this many seconds.
REST_AFTER = 3

# States of a host.
BOOTING, UP, FROZEN, DEAD = "booting", "up", "frozen", "dead"


class Host:
    """The emulator's process, and the commands that run inside it."""

    def __init__(self, config, name, index):
        self.config = config
        self.name = name
        self.index = index
        self.state = DEAD
        self.reason = "not started"
        self.boots = 0
        self.boot_seconds = None
        self.release = None
        self.links = {}  # NIC: {"down": bool, "cut": bool, "delay": ..., "loss": ...}
        self._process = None
        self._pidfd = None
        self._killed = None
        self._gone = None  # Event: the process was collected
        self._hello = None  # Future: what the agent said first
        self._agent = None  # StreamWriter to the agent
        self._reader_task = None
        self._streams = {}
        self._next_stream = 1
        self._users = 0  # those who need it to run
        self._resting = False
        self._rest_timer = None

    # Paths

    def socket(self, kind):
        """One of the emulator's sockets: "console", "agent" or "qmp"."""
        return f"{self.config['dir']}/{self.name}.{kind}"

    @property
    def console_log(self):
        """Everything the host ever wrote to its console."""
        return pathlib.Path(self.config["logs"], f"{self.name}.console.log")

    @property
    def qemu_log(self):
        """What the emulator itself had to say."""
        return pathlib.Path(self.config["logs"], f"{self.name}.qemu.log")

    @property
    def pid(self):
        """The emulator's process id, None when dead."""
        return self._process.pid if self._process else None

    # Life and death

    async def boot(self, timeout):
        """Starts the emulator and waits until the agent answers."""
        if self._process:
            raise LabError(f"host {self.name} is running")
        began = time.monotonic()
        self._start()
        try:
            await asyncio.wait_for(self._connect(), timeout)
        except asyncio.TimeoutError:
            await self.kill("did not boot in time")
            raise LabError(f"host {self.name} did not answer within {timeout:g} s",
                           f"see {self.console_log}, or allow more with --boot-timeout") from None
        self.boot_seconds = round(time.monotonic() - began, 1)

    def _start(self):
        for kind in ("console", "agent", "qmp"):
            pathlib.Path(self.socket(kind)).unlink(missing_ok=True)
        self.boots += 1
        self._mark(f"boot {self.boots} starts")
        self.links = {}
        self._killed = None
        self._gone = asyncio.Event()
        self._hello = asyncio.get_running_loop().create_future()
        words = qemu.command(self.config, self.name, self.index)
        with open(self.qemu_log, "ab") as log:
            try:
                self._process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                    start_new_session=True, preexec_fn=die_with(os.getpid(), signal.SIGKILL))
            except FileNotFoundError:
                raise LabError("qemu-system-x86_64 is not installed",
                               "apt-get install qemu-system-x86") from None
        self._pidfd = os.pidfd_open(self._process.pid)
        asyncio.get_running_loop().add_reader(self._pidfd, self._collect)
        self.state, self.reason = BOOTING, None

    def _collect(self):
        """The emulator's process has ended."""
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        status = self._process.wait()
        self._process = self._pidfd = None
        self._cancel_rest()
        self._resting = False
        self.state = DEAD
        self.reason = self._killed or self._why(status)
        self._mark(f"host ends: {self.reason}")
        if self._reader_task:
            self._reader_task.cancel()
        self._lost()
        if not self._hello.done():
            self._hello.set_exception(LabError(
                f"host {self.name} ended while it booted: {self.reason}",
                f"see {self.console_log} and {self.qemu_log}"))
            self._hello.exception()  # may have no one to tell
        self._gone.set()

    def _why(self, status):
        if status > 0:
            lines = self.qemu_log.read_text(errors="replace").strip().splitlines()
            return f"the emulator failed ({status}): {lines[-1] if lines else 'no message'}"
        if status < 0:
            return f"the emulator was ended by {signal.Signals(-status).name}"
        with open(self.console_log, "rb") as log:
            log.seek(0, os.SEEK_END)
            log.seek(max(0, log.tell() - 65536))
            tail = log.read().rpartition(b"ftlab: boot ")[2]
        return "kernel panic" if b"Kernel panic" in tail else "powered off or rebooted"

    def _mark(self, text):
        """A line of the lab's own in the console log; the emulator is not running."""
        with open(self.console_log, "ab") as log:
            start = b"\n" if log.tell() else b""
            log.write(start + f"ftlab: {text}\n".encode())

    async def kill(self, reason="killed"):
        """Whole-host death, at once."""
        if self._process:
            self._killed = reason
            self._process.kill()
            await self._gone.wait()

    def freeze(self):
        """Stops the emulator; the host's time stands still."""
        self._need(UP)
        self._cancel_rest()
        self._process.send_signal(signal.SIGSTOP)
        self._resting = False
        self.state = FROZEN

    def thaw(self):
        """Lets a frozen emulator go on."""
        self._need(FROZEN)
        self._process.send_signal(signal.SIGCONT)
        self.state = UP
        self._rest_soon()

    # Rest

    def attend(self):
        """Somebody needs the host to run, until leave()."""
        self._users += 1
        self._cancel_rest()
        if self._resting:
            self._resting = False
            self._process.send_signal(signal.SIGCONT)

    def leave(self):
        """Undoes attend()."""
        self._users -= 1
        self._rest_soon()

    def _rest_soon(self):
        if self._users or self.state != UP or self.config["idle"] != "jump":
            return
        self._cancel_rest()
        self._rest_timer = asyncio.get_running_loop().call_later(REST_AFTER, self._rest)

    def _cancel_rest(self):
        if self._rest_timer:
            self._rest_timer.cancel()
        self._rest_timer = None

    def _rest(self):
        self._rest_timer = None
        if self.state == UP and not self._streams:
            self._resting = True
            self._process.send_signal(signal.SIGSTOP)

    def _need(self, state):
        if self.state == state:
            return
        remedy = {FROZEN: f"ftlab thaw {self.name}", DEAD: f"ftlab start {self.name}"}
        why = f" ({self.reason})" if self.reason else ""
        raise LabError(f"host {self.name} is {self.state}{why}", remedy.get(self.state))

    # The agent

    async def _connect(self):
        while True:
            try:
                reader, self._agent = await asyncio.open_unix_connection(self.socket("agent"))
                break
            except (FileNotFoundError, ConnectionRefusedError):
                if self._hello.done():
                    break  # ended already; the future says why
                await asyncio.sleep(0.02)  # until QEMU has made its socket
        if self._agent:
            self._reader_task = asyncio.create_task(self._read(reader))
        version, text = await self._hello
        self.release, _, problem = text.partition("\n")
        if version != frames.AGENT_VERSION:
            problem += f"agent version {version}"
        if problem:
            await self.kill("did not boot properly")
            raise LabError(f"host {self.name} booted with problems: {problem}",
                           f"see {self.console_log}")
        self.state = UP
        self._rest_soon()

    async def _read(self, reader):
        decoder = frames.Decoder()
        while data := await reader.read(frames.FRAME_MAX):
            for stream, kind, payload in decoder.feed(data):
                if kind == frames.HELLO and not self._hello.done():
                    text = payload[4:].decode(errors="replace")
                    self._hello.set_result((frames.u32(payload), text))
                elif handler := self._streams.get(stream):
                    if kind in (frames.EXIT, frames.ERROR):
                        del self._streams[stream]
                        self.leave()
                    handler(kind, payload)

    def _lost(self):
        if self._agent:
            self._agent.close()
        self._agent = self._reader_task = None
        streams, self._streams = self._streams, {}
        self._users -= len(streams)
        for handler in streams.values():
            handler(None, self.reason.encode())

    def open_stream(self, command, handler):
        """Starts a command; @handler(kind, payload) gets the agent's frames.

        A kind of None says that the host is gone. Returns the stream's number.
        """
        self._need(UP)
        stream = self._next_stream
        self._next_stream = self._next_stream % 0xFFFFFFFF + 1
        self._streams[stream] = handler
        self.attend()
        self.send(stream, frames.EXEC, command)
        return stream

    def send(self, stream, kind, payload=b""):
        """Passes a frame on to the agent."""
        if self._agent and stream in self._streams:
            self._agent.write(frames.pack(kind, payload, stream))

    def close_stream(self, stream):
        """Ends a command whose user is gone."""
        self.send(stream, frames.CLOSE)
        if self._streams.pop(stream, None):
            self.leave()

    async def run(self, argv, timeout=20):
        """Runs a short command; returns (wait status, output of both kinds)."""
        done = asyncio.get_running_loop().create_future()
        output = bytearray()

        def handler(kind, payload):
            if kind in (frames.STDOUT, frames.STDERR):
                output.extend(payload)
                self.send(stream, frames.CREDIT, len(payload).to_bytes(4, "little"))
            elif not done.done():
                done.set_result((kind, payload))

        stream = self.open_stream(frames.pack_exec(argv), handler)
        self.send(stream, frames.STDIN_EOF)
        try:
            kind, payload = await asyncio.wait_for(done, timeout)
        except asyncio.TimeoutError:
            self.close_stream(stream)
            raise LabError(f"host {self.name} does not answer") from None
        if kind != frames.EXIT:
            reason = payload[4:] if kind == frames.ERROR else payload
            raise LabError(f"host {self.name}: {reason.decode(errors='replace')}")
        return frames.u32(payload), bytes(output)
