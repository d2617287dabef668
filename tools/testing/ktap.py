# SPDX-License-Identifier: GPL-2.0-only
"""Read KTAP (Documentation/dev-tools/ktap.rst of the kernel) and count cases.

A case is a result line with no results nested below it: a KUnit suite or a
parameterised case is not counted beside the cases that it is made of.
"""

import dataclasses
import json
import re

PASS, FAIL, SKIP = "pass", "fail", "skip"

_RESULT = re.compile(r"^( *)(ok|not ok) (\d+)(?: (?:- )?([^#]*?))? *(?:# *(.*))?$")
_PLAN = re.compile(r"^( *)1\.\.(\d+)\s*(?:# *(?:SKIP)? *(.*))?$")
_SUBTEST = re.compile(r"^( *)# Subtest: (.*)$")


@dataclasses.dataclass
class Case:
    """One test case: how it ended and, where it did not pass, why."""

    name: str
    result: str
    reason: str = ""
    log: str = ""
    repeat: str = ""


class Parser:
    """Takes KTAP line by line; cases() gives what was found so far.

    The end of the output is what finish() makes of it: a plan that was not
    kept, or no result at all, is a failed case.
    """

    def __init__(self):
        self._cases = []
        self._plans = {}      # depth -> number of results planned there
        self._seen = {}       # depth -> number of results seen there
        self._open = {}       # depth -> name of the subtest open there
        self._children = {}   # depth -> index of first case of results nested below

    def line(self, text):
        """Take one line; returns the Case if the line ended one."""
        text = text.rstrip("\r\n")
        plan = _PLAN.match(text)
        if plan:
            self._plan(len(plan[1]), int(plan[2]), plan[3])
            return None
        subtest = _SUBTEST.match(text)
        if subtest:
            self._open[len(subtest[1])] = subtest[2].strip()
            return None
        result = _RESULT.match(text)
        if result:
            return self._result(len(result[1]), result[2] == "ok",
                                result[4] or f"test {result[3]}", result[5] or "")
        return None

    def _plan(self, depth, count, skip_reason):
        self._plans[depth] = count
        self._seen[depth] = 0
        if count == 0 and depth == 0:
            self._cases.append(Case("all", SKIP, skip_reason or "no test planned"))

    def _result(self, depth, passed, name, directive):
        self._seen[depth] = self._seen.get(depth, 0) + 1
        missing = self._close_below(depth)
        nested = any(below > depth for below in self._children)
        start = min((first for below, first in self._children.items() if below > depth),
                    default=len(self._cases))
        self._children = {d: first for d, first in self._children.items() if d <= depth}
        self._children.setdefault(depth, start)
        self._open = {d: opened for d, opened in self._open.items() if d <= depth}
        if nested:
            below = self._cases[start:]
            if passed or missing or any(case.result == FAIL for case in below):
                return None
            reason = "the suite failed though no case of it did"
            return self._add(depth, name, FAIL, reason)
        if not passed:
            return self._add(depth, name, FAIL, directive)
        if directive.upper().startswith("SKIP"):
            return self._add(depth, name, SKIP, directive[4:].strip(": ") or "no reason given")
        return self._add(depth, name, PASS, "")

    def _close_below(self, depth):
        """Results nested deeper have ended: were there as many as planned?"""
        missing = False
        for below in [d for d in self._plans if d > depth]:
            planned, seen = self._plans.pop(below), self._seen.pop(below, 0)
            if seen < planned:
                missing = True
                self._add(below, "plan", FAIL, f"{planned} cases planned, {seen} ran")
        return missing

    def _add(self, depth, name, result, reason):
        parents = [self._open[d] for d in sorted(self._open) if d <= depth]
        case = Case(".".join(parents + [name.strip()]), result, reason)
        self._cases.append(case)
        return case

    def finish(self, name):
        """The output has ended; returns all cases, with name to tell them by."""
        self._close_below(-1)
        if not self._cases:
            self._add(0, name, FAIL, "no test result in the output")
        return self._cases

    def cases(self):
        """The cases seen so far."""
        return self._cases


def count(cases):
    """How many passed, failed and were skipped."""
    return {result: sum(case.result == result for case in cases)
            for result in (PASS, FAIL, SKIP)}


def totals(cases):
    """The last line of a run."""
    numbers = count(cases)
    return f"{numbers[PASS]} passed, {numbers[FAIL]} failed, {numbers[SKIP]} skipped"


def write_summary(path, cases, **more):
    """Write the outcome of a run as JSON; more is added at its top level."""
    summary = dict(more, **{"passed": count(cases)[PASS], "failed": count(cases)[FAIL],
                            "skipped": count(cases)[SKIP],
                            "cases": [dataclasses.asdict(case) for case in cases]})
    with open(path, "w", encoding="utf-8") as file:
        json.dump(summary, file, indent=1)
        file.write("\n")


def read_cases(path):
    """The cases of a summary that write_summary() made."""
    with open(path, encoding="utf-8") as file:
        return [Case(**case) for case in json.load(file)["cases"]]
