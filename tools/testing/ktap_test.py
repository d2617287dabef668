#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of the KTAP reader."""

import unittest

import ktap


def read(text):
    """The cases of a whole output, as (name, result) pairs."""
    parser = ktap.Parser()
    for line in text.splitlines():
        parser.line(line)
    return [(case.name, case.result) for case in parser.finish("run")]


class KtapTest(unittest.TestCase):
    """Each test is one form that an output can have."""

    def test_flat(self):
        """kselftest_harness prints results at one level."""
        self.assertEqual(read("TAP version 13\n1..3\n# noise\nok 1 global.a\n"
                              "not ok 2 global.b\nok 3 global.c # SKIP no PMU\n"),
                         [("global.a", "pass"), ("global.b", "fail"), ("global.c", "skip")])

    def test_nested(self):
        """A KUnit suite is no case of its own."""
        self.assertEqual(read("KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: log\n"
                              "    1..2\n    ok 1 empty\n    not ok 2 full\nnot ok 1 log\n"),
                         [("log.empty", "pass"), ("log.full", "fail")])

    def test_two_suites(self):
        """Names are those of the suite that a case is in."""
        suite = "    # Subtest: {0}\n    1..1\n    ok 1 x\nok 1 {0}\n"
        self.assertEqual(read("1..2\n" + suite.format("a") + suite.format("b")),
                         [("a.x", "pass"), ("b.x", "pass")])

    def test_suite_fails_alone(self):
        """A suite that fails in its exit function counts as a failure."""
        self.assertEqual(read("    # Subtest: a\n    1..1\n    ok 1 x\nnot ok 1 a\n"),
                         [("a.x", "pass"), ("a", "fail")])

    def test_cut_short(self):
        """Output that ends before the plan is kept is a failure."""
        self.assertEqual(read("1..3\nok 1 a\n"), [("a", "pass"), ("plan", "fail")])

    def test_cut_short_nested(self):
        """So it is within a suite."""
        self.assertEqual(read("1..1\n    # Subtest: s\n    1..2\n    ok 1 a\nok 1 s\n"),
                         [("s.a", "pass"), ("s.plan", "fail")])

    def test_nothing(self):
        """No result at all is a failure, not a success."""
        self.assertEqual(read("Segmentation fault\n"), [("run", "fail")])

    def test_all_skipped(self):
        """A plan of zero with a reason skips."""
        parser = ktap.Parser()
        parser.line("1..0 # SKIP no KVM here")
        case, = parser.finish("run")
        self.assertEqual((case.result, case.reason), ("skip", "no KVM here"))

    def test_reason(self):
        """The reason of a skipped case is kept."""
        parser = ktap.Parser()
        case = parser.line("ok 1 a # SKIP needs two hosts")
        self.assertEqual(case.reason, "needs two hosts")

    def test_totals(self):
        """The line that a run ends with."""
        cases = [ktap.Case("a", ktap.PASS), ktap.Case("b", ktap.SKIP), ktap.Case("c", ktap.PASS)]
        self.assertEqual(ktap.totals(cases), "2 passed, 0 failed, 1 skipped")


if __name__ == "__main__":
    unittest.main()
