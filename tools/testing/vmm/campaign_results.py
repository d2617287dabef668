# SPDX-License-Identifier: GPL-2.0-only
"""What a campaign has run: a file that one which is ended early goes on from, and a table."""

import collections
import json
import sys
import threading

from workloads import WORKLOADS

Job = collections.namedtuple("Job", "work kernel paging guest seed")


def configuration(job):
    """A column of the table."""
    return f"{job.kernel}/{job.paging}/{job.guest}"


class Results:
    """What has run, with each run's outcome; also in a file, from which it is read again."""

    def __init__(self, folder, size):
        self.size = size
        self.path = folder / "results.jsonl"
        self.lock = threading.Lock()
        self.failures = {}      # (workload, configuration, seed): why, or None
        if self.path.exists():
            self._read()

    def _read(self):
        for number, line in enumerate(self.path.read_text().splitlines(), 1):
            try:
                one = json.loads(line)
                if one["size"] != self.size:
                    raise ValueError(f"that run had the size {one['size']}")
                self.failures[one["workload"], one["configuration"], one["seed"]] = one["failure"]
            except (ValueError, KeyError, TypeError) as error:
                sys.exit(f"{self.path}:{number}: not to be gone on with: {error}; "
                         "name another folder with --logs")

    def __contains__(self, job):
        return (job.work.name, configuration(job), job.seed) in self.failures

    def add(self, job, failure, minutes):
        """A run has ended; failure: why it is one, or None."""
        with self.lock, open(self.path, "a", encoding="utf-8") as file:
            self.failures[job.work.name, configuration(job), job.seed] = failure
            file.write(json.dumps({
                "workload": job.work.name, "configuration": configuration(job),
                "seed": job.seed, "size": self.size, "minutes": round(minutes, 1),
                "failure": failure}) + "\n")

    def failed(self):
        """How many have."""
        return sum(failure is not None for failure in self.failures.values())

    def show(self):
        """The table: a line per workload, a column per configuration."""
        if not self.failures:
            return
        columns = sorted({column for _, column, _ in self.failures})
        print("\npassed of run, for each host/paging/guest")
        print(f"{'':10}", *(f"{column:>16}" for column in columns))
        for work in WORKLOADS:
            cells = [[failure for (name, where, _), failure in self.failures.items()
                      if (name, where) == (work.name, column)] for column in columns]
            if any(cells):
                print(f"{work.name:10}", *(f"{f'{cell.count(None)}/{len(cell)}' if cell else '-':>16}"
                                           for cell in cells))
