# SPDX-License-Identifier: GPL-2.0-only
"""The process that owns a lab: its namespaces, its emulators, its control socket.

Everything it starts dies with it, whatever ends it: the emulators because the
kernel kills them (PR_SET_PDEATHSIG), the namespaces because nothing else holds
them. What may stay behind is its state folder, which the next `up` clears away.
"""

import asyncio
import json
import os
import pathlib
import shutil
import signal
import sys
import time
import traceback

from . import frames, links, monitor, state, switch
from .errors import LabError
from .host import DEAD, UP, Host

DMESG_TIMEOUT = 5

# What the emulator is asked about a host that does not answer, a few times: where its CPU is.
HUNG = ("info registers", "x/12i $pc", "x/64gx $sp")
SAMPLES = 5
HUNG_TIMEOUT = 20


def told(error):
    """What the user is told about an exception; the log gets the rest."""
    if isinstance(error, LabError):
        return error
    traceback.print_exception(error)
    return LabError(f"unexpected: {error!r}", "see the lab's supervisor.log")


class Request:
    """One connection to the control socket: a request and its answer."""

    def __init__(self, supervisor, reader, writer):
        self.lab = supervisor
        self.reader = reader
        self.writer = writer

    async def serve(self):
        """Reads the request, answers it, hangs up."""
        decoder = frames.Decoder()
        pending = []
        try:
            while not pending:
                data = await self.reader.read(frames.FRAME_MAX)
                if not data:
                    return
                pending += decoder.feed(data)
            _, kind, payload = pending.pop(0)
            if kind != frames.REQUEST:
                raise LabError("the control socket expects a request")
            request = json.loads(payload)
            if request.get("verb") == "exec":
                await self._exec(request, decoder, pending)
            elif request.get("verb") == "attend":
                await self._attend([self.lab.host(name) for name in request["hosts"]])
            else:
                self._reply(await self.lab.handle(request))
        except ConnectionError:
            pass
        except Exception as error:  # pylint: disable=broad-except  (all have to be told)
            self._reply(told(error).as_json())
        finally:
            self.writer.close()

    def _reply(self, value):
        self.writer.write(frames.pack_json(frames.REPLY, value))

    async def _attend(self, hosts):
        """Keeps hosts from resting until the user hangs up."""
        for host in hosts:
            host.attend()
        try:
            self._reply({})
            await self.reader.read(1)
        finally:
            for host in hosts:
                host.leave()

    async def _exec(self, request, decoder, pending):
        """Connects the user's frames with those of a command on a host."""
        host = self.lab.host(request["host"])
        over = asyncio.Event()

        def from_agent(kind, payload):
            if kind is None:
                self._reply(LabError(f"host {host.name} ended while the command ran: "
                                     + payload.decode(errors="replace")).as_json())
            else:
                self.writer.write(frames.pack(kind, payload))
            if kind in (None, frames.EXIT, frames.ERROR):
                over.set()

        command = frames.pack_exec(request["argv"], request.get("cwd", ""), request.get("env"))
        if len(command) > frames.FRAME_MAX:
            raise LabError("the command line is too long", "put a script there and run that")
        stream = host.open_stream(command, from_agent)
        to_agent = asyncio.create_task(self._forward(host, stream, decoder, pending))
        ended = asyncio.create_task(over.wait())
        await asyncio.wait({to_agent, ended}, return_when=asyncio.FIRST_COMPLETED)
        to_agent.cancel()
        ended.cancel()
        if not over.is_set():
            host.close_stream(stream)
        await self.writer.drain()

    async def _forward(self, host, stream, decoder, pending):
        allowed = (frames.STDIN, frames.STDIN_EOF, frames.CREDIT, frames.SIGNAL)
        while True:
            for _, kind, payload in pending:
                if kind in allowed:
                    host.send(stream, kind, payload)
            data = await self.reader.read(frames.FRAME_MAX)
            if not data:
                return  # the user is gone: the command goes as well
            pending = decoder.feed(data)


class Supervisor:
    """A lab from the first namespace to the last message."""

    def __init__(self, config):
        self.config = config
        self.switch = None
        self.hosts = {name: Host(config, name, index)
                      for index, name in enumerate(config["hosts"], 1)}
        self.began = time.time()
        self.ending = None  # Event, set when the lab is to go down
        self.why = None
        self.tasks = set()

    def host(self, name):
        """A host by name."""
        if name not in self.hosts:
            raise LabError(f"no host {name!r} in lab {self.config['name']}",
                           f"its hosts are {', '.join(self.hosts)}")
        return self.hosts[name]

    def end(self, why):
        """Has the lab go down."""
        if not self.ending.is_set():
            self.why = why
            self.ending.set()

    # Requests

    async def handle(self, request):
        """Every verb but exec."""
        verb = request.get("verb")
        if verb == "status":
            return self.status()
        if verb == "down":
            self.end("asked to")
            return {}
        host = self.host(request.get("host"))
        if verb == "kill":
            if host.state == DEAD:
                raise LabError(f"host {host.name} is dead already ({host.reason})")
            await host.kill()
        elif verb == "start":
            await host.boot(self.config["boot_timeout"])
        elif verb == "freeze":
            host.freeze()
        elif verb == "thaw":
            host.thaw()
        elif verb == "link":
            if host.state == DEAD:
                raise LabError(f"host {host.name} is dead", f"ftlab start {host.name}")
            host.attend()
            try:
                await links.change(host, request["nic"], request["action"], request["values"])
            finally:
                host.leave()
        else:
            raise LabError(f"no verb {verb!r}")
        return self.host_status(host)

    def host_status(self, host):
        """One host, as `ftlab status -j` shows it."""
        return {
            "name": host.name, "state": host.state, "reason": host.reason, "pid": host.pid,
            "boots": host.boots, "boot_seconds": host.boot_seconds, "release": host.release,
            "console_log": str(host.console_log),
            "nics": {nic: {"address": switch.address(nic, host.index),
                           "mac": switch.mac(nic, host.index), **host.links.get(nic, {})}
                     for nic in switch.NICS},
        }

    def status(self):
        """The lab, as `ftlab status -j` shows it."""
        keys = ("name", "kernel", "idle", "icount", "paging", "memory", "logs", "dir")
        return {
            **{key: self.config[key] for key in keys},
            "supervisor": os.getpid(), "uptime": round(time.time() - self.began, 1),
            "client": {"address": switch.CLIENT_ADDRESS,
                       "netns": f"/proc/{os.getpid()}/fd/{self.switch.client_fd}"},
            "switch_netns": f"/proc/{os.getpid()}/fd/{self.switch.switch_fd}",
            "hosts": [self.host_status(host) for host in self.hosts.values()],
        }

    # Life

    async def run(self, starter):
        """The whole life; @starter is the socket to the `up` that began it."""
        self.ending = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            loop.add_signal_handler(number, self.end, f"got {number.name}")
        reader, writer = await asyncio.open_connection(sock=starter)
        try:
            starting = asyncio.create_task(self._start(reader, writer))
            ending = asyncio.create_task(self.ending.wait())
            await asyncio.wait({starting, ending}, return_when=asyncio.FIRST_COMPLETED)
            starting.cancel()
            await ending
        finally:
            await self._stop()
            writer.close()

    async def _start(self, reader, writer):
        """Brings everything up, telling @writer, and gives up when it goes away."""
        async def watch():
            await reader.read(1)
            self.end("`up` was interrupted")

        watcher = asyncio.create_task(watch())
        try:
            await self._bring_up(writer)
            watcher.cancel()
            writer.write(frames.pack_json(frames.REPLY, self.status()))
            await writer.drain()
            writer.close()
        except Exception as error:  # pylint: disable=broad-except  (all have to be told)
            watcher.cancel()
            writer.write(frames.pack_json(frames.REPLY, told(error).as_json()))
            self.end(str(error))

    async def _bring_up(self, writer):
        self._watch_owner()
        self.switch = switch.Switch(self.config["hosts"])
        server = await asyncio.start_unix_server(self._accept, f"{self.config['dir']}/control")
        self.tasks.add(asyncio.create_task(server.serve_forever()))

        async def boot(host):
            await host.boot(self.config["boot_timeout"])
            text = f"host {host.name} is up after {host.boot_seconds} s"
            writer.write(frames.pack(frames.PROGRESS, text.encode()))

        await asyncio.gather(*(boot(host) for host in self.hosts.values()))

    async def _accept(self, reader, writer):
        await Request(self, reader, writer).serve()

    def _watch_owner(self):
        owner = self.config.get("owner")
        if not owner:
            return
        try:
            fd = os.pidfd_open(owner)
        except ProcessLookupError:
            raise LabError(f"the owner, process {owner}, does not exist") from None
        asyncio.get_running_loop().add_reader(fd, self.end, f"the owner, process {owner}, ended")

    async def _stop(self):
        print(f"going down: {self.why}", flush=True)
        await asyncio.gather(*(self._keep_dmesg(host) for host in self.hosts.values()))
        for host in self.hosts.values():
            await host.kill("lab went down")
        if self.switch:
            for pid in self.switch.client_processes():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        shutil.rmtree(self.config["dir"], ignore_errors=True)

    async def _keep_dmesg(self, host):
        if host.state != UP:
            return
        try:
            _, output = await host.run(["dmesg"], DMESG_TIMEOUT)
            pathlib.Path(self.config["logs"], f"{host.name}.dmesg").write_bytes(output)
        except LabError as error:
            print(f"no dmesg of host {host.name}: {error.reason}", flush=True)
            path = pathlib.Path(self.config["logs"], f"{host.name}.hung")
            try:
                await asyncio.wait_for(self._keep_registers(host, path), HUNG_TIMEOUT)
                print(f"where host {host.name} was: {path}", flush=True)
            except (LabError, OSError, ValueError, asyncio.TimeoutError) as problem:
                print(f"nor where host {host.name} was: {told(problem).reason}", flush=True)

    @staticmethod
    async def _keep_registers(host, path):
        with open(path, "w", encoding="utf-8") as log:
            for question in HUNG * SAMPLES:
                answer = await monitor.execute(
                    host.socket("qmp"), "human-monitor-command", {"command-line": question})
                log.write(f"(qemu) {question}\n" + answer.replace("\r", "") + "\n")


def main(folder, starter, lock_fd):
    """Runs as a process of its own, started by Lab.up()."""
    os.set_inheritable(lock_fd, False)  # held until the end; emulators must not
    config = state.load_config(folder)
    try:
        asyncio.run(Supervisor(config).run(starter))
    except Exception:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    sys.exit(0)
