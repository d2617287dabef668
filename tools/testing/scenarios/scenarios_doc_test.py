# SPDX-License-Identifier: GPL-2.0-only
"""failure-modes.rst says of each scenario what it is about."""

import pathlib
import re
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TEXT = HERE.parents[2] / "Documentation/failure-modes.rst"


class ScenariosDocTest(unittest.TestCase):
    def test_each_is_named(self):
        named = set(re.findall("``([a-z_]+)``", TEXT.read_text(encoding="utf-8")))
        there = {path.stem.removeprefix("scenario_") for path in HERE.glob("scenario_*.py")}
        self.assertIn("host_killed", there)
        self.assertEqual(there - named, set())


if __name__ == "__main__":
    unittest.main()
