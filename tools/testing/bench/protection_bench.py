# SPDX-License-Identifier: GPL-2.0-only
"""What it costs to protect a Linux guest, and for how long its outputs are held.

Two hosts of a lab; clients write to the guest's redis, first without a secondary and then
with one.  Work is counted as for real programs (workload_bench.py): busy instructions, and
2,000 more for each VM exit.  Their clocks follow real time, so that unlike the other figures
these do not repeat exactly; what is compared was measured in the same run, by the same clock.
"""

import re
import sys
import time
import pathlib

TESTING = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTING / "scenarios")]

from client_side import Client  # noqa: E402  (the path has to come first)
from cluster import HOSTS, SECONDS, Cluster, Failure, wait_until  # noqa: E402
from ftlab_lib import LabError  # noqa: E402
from workload_bench import EXIT_COST, figure  # noqa: E402

NAME = "protection"
WRITES = 300            # measured: enough that what is under way at its ends does not matter
PINGS = 40
ROUND_TRIP = re.compile(r"min/avg/max = [\d.]+/([\d.]+)/")
COUNTERS = """
sed -n 's/^now at \\([0-9]*\\) nsecs/now \\1/p
        s/^ *\\.idle_sleeptime *: \\([0-9]*\\) nsecs/idle \\1/p' /proc/timer_list
echo exits $(cat /sys/kernel/debug/kvm/exits)
echo packets $(cat /sys/class/net/ftlog/statistics/tx_packets)"""


class Work:
    """What a host has done from one moment to another."""

    def __init__(self, cluster, host):
        self._cluster, self._host = cluster, host
        self._begins = self._look()
        self.cost = self.packets = None

    def _look(self):
        lines = self._cluster.run(self._host, COUNTERS).splitlines()
        return {name: int(value) for name, value in map(str.split, lines)}

    def end(self):
        """Until now."""
        ends = self._look()
        grown = {name: ends[name] - self._begins[name] for name in ends}
        self.cost = grown["now"] - grown["idle"] + EXIT_COST * grown["exits"]
        self.packets = grown["packets"]
        return self


class ProtectionBench:
    """The measurements in one lab."""

    def __init__(self, cluster, logs):
        self._cluster, self._logs = cluster, logs
        self._primary, self._secondary = HOSTS

    def _written(self, client):
        return sum(client.report["progress"]) if client.report else 0

    def _written_now(self, client, least=0):
        """At least so much, as a report says that has just come."""
        last = client.report
        wait_until(f"{least} exchanges with the guest", every=0.01, happened=lambda:
                   client.report is not last and self._written(client) >= least)
        return self._written(client)

    def _write(self, hosts):
        """Lets the client write; how much, and the work of each of the hosts."""
        client = Client(self._cluster.lab, "redis", self._logs,
                        ("--patience", str(SECONDS), "--connections", "1", "--pause", "0"))
        try:
            before = self._written_now(client, least=1)
            work = [Work(self._cluster, host) for host in hosts]
            writes = self._written_now(client, least=before + WRITES) - before
            for part in work:
                part.end()
        finally:
            report = client.stop()
        if any(report[name] for name in ("connections_lost", "acked_writes_lost", "bytes_wrong")):
            raise Failure(f"the client was harmed: {report}")
        return writes, work

    def _round_trip_us(self):
        """Of the link for logs, by the primary's clock."""
        said = self._cluster.run(self._primary, f"ping -c {PINGS} "
                                 f"{self._cluster.log_address[self._secondary]}")
        return 1000 * float(ROUND_TRIP.search(said).group(1))

    def _held(self, status):
        """Microseconds that outputs were held, together."""
        return status["output_held_us"] * status["outputs_released"]

    def _quiet_latency_us(self):
        """The mean time that an output of a guest with little to do is held."""
        client = Client(self._cluster.lab, "terminal", self._logs, ("--patience", str(SECONDS)))
        try:
            self._written_now(client, least=1)
            before = self._cluster.check_protected(self._primary)
            round_trip = self._round_trip_us()
            after = self._cluster.check_protected(self._primary)
        finally:
            client.stop()
        released = after["outputs_released"] - before["outputs_released"]
        if not released:
            raise Failure("no output left the guest meanwhile")
        return (self._held(after) - self._held(before)) / released, round_trip

    def run(self):
        """The rows of the table."""
        self._cluster.boot(self._primary)
        plain_writes, (plain,) = self._write([self._primary])
        self._cluster.protect(self._primary, self._secondary)
        before = self._cluster.check_protected(self._primary)
        writes, (primary, secondary) = self._write(HOSTS)
        after = self._cluster.check_protected(self._primary)
        held, round_trip = self._quiet_latency_us()
        log = after["log_bytes"] - before["log_bytes"]
        return [
            figure("protection: instructions for a write of redis, plain",
                   round(plain.cost / plain_writes), "instructions"),
            figure("protection: instructions for a write of redis, primary",
                   round(primary.cost / writes), "instructions"),
            figure("protection: instructions for a write of redis, secondary",
                   round(secondary.cost / writes), "instructions"),
            figure("protection: log of a write of redis", round(log / writes), "bytes"),
            figure("protection: packets of the primary's on the link, of a write of redis",
                   round(primary.packets / writes, 1), "packets"),
            figure("protection: packets of the secondary's on the link, of a write of redis",
                   round(secondary.packets / writes, 1), "packets"),
            figure("protection: round trip on the link for logs", round(round_trip), "us"),
            figure("protection: an output is held", round(held), "us"),
            figure("protection: an output is held, to a round trip",
                   round(held / round_trip, 2), "ratio"),
        ]


def measure(kernel, logs):
    """The rows, measured in a lab of their own."""
    print(f"bench: {NAME}", file=sys.stderr, flush=True)
    folder = logs / NAME
    folder.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    try:
        with Cluster.up(HOSTS, kernel, logs=folder) as lab:
            rows = ProtectionBench(Cluster(lab), folder).run()
    except Failure as error:
        raise LabError(f"{NAME}: {error}; logs: {folder}") from error
    print(f"bench: {NAME}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return rows
