# SPDX-License-Identifier: GPL-2.0-only
"""What compare-trails says of trails that part, and of files that are none."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().with_name("compare-trails")
# The host has interrupted the second in the middle of what is one segment of the first.
RECORDING = "1\nS 0 100 a0 b0 72 0\nR 100 1 b0 b2 72 0\nS 101 7 b2 c0 6e 0\nR 108 1 c0 c2 6e 0\n"
REPLAY = ("1\nS 0 40 a0 a8 60 0\nS 40 60 a8 b0 72 0\nR 100 1 b0 b2 72 0\n"
          "S 101 8 b2 c0 6e 0\nR 109 1 c0 c2 6e 0\n")


class CompareTrails(unittest.TestCase):
    """Each test compares two files."""

    def compare(self, *contents):
        """Returns status, standard output and standard error."""
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for number, content in enumerate(contents):
                files.append(pathlib.Path(folder, str(number)))
                files[-1].write_text(content, encoding="ascii")
            done = subprocess.run([sys.executable, TOOL, *files], capture_output=True, text=True,
                                  check=False)
        return done.returncode, done.stdout, done.stderr

    def test_shows_where_they_part(self):
        """From the last instruction that is the same."""
        status, out, _ = self.compare(RECORDING, REPLAY)
        self.assertEqual(status, 1)
        self.assertIn("S 101 +7 0xb2 to 0xc0", out)
        self.assertIn("S 101 +8 0xb2 to 0xc0", out)
        self.assertNotIn("S 0 ", out)

    def test_bears_other_segments(self):
        """Only what KVM has completed has to be the same."""
        shorter = "".join(REPLAY.splitlines(keepends=True)[:4])
        self.assertEqual(self.compare(RECORDING, shorter)[0], 0)

    def test_takes_the_last_session(self):
        """A count that is smaller than the one before begins another."""
        self.assertEqual(self.compare("1\nR 5000 1 0 2 72 0\n" + RECORDING[2:], RECORDING)[0], 0)

    def test_refuses_what_is_no_trail(self):
        """Another version, words that are no numbers, nothing at all."""
        for bad in ("2\n", "1\nS 1 2 3\n", "1\nS x 0 0 0 0 0\n", "", "1\n"):
            with self.subTest(bad):
                status, out, err = self.compare(RECORDING, bad)
                self.assertEqual((status, out), (2, ""))
                self.assertIn("compare-trails: ", err)
