# SPDX-License-Identifier: GPL-2.0-only
"""Tests of ft-arbiter: its commands, what it refuses, and its exit status."""

import json
import pathlib
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
BYTES = 129 * 4096


def ft_arbiter(*arguments):
    """Runs ft-arbiter, built with sanitizers; returns status, output and messages."""
    done = subprocess.run([TOP / "build/arbiter/ft-arbiter-checked", *arguments], text=True,
                          check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr


class FtArbiterTest(unittest.TestCase):
    """On files."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["make", "-s", "-C", TOP / "userspace/arbiter", "checked"], check=True)

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kvm-ft-arbiter-")
        self.addCleanup(folder.cleanup)
        self.area = pathlib.Path(folder.name) / "area"

    def test_format_and_test(self):
        """A new file becomes an area in which decisions can be made."""
        self.assertEqual(ft_arbiter("format", self.area)[0], 0)
        self.assertEqual(self.area.stat().st_size, BYTES)
        status, output, _ = ft_arbiter("-j", "test", self.area)
        self.assertEqual(status, 0)
        self.assertGreater(json.loads(output)["decision_ms"], 0)
        status, output, _ = ft_arbiter("show", "-j", self.area)
        self.assertEqual((status, json.loads(output)), (0, []))

    def test_format_refuses_data(self):
        """Data stays unless --force is given, and the message says what it is."""
        data = bytes(512) + b"EFI PART" + bytes(BYTES)
        self.area.write_bytes(data)
        status, _, error = ft_arbiter("format", self.area)
        self.assertEqual(status, 1)
        self.assertIn("a GPT partition table", error)
        self.assertEqual(self.area.read_bytes(), data)
        self.assertEqual(ft_arbiter("format", "--force", self.area)[0], 0)
        self.assertEqual(len(self.area.read_bytes()), len(data))

    def test_damage_is_shown_and_released(self):
        """A slot in which there is something else is shown, and can be freed."""
        ft_arbiter("format", self.area)
        with open(self.area, "r+b") as file:
            file.seek((1 + 2 * 5) * 4096)
            file.write(b"something")
        status, output, _ = ft_arbiter("show", "-j", self.area)
        slots = json.loads(output)
        self.assertEqual((status, [slot["slot"] for slot in slots]), (0, [5]))
        self.assertIn("problem", slots[0]["sides"][0])
        self.assertEqual(ft_arbiter("release", self.area, "5")[0], 0)
        self.assertEqual(json.loads(ft_arbiter("show", "-j", self.area)[1]), [])

    def test_refuses_what_is_no_area(self):
        """The message names the remedy."""
        self.area.write_bytes(bytes(BYTES))
        for command in (["show", self.area], ["test", self.area], ["release", self.area, "1"]):
            status, _, error = ft_arbiter(*command)
            self.assertEqual(status, 1)
            self.assertIn(f"ft-arbiter format {self.area}", error)
        self.assertEqual(self.area.read_bytes(), bytes(BYTES))

    def test_command_lines(self):
        """What makes no sense is refused."""
        for words in ([], ["show"], ["what", "file"], ["show", "a", "b"], ["release", "file"],
                      ["release", "file", "64"], ["release", "file", "x"], ["--what"]):
            self.assertEqual(ft_arbiter(*words)[0], 2, words)
        self.assertEqual(ft_arbiter("--help")[0], 0)
