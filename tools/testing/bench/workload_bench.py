# SPDX-License-Identifier: GPL-2.0-only
"""What it costs to record and to replay real programs in a Linux guest.

Each workload runs plainly under KVM_RUN, is recorded, and is replayed, on one host.
What is compared are the host's busy instructions, the guest's included, between the
lines "work begins" and "work ends", and 2,000 more for each VM exit, which on an
emulated CPU is far too cheap; less what the lab PMU does at each VM exit, which a
CPU's own counter does by itself.
"""

import json
import pathlib
import sys

TESTING = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTING / "vmm"), str(TESTING)]

import recorded  # noqa: E402  (the path has to come first)
from host import FOLDER, Failure, Host, expect  # noqa: E402
from peer import OnHost  # noqa: E402
from workloads import WORKLOADS  # noqa: E402
from ftlab_lib import Lab, LabError  # noqa: E402

EXIT_COST = 2000        # instructions, of a VM exit on hardware
RUNS = 3                # of which the median counts: what else a host does varies
SKID = 100              # of the counter's overflow, as on CPUs of Intel's: counters.rst
STAMPS = f"{FOLDER}/stamps"
COUNTER = "--counter lab"
# As Documentation/vmm.rst recommends it, under "A guest that costs little"; and a guest
# that has the same addresses each time, which is worth a percent from run to run.
APPEND = "randomize_kstack_offset=off psi=0 nokaslr norandmaps"
PROGRAM = TESTING.parents[1] / "build/bench/guest_bench"

# Name: (least ratio plain to recorded, most Mbit of log per second), as far as there is a goal.
GOALS = {"compute": (0.99, None), "compile": (0.96, 3), "sqlite": (0.96, None),
         "redis": (0.96, None), "receive": (0.93, None), "send": (0.95, None)}
BOOT_LOG = 10 ** 6      # bytes, to a shell
IDLE_MBIT = 0.1         # per second
STREAM_LOG = 1.03       # log bytes per byte received


class Span:
    """What the host counted from the beginning of a workload to its end."""

    def __init__(self, text, exit_cost):
        self.exit_cost = exit_cost
        parts = {}
        for line in text.splitlines():
            name, _, value = line.rpartition(" ")
            if name == "work":
                part = parts.setdefault(value, {})
            else:
                part[name] = int(value)
        if set(parts) != {"begins", "ends"} or "idle" not in parts["ends"]:
            raise Failure(f"the stamps are not complete: {sorted(parts)}")
        self.begins, self.ends = parts["begins"], parts["ends"]

    def count(self, name):
        """By how much a counter has grown."""
        return self.ends[name] - self.begins.get(name, 0)

    @property
    def log(self):
        """Bytes of log, those included that are not written out yet."""
        return sum(self.grown("bytes/").values())

    @property
    def busy(self):
        """Instructions of host and guest."""
        return self.count("now") - self.count("idle")

    @property
    def cost(self):
        """The same with what VM exits cost on hardware."""
        return self.busy + round(self.exit_cost * self.count("kvm/exits"))

    def grown(self, prefix):
        """The counters below a prefix that have grown, largest first."""
        names = [name for name in self.ends if name.startswith(prefix) and self.count(name)]
        return {name[len(prefix):]: self.count(name)
                for name in sorted(names, key=self.count, reverse=True)}


def figure(name, value, unit, limit=None, better="lower"):
    """A row of the table; one without a goal has no limit and is neither met nor not."""
    met = None
    if limit is not None:
        met = value <= limit if better == "lower" else value >= limit
    return {"name": name, "value": value, "unit": unit, "limit": limit, "better": better,
            "met": met}


def _median(spans):
    return sorted(spans, key=lambda span: span.cost)[len(spans) // 2]


class WorkloadBench:
    """The measurements of one workload on one host."""

    def __init__(self, host, work, size, exit_cost):
        self.host, self.work, self.size, self.exit_cost = host, work, size, exit_cost
        self.guest = recorded.guest_for("6.12", work)
        self.peer = OnHost(host)

    def _spans(self):
        return Span(self.host.shell(f"cat {STAMPS}")[1], self.exit_cost)

    def _run(self, options):
        """Runs it to its end, recorded or not; what the host counted."""
        status, output, carried = recorded.run(
            self.host, self.guest, self.work, self.size, self.peer, options,
            wrapper=f"sh /root/stamps {STAMPS} ", append=APPEND)
        if status:
            raise Failure(f"status {status}: {recorded.messages(self.host)}")
        recorded.check_output(self.work, output, carried)
        return self._spans()

    def _replay(self):
        status, said, _ = recorded.replay(self.host, self.work, COUNTER,
                                          wrapper=f"sh /root/stamps {STAMPS} ")
        if status:
            raise Failure(f"the replay ended with status {status}: {said}")
        expect(said, "the whole recording")
        return self._spans()

    def run(self):
        """The rows of the table."""
        self.host.bring(self.guest)
        self.peer.bring(self.work)
        runs = RUNS if GOALS.get(self.work.name) else 1
        plain = [self._run("") for _ in range(runs)]
        record = [self._run(f"{COUNTER} --record {FOLDER}/recording")
                  for _ in range(runs)]
        slower = round(self._replay().cost / record[-1].cost, 3)
        return self._figures(_median(plain), _median(record), slower)

    def _figures(self, plain, record, slower):
        name = self.work.name
        ratio, mbit = GOALS.get(name, (None, None))
        seconds = record.busy / 1e9
        rows = []
        if name == "nothing":
            return [figure("log of a boot to user space", sum(
                value for name, value in record.begins.items() if name.startswith("bytes/")), "bytes",
                           BOOT_LOG)]
        if name == "idle":
            seconds = record.count("now") / 1e9
            mbit = IDLE_MBIT
        rows.append(figure(f"{name}: plain to recorded", round(plain.cost / record.cost, 3),
                           "ratio", ratio, "higher"))
        rows.append(figure(f"{name}: log per second", round(
            record.log * 8e-6 / seconds, 3), "Mbit", mbit))
        rows.append(figure(f"{name}: replay to record", slower, "ratio", 1.0))
        if name == "receive":
            rows.append(figure("receive: log per byte received", round(
                record.log / (self.size << 20), 3), "bytes", STREAM_LOG))
        for what, span in (("plain", plain), ("recorded", record)):
            rows.append(figure(f"{name}: VM exits, {what}", span.count("kvm/exits"), "exits"))
            rows[-1]["by_type"] = span.grown("kvm/")
        rows[-1]["log_entries"], rows[-1]["log_bytes"] = (record.grown("entries/"),
                                                         record.grown("bytes/"))
        return rows


def stock_exit(lab):
    """Host instructions of a VM exit of a guest without a session."""
    done = lab.exec("a", ["/root/guest_bench", "plain"], timeout=600)
    if done.status:
        raise LabError(f"guest_bench failed: {done.stderr.decode(errors='replace')}")
    return json.loads(done.stdout)["cpuid"]


def measure(kernel, names, logs, rows):
    """Adds the rows of all workloads, or those named, on a host of their own."""
    logs.mkdir(parents=True, exist_ok=True)
    with Lab.up(hosts=["a"], kernel=kernel, memory=3072, modules=["tun"], logs=logs) as lab:
        lab.put("a", [str(TESTING / "vmm/stamps"), str(PROGRAM)], "/root/")
        without = stock_exit(lab)
        host = Host(lab, logs)
        lab_pmu = stock_exit(lab) - without
        for module in ("kvm_ft", "kvm_ft_lab_pmu"):
            lab.exec("a", ["sh", "-c", f"echo {SKID} >/sys/module/{module}/parameters/skid"],
                     check=True)
        rows.append(figure("the lab PMU takes of each VM exit, left out below", round(lab_pmu),
                           "host instructions"))
        for work in WORKLOADS:
            if work.measured and (not names or work.name in names):
                print(f"bench: {work.name}", file=sys.stderr, flush=True)
                host.log = logs / f"{work.name}.log"
                try:
                    rows += WorkloadBench(host, work, work.measured,
                                          EXIT_COST - lab_pmu).run()
                except Failure as error:
                    raise LabError(f"{work.name}: {error}; log: {host.log}") from error
