# SPDX-License-Identifier: GPL-2.0-only
"""The labs' folders: names, locks, what killed labs leave."""

import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from ftlab_lib import state  # noqa: E402
from ftlab_lib.errors import LabError  # noqa: E402


class State(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.root = pathlib.Path(temp.name)
        patch = mock.patch.dict(os.environ, {"FTLAB_STATE": temp.name})
        patch.start()
        self.addCleanup(patch.stop)
        os.environ.pop("FTLAB_NAME", None)

    def create(self, name=None):
        name, folder, fd = state.create(name)
        return name, folder, fd

    def kill(self, fd):
        """What the end of a lab's supervisor does to its lock."""
        os.close(fd)

    def test_names_are_given_in_order(self):
        _, _, first = self.create()
        name, _, second = self.create()
        self.assertEqual(name, "lab2")
        self.kill(first)
        name, _, first = self.create()
        self.assertEqual(name, "lab1")
        self.kill(first)
        self.kill(second)

    def test_a_live_name_is_refused(self):
        _, _, fd = self.create("mine")
        with self.assertRaisesRegex(LabError, "mine is up already"):
            self.create("mine")
        self.kill(fd)

    def test_bad_names_are_refused(self):
        for name in ("", "../x", "Up", "a b", "-a", "x" * 32, "a/b"):
            with self.assertRaisesRegex(LabError, "cannot be the name"):
                state.check_name(name)

    def test_a_path_too_long_for_a_socket_is_refused(self):
        os.environ["FTLAB_STATE"] = str(self.root / ("x" * 90))
        with self.assertRaisesRegex(LabError, "too long for the sockets"):
            self.create()

    def test_left_files_are_cleared_by_the_next_of_that_name(self):
        _, folder, fd = self.create("mine")
        (folder / "a.qmp").touch()
        self.kill(fd)
        _, folder, fd = self.create("mine")
        self.assertEqual([path.name for path in folder.iterdir()], ["lock"])
        self.kill(fd)

    def test_clean_removes_dead_labs_only(self):
        _, _, dead = self.create("dead")
        _, _, live = self.create("live")
        self.kill(dead)
        self.assertEqual(state.labs(), [("dead", False), ("live", True)])
        self.assertEqual(state.clean(), ["dead"])
        self.assertEqual(state.labs(), [("live", True)])
        self.kill(live)

    def test_the_lab_that_is_meant(self):
        with self.assertRaisesRegex(LabError, "no lab is up"):
            state.choose()
        _, one, first = self.create("one")
        self.assertEqual(state.choose(), one)
        _, two, second = self.create("two")
        with self.assertRaisesRegex(LabError, "several labs are up: one, two"):
            state.choose()
        self.assertEqual(state.choose("one"), one)
        with mock.patch.dict(os.environ, {"FTLAB_NAME": "two"}):
            self.assertEqual(state.choose(), two)
            self.assertEqual(state.choose("one"), one)
        self.kill(first)
        with self.assertRaisesRegex(LabError, "no lab 'one' is up"):
            state.choose("one")
        self.kill(second)

    def test_config_round_trip(self):
        _, folder, fd = self.create()
        state.save_config(folder, {"name": "x", "hosts": ["a"]})
        self.assertEqual(state.load_config(folder), {"name": "x", "hosts": ["a"]})
        self.kill(fd)


if __name__ == "__main__":
    unittest.main()
