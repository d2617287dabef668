# SPDX-License-Identifier: GPL-2.0-only
"""What hosts boot from: building it from several threads at a time."""

import concurrent.futures
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from ftlab_lib import initramfs  # noqa: E402

# Ends when another one of it has come as far: both are at work at the same time.
COMPILER = """#!/bin/sh
while [ "$1" != -o ]; do shift; done
echo built >>"$2"
: >"{folder}/at-work.$$"
tries=0
while set -- "{folder}"/at-work.*; [ $# -lt 2 ]; do
	tries=$((tries + 1))
	[ $tries -lt 1000 ] || exit 1
	sleep 0.01
done
"""


class Agent(unittest.TestCase):
    def test_two_threads_that_build_it(self):
        with tempfile.TemporaryDirectory() as folder:
            compiler = pathlib.Path(folder, "compiler")
            compiler.write_text(COMPILER.format(folder=folder))
            compiler.chmod(0o755)
            out = pathlib.Path(folder, "out")
            with mock.patch.dict(os.environ, {"CC": str(compiler)}), \
                 concurrent.futures.ThreadPoolExecutor(2) as pool:
                for built in [pool.submit(initramfs.build_agent, out) for _ in range(2)]:
                    self.assertEqual(built.result().read_text(), "built\n")
            self.assertEqual([path.name for path in out.iterdir()], ["ftlab-agent"])


if __name__ == "__main__":
    unittest.main()
