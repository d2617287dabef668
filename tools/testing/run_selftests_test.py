#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of what run-selftests makes of a test's needs, and of leaks."""

import argparse
import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parent / "run-selftests"


def load_script():
    """The runner as a module, though its name has no suffix."""
    loader = importlib.machinery.SourceFileLoader("run_selftests", str(SCRIPT))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules[loader.name] = module   # dataclasses look it up
    loader.exec_module(module)
    return module


runner = load_script()

from ftlab_lib import LabError  # noqa: E402  (the runner knows where it is)
from ftlab_lib.scan import Finding  # noqa: E402


class Needs(unittest.TestCase):
    """Reading the comment at the head of a test."""

    def read(self, *needs):
        """What a source with these needs declares."""
        lines = "".join(f" * {need}\n" for need in needs)
        text = f"/*\n * A test.\n *\n{lines} */\n#include <stdio.h>\n/* lab-timeout: 1 */\n"
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "example.c"
            path.write_text(text, encoding="utf-8")
            return runner.Test.read(path)

    def test_defaults(self):
        """Without needs: no module, nested paging, every kernel."""
        test = self.read()
        self.assertEqual((test.name, test.modules, test.paging, test.timeout),
                         ("example", [], ["nested"], 300))
        self.assertEqual(test.kernels, list(runner.KERNELS))

    def test_modules_in_order(self):
        """Several modules, parameters included, stay in order."""
        test = self.read("lab-module: one skid=100 seed=7", "lab-module: two")
        self.assertEqual(test.modules, [["one", "skid=100", "seed=7"], ["two"]])

    def test_values(self):
        """The other needs."""
        test = self.read("lab-paging: nested strict", "lab-kernel: 6.12 debug", "lab-timeout: 900")
        self.assertEqual((test.paging, test.kernels, test.timeout),
                         (["nested", "strict"], ["6.12", "debug"], 900))

    def test_mistakes_are_refused(self):
        """A need that is misspelt would otherwise go unmet in silence."""
        for need in ("lab-modul: one", "lab-paging: shadow", "lab-kernel: 5.10", "lab-module:",
                     "lab-timeout: long"):
            with self.subTest(need), self.assertRaises(runner.BadTest):
                self.read(need)


class Choice(unittest.TestCase):
    """Which tests run, and in what order."""

    def setUp(self):
        self.tests = [runner.Test("a", paging=["nested", "strict"]), runner.Test("b")]

    def names(self, *wanted, modes=runner.PAGING):
        """The tests chosen, as they are named on the command line."""
        return [f"{test.name}:{paging}"
                for test, paging in runner.choose(self.tests, wanted, modes)]

    def test_all_by_paging_mode(self):
        """All tests of one mode come before those of the next: one host each."""
        self.assertEqual(self.names(), ["a:nested", "b:nested", "a:strict"])

    def test_by_name(self):
        """A name alone means all its modes."""
        self.assertEqual(self.names("a"), ["a:nested", "a:strict"])
        self.assertEqual(self.names("a:strict", "b"), ["b:nested", "a:strict"])

    def test_of_one_mode(self):
        """A mode may be chosen, and a test that is not for it is an error."""
        self.assertEqual(self.names(modes=["strict"]), ["a:strict"])
        self.assertEqual(self.names("a", modes=["nested"]), ["a:nested"])
        with self.assertRaises(runner.BadTest):
            self.names("b", modes=["strict"])

    def test_unknown(self):
        """A name that there is not is an error, not an empty run."""
        with self.assertRaises(runner.BadTest):
            self.names("b:strict")


class FakeLab:
    """A lab whose host is up, and whose scan has the given outcome."""

    def __init__(self, outcome):
        self.outcome = outcome

    def scan(self, new):
        """What there is to find, or an error."""
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


class Leaks(unittest.TestCase):
    """Memory that the tests of a mode have lost."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        args = argparse.Namespace(kernel="debug", logs=self.folder)
        self.bench = runner.Bench(args, "nested")

    def results(self, outcome):
        """The results with a host whose scan has this outcome."""
        self.bench.lab = FakeLab(outcome)
        self.bench._usable = True  # pylint: disable=protected-access
        with contextlib.redirect_stdout(io.StringIO()):
            return [(case.result, case.reason) for case in self.bench.leaks()]

    def test_none(self):
        """A scan that finds nothing is a result, too."""
        self.assertEqual(self.results([]), [("pass", "")])

    def test_each(self):
        """What is found fails, and is in the log."""
        finding = Finding("kmemleak", "a:/kmemleak", 1)
        finding.text = ["unreferenced object 0x1:", '  comm "lossy"']
        self.assertEqual(self.results([finding]),
                         [("fail", "kmemleak: unreferenced object 0x1:")])
        self.assertIn('comm "lossy"', (self.folder / "memory_leaks.nested.log").read_text())

    def test_scan_that_fails(self):
        """A host that cannot be asked has not passed."""
        (result, reason), = self.results(LabError("it hangs"))
        self.assertEqual(result, "fail")
        self.assertIn("it hangs", reason)

    def test_no_host(self):
        """A skip says so."""
        (result, reason), = [(case.result, case.reason) for case in self.bench.leaks()]
        self.assertEqual((result, bool(reason)), ("skip", True))


if __name__ == "__main__":
    unittest.main()
