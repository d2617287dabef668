# SPDX-License-Identifier: GPL-2.0-only
"""What a scenario has to act with: hosts, the guest, its clients, and chance."""

import concurrent.futures
import random
import time

from client_side import HARM, Clients
from cluster import HOSTS, SECONDS, Failure, Refused, wait_until
from ftlab_lib import LabError

LONGEST_MOMENT = 3  # seconds
MISCOUNT = "/sys/module/kvm_ft_lab_pmu/parameters/miscount"


class Scene:
    """A lab in which one scenario after the other is played, in a `with` each.

    primary: the host that runs the guest, or is to boot it; secondary: the other one.  Who
    plays a scenario leaves both hosts as able as they were; at the next one's beginning the
    dead ones boot, and a guest that is protected is not any more.
    """

    def __init__(self, cluster):
        self.cluster = cluster
        self.lab = cluster.lab
        self.primary, self.secondary = HOSTS
        self.booted = False
        self.clients = None
        self.random = None
        self.logs = None
        self.diverges = False       # a secondary is meant to

    def begin(self, logs, seed):
        """The next scenario; returns self, for a `with`."""
        self.logs = logs
        self.random = random.Random(seed)
        self.diverges = False
        return self

    def restore(self):
        """All is as able as at the first scenario's beginning."""
        for host in self.lab.status()["hosts"]:
            if host["state"] != "up":
                self.cluster.revive(host["name"])
        for host in HOSTS:
            self.cluster.forget_messages(host)
        self._find_guest()

    def _find_guest(self):
        running = self.cluster.running()
        if len(running) > 1:
            raise Failure("two hosts run the guest")
        self.booted = bool(running)
        if not self.booted:
            return
        self.move_to(running[0])
        if self.cluster.ask(self.primary, "status")["role"] == "primary":
            self.cluster.unprotect(self.primary, self.secondary)

    def move_to(self, host):
        """The guest runs there now."""
        self.primary = host
        self.secondary = next(other for other in HOSTS if other != host)

    # What scenarios begin with

    def boot(self):
        """The guest runs and serves."""
        if not self.booted:
            self.cluster.boot(self.primary)
        self.booted = True

    def power_off(self):
        """The guest shuts down and is off, if it is not."""
        if self.booted:
            self.cluster.power_off(self.primary)
        self.booted = False

    def serve(self, **options):
        """The guest serves, and clients use it; see Clients for options."""
        self.boot()
        self.start_clients(**options)

    def start_clients(self, **options):
        """Clients begin to use the guest."""
        self.clients = Clients(self.lab, self.logs, **{"patience": SECONDS, **options})
        self.clients.wait_progress()

    def protect(self, **options):
        """The guest serves, is protected, and the clients have got on since."""
        self.serve(**options)
        self.protect_again()

    def protect_again(self):
        """The guest, which runs, can be protected, and its clients get on."""
        self.cluster.protect(self.primary, self.secondary)
        self.clients.wait_progress()
        self.cluster.check_protected(self.primary)

    def moment(self, longest=LONGEST_MOMENT):
        """Some time passes, which chance chooses: what comes then can come at any moment."""
        seconds = self.random.uniform(0, longest)
        print(f"# {seconds:.2f} s later", flush=True)
        time.sleep(seconds)

    def begin_to_protect(self):
        """Asks for a secondary, in a thread; returns the future."""
        executor = concurrent.futures.ThreadPoolExecutor(1)
        future = executor.submit(self.cluster.ask_to_protect, self.primary, self.secondary)
        executor.shutdown(wait=False)
        return future

    def wait_snapshot(self, future, mebibytes):
        """Until so much of the snapshot was received, or it has been all of it already."""
        def received():
            return int(self.cluster.run(
                self.secondary, "cat /sys/class/net/ftlog/statistics/rx_bytes"))

        enough = received() + (mebibytes << 20)
        wait_until(f"{mebibytes} MiB of the snapshot", every=0.05,
                   happened=lambda: future.done() or received() >= enough)

    def begin_snapshot(self, most):
        """The guest serves, and up to so many MiB of its snapshot are through; the future."""
        self.serve()
        future = self.begin_to_protect()
        self.wait_snapshot(future, self.random.randint(1, most))
        return future

    def lag(self):
        """Bytes of the log that the secondary has received and not replayed."""
        status = self.cluster.check_protected(self.primary)
        return status["committed_bytes"] - status["replayed_bytes"]

    def make_diverge(self):
        """The secondary counts wrong from now on, so that its guest has to diverge."""
        self.diverges = True
        self.cluster.run(self.secondary, f"echo 1 >{MISCOUNT}")

    # What they end with

    def expect_divergence(self):
        """The secondary has said so; it counts right again."""
        if not self.cluster.divergences(self.secondary):
            raise Failure(f"the secondary on host {self.secondary} has not diverged")
        self.cluster.run(self.secondary, f"echo 0 >{MISCOUNT}")

    def expect_takeover(self):
        """The secondary goes live, and the clients go on as if nothing had been."""
        self.cluster.wait_event(self.secondary, "live")
        self.expect_unharmed(self.secondary)

    def expect_one_host(self):
        """One host runs the guest on, and the other one's ftvmm has ended."""
        wait_until("one side runs the guest, and the other one has ended", lambda: sorted(
            self.cluster.has_process(host) for host in HOSTS) == [False, True])
        running = wait_until("the guest runs", self.cluster.running)
        if len(running) != 1:
            raise Failure(f"the guest runs on {running}")
        self.move_to(running[0])

    def wait_unprotected(self):
        """The primary knows that it has no secondary any more."""
        wait_until(f"the guest on host {self.primary} is unprotected",
                   lambda: self.cluster.ask(self.primary, "status")["role"] == "unprotected")

    def expect_refused(self, reason):
        """The guest cannot be protected, for the reason of that name; nothing was started."""
        try:
            self.cluster.ask_to_protect(self.primary, self.secondary)
        except Refused as error:
            if reason not in str(error):
                raise
        else:
            raise Failure(f"the guest was protected all the same: not refused as {reason}")
        if self.cluster.has_process(self.secondary):
            raise Failure(f"host {self.secondary} has started a secondary all the same")

    def expect_protected(self):
        """The guest runs on where it was, protected, and its clients go on."""
        self.clients.wait_progress()
        self.cluster.check_protected(self.primary)
        self.expect_unharmed(self.primary)

    def expect_unharmed(self, host):
        """The guest runs on this host alone, and its clients go on as if nothing had been."""
        self.clients.wait_progress()
        running = self.cluster.running()
        if running != [host]:
            raise Failure(f"the guest runs on {running}, not on host {host} alone")
        self.move_to(host)
        harm = self.stop_clients()
        print(f"# clients: {harm}", flush=True)
        if any(harm[name] for name in HARM):
            raise Failure(f"the clients were harmed: {harm}")

    def lose_clients(self):
        """Ends the clients of a guest that is lost, as it has to be, whatever they say."""
        self.booted = False
        self.abandon_clients()

    def abandon_clients(self):
        """Ends the clients as they are."""
        clients, self.clients = self.clients, None
        for name, report in clients.abandon().items():
            print(f"# client {name}: {report}", flush=True)

    def stop_clients(self):
        """Lets the clients check once more and end; returns what came of them."""
        clients, self.clients = self.clients, None
        return clients.stop()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.clients:
            self.abandon_clients()
        diverged = [host for host in self.cluster.up_hosts() if self._keep(host)]
        if diverged and not self.diverges:
            # This is why, whatever else there was.
            raise Failure(f"the secondary on host {diverged[0]} has diverged")

    def _keep(self, host):
        """Keeps what a host's programs have said; returns how often one has diverged."""
        try:
            said = self.cluster.messages(host)
            diverged = self.cluster.divergences(host)
        except LabError as error:
            said, diverged = f"not readable: {error.reason}\n", 0
        (self.logs / f"{host}.guest.log").write_text(said, encoding="utf-8")
        return diverged
