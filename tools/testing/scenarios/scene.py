# SPDX-License-Identifier: GPL-2.0-only
"""What a scenario has to act with: hosts, the guest, its clients."""

from client_side import HARM, Clients
from cluster import Failure
from ftlab_lib import LabError


class Scene:
    """Use in a `with`: at its end the clients end, and the guest's messages are kept."""

    def __init__(self, cluster, logs):
        self.cluster = cluster
        self.lab = cluster.lab
        self.logs = logs
        self.clients = None

    def serve(self, host, **options):
        """Boots the guest on a host and lets the clients begin; see Clients for options."""
        self.cluster.boot(host)
        self.clients = Clients(self.lab, self.logs, **options)
        self.clients.wait_progress()

    def protect(self, primary, secondary):
        """The guest serves, is protected, and the clients have got on since."""
        self.serve(primary)
        self.cluster.protect(primary, secondary)
        self.clients.wait_progress()
        self.cluster.check_protected(primary)

    def expect_unharmed(self, host):
        """The guest runs on this host alone, and its clients go on as if nothing had been."""
        self.clients.wait_progress()
        running = self.cluster.running()
        if running != [host]:
            raise Failure(f"the guest runs on {running}, not on host {host} alone")
        harm = self.stop_clients()
        print(f"# clients: {harm}", flush=True)
        if any(harm[name] for name in HARM):
            raise Failure(f"the clients were harmed: {harm}")

    def stop_clients(self):
        """Lets the clients check once more and end; returns what came of them."""
        clients, self.clients = self.clients, None
        return clients.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.clients:
            try:
                self.stop_clients()
            except Failure as error:
                print(f"# {error}")
        for host in self.lab.status()["hosts"]:
            if host["state"] == "up":
                self._keep(host["name"])

    def _keep(self, host):
        try:
            said = self.cluster.messages(host)
        except LabError as error:
            said = f"not readable: {error.reason}\n"
        (self.logs / f"{host}.guest.log").write_text(said, encoding="utf-8")
