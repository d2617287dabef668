# SPDX-License-Identifier: GPL-2.0-only
"""Run commands that have test cases, side by side, and collect the cases."""

import concurrent.futures
import dataclasses
import itertools
import os
import pathlib
import queue
import signal
import subprocess
import sys
import threading
import time

import ktap

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
HEARTBEAT = 60          # seconds between signs of life of a step that is silent
TIME_TO_CLEAN_UP = 60   # seconds that a step has to end when it is told to

WHOLE, SUMMARY, KTAP, PREPARES = "whole", "summary", "ktap", "prepares"


@dataclasses.dataclass
class Step:
    """One command, and what its test cases are.

    WHOLE: it is one case.  SUMMARY: it takes --logs and writes a summary.json
    there.  KTAP: its output has them.  A step that prepares is no case unless
    it fails.  A step that is alone has no other beside it, and those after it wait
    for it.
    """

    name: str
    command: list
    again: str
    cases: str = WHOLE
    minutes: int = 15
    alone: bool = False


def clock(seconds):
    """A time as minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Runner:
    """Runs one step: output goes to a log, results also to the terminal."""

    def __init__(self, step, logs):
        self.step = step
        self._child = None
        self.logs = logs / step.name
        self.logs.mkdir(parents=True)
        self.log = self.logs / "output.log"
        self.start = None
        self.tail = []
        self._parser = ktap.Parser()

    def run(self):
        """Run the step; returns its cases."""
        self.start = time.monotonic()
        command = [str(word) for word in self.step.command]
        if self.step.cases == SUMMARY:
            command += ["--logs", str(self.logs)]
        try:
            problem = self._run(command)
        except OSError as error:
            problem = str(error)
        return self._cases(problem)

    def _run(self, command):
        """Run the command to its end; returns what is wrong, if anything."""
        with open(self.log, "w", encoding="utf-8") as log, subprocess.Popen(
                command, cwd=TOP, text=True, errors="replace", stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as child:
            self._child = child
            problem = self._follow(child, log)
        if not problem and child.returncode:
            problem = f"exit status {child.returncode}"
        return problem

    def _say(self, text):
        """One line, which says what step it is of: steps run side by side."""
        sys.stdout.write(f"    {self.step.name}: {text}\n")
        sys.stdout.flush()

    def _follow(self, child, log):
        """Copy the output; returns a reason if the step had to be ended."""
        lines = queue.Queue()
        threading.Thread(target=self._read, args=(child.stdout, lines), daemon=True).start()
        while True:
            try:
                line = lines.get(timeout=HEARTBEAT)
            except queue.Empty:
                last = self.tail[-1].strip() if self.tail else "no output yet"
                self._say(f"{clock(self.seconds())} and going on: {last}")
                line = ""
            if line is None:
                child.wait()
                return None
            if line:
                self._take(line, log)
            if self.seconds() > self.step.minutes * 60:
                self.end()
                return f"not done after {self.step.minutes} minutes: ended"

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.put(line)
        lines.put(None)

    def _take(self, line, log):
        log.write(line)
        log.flush()
        self.tail = self.tail[-39:] + [line]
        case = self._parser.line(line)
        if case and self.step.cases in (SUMMARY, KTAP):
            reason = f": {case.reason}" if case.reason else ""
            self._say(f"{case.result:4} {case.name}{reason}")

    def end(self):
        """The step cleans up when told to end; if it does not, it is killed."""
        child = self._child
        for number in (signal.SIGTERM, signal.SIGKILL):
            if child is None or child.poll() is not None:
                return
            os.killpg(child.pid, number)
            try:
                child.wait(timeout=TIME_TO_CLEAN_UP)
            except subprocess.TimeoutExpired:
                continue

    def _cases(self, problem):
        log = os.path.relpath(self.log, TOP)
        whole = ktap.Case(self.step.name, ktap.FAIL if problem else ktap.PASS, problem or "",
                          log, self.step.again if problem else "")
        if self.step.cases == PREPARES:
            return [whole] if problem else []
        if self.step.cases == WHOLE:
            return [whole]
        cases, unread = self._reported(log)
        problem = problem or unread
        if problem and not any(case.result == ktap.FAIL for case in cases):
            cases.append(dataclasses.replace(whole, result=ktap.FAIL, reason=problem,
                                             repeat=self.step.again))
        return cases

    def _reported(self, log):
        """The cases that the step told of, and what is wrong with its report."""
        if self.step.cases == KTAP:
            cases = self._parser.finish(self.step.name)
            for case in cases:
                if case.result == ktap.FAIL:
                    case.log = log
                    case.repeat = f"{self.step.again} T='{'.'.join(case.name.split('.')[:2])}'"
            return cases, None
        try:
            cases = ktap.read_cases(self.logs / "summary.json")
        except (OSError, ValueError, KeyError, TypeError) as error:
            return [], f"left no summary: {error}"
        return cases, None if cases else "ran no test"

    def seconds(self):
        """How long the step has been running."""
        return time.monotonic() - self.start

    def explain(self, cases):
        """Print what failed, why, and how to run it again: once for cases that go together."""
        failed = [case for case in cases if case.result == ktap.FAIL]
        text = ""
        if any(case.name == self.step.name for case in failed):
            text += "".join(f"    | {line.rstrip()}\n" for line in self.tail)
        for (again, log), group in itertools.groupby(failed, lambda c: (c.repeat, c.log)):
            text += "".join(f"    FAILED {case.name}: {case.reason or 'see the log'}\n"
                            for case in group)
            text += (f"      again: {again or self.step.again}\n"
                     f"      log:   {log or os.path.relpath(self.log, TOP)}\n")
        sys.stdout.write(text)


@dataclasses.dataclass
class Outcome:
    """What a step came to."""

    step: Step
    seconds: float
    cases: list


def run_step(runner):
    """Run a step from its first line to its last."""
    began = time.strftime("%H:%M:%S")
    sys.stdout.write(f"[{began}] {runner.step.name} begins\n")
    sys.stdout.flush()
    cases = runner.run()
    runner.explain(cases)
    sys.stdout.write(f"[{time.strftime('%H:%M:%S')}] {runner.step.name}: {ktap.totals(cases)}"
                     f" in {clock(runner.seconds())}\n")
    sys.stdout.flush()
    return Outcome(runner.step, round(runner.seconds(), 1), cases)


def batches(table):
    """The steps in groups that may run side by side."""
    for alone, group in itertools.groupby(table, lambda step: step.alone):
        yield from [[step] for step in group] if alone else [list(group)]


def run_all(table, logs, jobs):
    """Run the steps, up to jobs side by side; returns their outcomes.

    Interrupted, it ends the steps that are under way before it leaves.
    """
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=jobs) as pool:
        for batch in batches(table):
            runners = [Runner(step, logs) for step in batch]
            waiting = [pool.submit(run_step, runner) for runner in runners]
            try:
                outcomes += [future.result() for future in waiting]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                for runner in runners:
                    runner.end()
                raise
    return outcomes
