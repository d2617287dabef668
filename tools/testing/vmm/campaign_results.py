# SPDX-License-Identifier: GPL-2.0-only
"""What a campaign has run: a file that one which is ended early goes on from, and a table."""

import collections
import json
import sys
import threading

from workloads import WORKLOADS

Job = collections.namedtuple("Job", "work kernel paging guest seed")

# Outcomes of a run
PASSED, FAILED, UNDECIDED = "passed", "FAILED", "undecided"


def configuration(job):
    """A column of the table."""
    return f"{job.kernel}/{job.paging}/{job.guest}"


class Results:
    """What has run, with each run's outcome; also in a file, from which it is read again."""

    def __init__(self, folder, size):
        self.size = size
        self.path = folder / "results.jsonl"
        self.lock = threading.Lock()
        self.outcomes = {}      # of (workload, configuration, seed)
        if self.path.exists():
            self._read()

    def _read(self):
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            try:
                one = json.loads(line)
                if one["size"] != self.size:
                    raise ValueError(f"that run had the size {one['size']}")
                if one["outcome"] not in (PASSED, FAILED, UNDECIDED):
                    raise ValueError(f"no outcome {one['outcome']!r}")
                self.outcomes[one["workload"], one["configuration"], one["seed"]] = one["outcome"]
            except (ValueError, KeyError, TypeError) as error:
                sys.exit(f"{self.path}:{number}: not to be gone on with: {error}; "
                         "name another folder with --logs")

    def __contains__(self, job):
        return (job.work.name, configuration(job), job.seed) in self.outcomes

    def add(self, job, outcome, text, minutes):
        """A run has ended; text: what it said, or what was wrong."""
        with self.lock, open(self.path, "a", encoding="utf-8") as file:
            self.outcomes[job.work.name, configuration(job), job.seed] = outcome
            file.write(json.dumps({
                "workload": job.work.name, "configuration": configuration(job),
                "seed": job.seed, "size": self.size, "minutes": round(minutes, 1),
                "outcome": outcome, "text": text}) + "\n")

    def count(self, outcome):
        """How many runs had it."""
        return list(self.outcomes.values()).count(outcome)

    def show(self):
        """The table: a line per workload, a column per configuration."""
        if not self.outcomes:
            return
        columns = sorted({column for _, column, _ in self.outcomes})
        print("\npassed of run, for each host/paging/guest; +N?: and N undecided")
        print(f"{'':10}", *(f"{column:>16}" for column in columns))
        for work in WORKLOADS:
            cells = [[outcome for (name, where, _), outcome in self.outcomes.items()
                      if (name, where) == (work.name, column)] for column in columns]
            if any(cells):
                print(f"{work.name:10}", *(f"{_cell(cell):>16}" for cell in cells))


def _cell(outcomes):
    """One of the table's, of the outcomes of its runs."""
    if not outcomes:
        return "-"
    undecided = outcomes.count(UNDECIDED)
    return (f"{outcomes.count(PASSED)}/{len(outcomes) - undecided}"
            f"{f'+{undecided}?' if undecided else ''}")
