# SPDX-License-Identifier: GPL-2.0-only
"""The clients of the guest, seen from demo and scenarios: see the program clients."""

import json
import pathlib
import subprocess
import sys
import threading
import time

from cluster import GUEST_ADDRESS, HERE, Failure, wait_until

HARM = ("connections_lost", "acked_writes_lost", "bytes_wrong")
# What each client has to get done, per connection, to be seen to go on: more than can
# have been under way before.
STEP = {"redis": 5, "download": 65536, "terminal": 3}


class Client:
    """One program in the client's namespace, and its last report."""

    def __init__(self, lab, name, logs, options=()):
        self.name = name
        self.report = None
        with open(pathlib.Path(logs, f"client-{name}.log"), "wb") as log:
            self._process = lab.client_popen(
                [sys.executable, str(HERE / "clients"), name, GUEST_ADDRESS, *options],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self.report = json.loads(line)

    def has_ended(self):
        """It should not have."""
        return self._process.poll() is not None

    def abandon(self):
        """Ends it as it is: it may wait for a guest that is lost."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def stop(self):
        """Lets it check once more and end; returns its last report."""
        self._process.terminate()
        self._process.wait()
        self._reader.join()
        if not self.report or not self.report["final"]:
            raise Failure(f"client {self.name} gave no last report")
        return self.report


class Announced:
    """The addresses that are announced in the client's network, see the program announcements."""

    def __init__(self, lab):
        self._lines = []
        self._process = lab.client_popen([sys.executable, str(HERE / "announcements"), "client"],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self._process.stdout:
            self._lines.append(line.strip())

    def __enter__(self):
        wait_until("the network is listened to", lambda: self._lines)
        return self

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._reader.join()
        print(f"# announced: {sorted(set(self._lines[1:]))}", flush=True)

    def any(self):
        """Was there any?"""
        return len(self._lines) > 1

    def wait(self, line):
        """Until that was announced."""
        wait_until(f"the announcement {line!r}", lambda: line in self._lines)


class Clients:
    """All of them."""

    def __init__(self, lab, logs, patience=60, redis_connections=4, redis_pause=0.05):
        common = ("--patience", str(patience))
        redis = ("--connections", str(redis_connections), "--pause", str(redis_pause))
        self.clients = [
            Client(lab, "redis", logs, (*common, *redis)),
            Client(lab, "download", logs, common), Client(lab, "terminal", logs, common)]

    def reports(self):
        """The last report of each, by name."""
        return {client.name: client.report for client in self.clients}

    def named(self, name):
        """The one of that name."""
        return next(client for client in self.clients if client.name == name)

    def all_wait(self):
        """Have all of them been waiting for a while?"""
        return all(report["waiting_ms"] > 2000 for report in self.reports().values())

    def harm(self):
        """All that was lost or wrong so far."""
        return {name: sum(client.report[name] for client in self.clients if client.report)
                for name in HARM}

    def check(self):
        """Nothing was."""
        for client in self.clients:
            if client.has_ended() and not (client.report and client.report["final"]):
                raise Failure(f"client {client.name} has ended by itself")
        if any(self.harm().values()):
            raise Failure(f"the clients were harmed: {self.harm()}")

    def wait_progress(self, seconds=300):
        """Each connection of each client gets some way on from here; returns seconds it took."""
        began = time.monotonic()
        wait_until("all clients report", lambda: all(c.report for c in self.clients), seconds)
        before = {client: client.report["progress"] for client in self.clients}

        def gone_on():
            self.check()
            return all(new >= old + STEP[client.name] for client in self.clients
                       for old, new in zip(before[client], client.report["progress"]))

        wait_until("all clients go on", gone_on, seconds)
        return time.monotonic() - began

    def abandon(self):
        """Ends them as they are; returns the last reports."""
        for client in self.clients:
            client.abandon()
        return self.reports()

    def stop(self):
        """Ends them; returns the sums and the longest stall."""
        for client in self.clients:
            client.stop()
        return {**self.harm(), "longest_stall_ms":
                max(client.report["longest_stall_ms"] for client in self.clients)}
