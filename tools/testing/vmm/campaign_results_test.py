# SPDX-License-Identifier: GPL-2.0-only
"""Tests of what a campaign keeps of its runs."""

import contextlib
import io
import pathlib
import tempfile
import unittest

from campaign_results import FAILED, PASSED, UNDECIDED, Job, Results
from workloads import workload


def job(name="sqlite", seed=1, guest="6.1"):
    """One run."""
    return Job(workload(name), "6.12", "strict", guest, seed)


class CampaignResultsTest(unittest.TestCase):
    """In a folder of their own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_results_are_read_again(self):
        """What has run is known to the next campaign in the folder; what has not is not."""
        before = Results(self.folder, "short")
        before.add(job(), PASSED, "replayed", 1.25)
        before.add(job(seed=2), FAILED, "diverged", 2)
        after = Results(self.folder, "short")
        self.assertIn(job(), after)
        self.assertIn(job(seed=2), after)
        for other in (job(seed=3), job(guest="6.12"), job("redis")):
            self.assertNotIn(other, after)
        self.assertEqual(after.outcomes, before.outcomes)
        self.assertEqual([after.count(one) for one in (PASSED, FAILED, UNDECIDED)], [1, 1, 0])

    def test_results_of_something_else(self):
        """Those of another size, and what is none, are refused with the line's number."""
        Results(self.folder, "short").add(job(), PASSED, "", 1)
        with self.assertRaisesRegex(SystemExit, "jsonl:1: .* size short; name another folder"):
            Results(self.folder, "full")
        for wrong in ("no JSON", "[]", '{"size": "short"}'):
            with open(self.folder / "results.jsonl", "a+", encoding="utf-8") as file:
                file.seek(0)
                first = file.readline()
                file.truncate(0)
                file.write(f"{first}{wrong}\n")
            with self.assertRaisesRegex(SystemExit, "jsonl:2: .*name another folder"):
                Results(self.folder, "short")

    def test_results_table(self):
        """Passed of run, those apart that are undecided, and a dash where nothing has run."""
        results = Results(self.folder, "short")
        results.add(job(), PASSED, "", 1)
        results.add(job(seed=2), FAILED, "diverged", 1)
        results.add(job(seed=3), UNDECIDED, "flags", 1)
        results.add(job("idle", guest="6.12"), PASSED, "", 1)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            results.show()
        table = [line.split() for line in out.getvalue().splitlines()[2:]]
        self.assertEqual(table, [["6.12/strict/6.1", "6.12/strict/6.12"],
                                 ["sqlite", "1/2+1?", "-"], ["idle", "-", "1/1"]])


if __name__ == "__main__":
    unittest.main()
