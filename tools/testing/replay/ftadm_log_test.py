# SPDX-License-Identifier: GPL-2.0-only
"""Tests of "ftadm log": intact, cut off and damaged logs, and command lines."""

import json
import pathlib
import random
import re
import subprocess
import tempfile
import unittest

import read_log

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[2]
FTADM = TOP / "userspace/ftadm"
SEED = 3
DAMAGES = 40    # of each log


def ftadm(*arguments):
    """Runs ftadm, built with sanitizers; returns status, output and messages."""
    done = subprocess.run([TOP / "build/ftadm/ftadm-checked", *arguments], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr


class FtadmLogTest(unittest.TestCase):
    """Of logs that make_logs wrote."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["make", "-s", "-C", HERE, "make_logs"], check=True)
        subprocess.run(["make", "-s", "-C", FTADM, "checked"], check=True)
        cls.folder = tempfile.TemporaryDirectory(prefix="kvm-ft-logs-")
        cls.addClassCleanup(cls.folder.cleanup)
        subprocess.run([TOP / "build/replay/make_logs", cls.folder.name], check=True)
        cls.files = sorted(pathlib.Path(cls.folder.name).glob("*.log"))

    def test_dump(self):
        """Each entry, as the second reader has it."""
        for file in self.files:
            with self.subTest(log=file.name):
                expected = [item for item in read_log.read_log(file.read_bytes())
                            if "ordinal" in item]
                status, output, _ = ftadm("-j", "log", "dump", file)
                self.assertEqual(status, 0)
                entries = json.loads(output)
                self.assertEqual([(e["entry"], e["kind"], e["progress"], e.get("value"),
                                   e.get("payload_bytes")) for e in entries],
                                 [(e["ordinal"], e["kind"], e["progress"], e.get("value"),
                                   len(e["payload"]) // 2 if "payload" in e else None)
                                  for e in expected])
                status, output, _ = ftadm("log", "dump", file)
                self.assertEqual((status, len(output.splitlines())), (0, len(expected)))

    def test_stat(self):
        """Sums are those of the entries; with headers they are the file."""
        for file in self.files:
            with self.subTest(log=file.name):
                entries = json.loads(ftadm("-j", "log", "dump", file)[1])
                stat = json.loads(ftadm("-j", "log", "stat", file)[1])
                self.assertEqual(stat["entries"], len(entries))
                self.assertEqual(stat["bytes"], file.stat().st_size)
                self.assertEqual(stat["guest"], "web server 1")
                self.assertEqual(stat["state"], "torn" if file.stem == "torn" else "complete")
                self.assertEqual(sum(kind["bytes"] for kind in stat["kinds"].values()),
                                 sum(entry["bytes"] for entry in entries))
                self.assertLess(sum(entry["bytes"] for entry in entries), stat["bytes"])
                self.assertIn("web server 1", ftadm("log", "stat", file)[1])

    def test_damage(self):
        """A damaged log is told from a good one, and never harms the reader."""
        rng = random.Random(SEED)
        damaged = pathlib.Path(self.folder.name) / "damaged"
        statuses = set()
        for file in self.files:
            for number in range(DAMAGES):
                log = bytearray(file.read_bytes())
                log[rng.randrange(len(log))] ^= 1 << rng.randrange(8)
                damaged.write_bytes(log[:rng.randrange(len(log) // 2, len(log))]
                                    if number % 4 == 0 else log)
                with self.subTest(log=file.name, seed=SEED, number=number):
                    status, _, messages = ftadm("log", "stat", damaged)
                    self.assertIn(status, (0, 1, 3))
                    self.assertRegex(messages, "^ftadm: .* (torn|corrupt|not a log)")
                    self.assertNotIn("Sanitizer", messages)
                    statuses.add(status)
        self.assertEqual(statuses, {0, 1, 3})

    def test_command_line(self):
        """What is wrong is said."""
        for arguments, status, reason in (
                ((), 2, "what is to be done"), (("log",), 2, "what is to be done"),
                (("log", "burn", "x"), 2, "there is no 'log burn'"),
                (("log", "dump"), 2, r"usage: ftadm \[-j\] log dump FILE"),
                (("log", "stat", "/nowhere"), 1, "cannot open /nowhere: No such file"),
                (("log", "stat", "/dev/null"), 1, "is not a file"),
                (("log", "stat", "/etc/passwd"), 1, "is not a log")):
            with self.subTest(arguments=arguments):
                found, _, messages = ftadm(*arguments)
                self.assertEqual(found, status)
                self.assertRegex(messages, reason)

    def test_documented(self):
        """Help, manual page and completion have all commands."""
        source = (FTADM / "main.c").read_text(encoding="utf-8")
        commands = re.findall(r'\{ "(\w+)", "(\w*)", (?:"|NULL)', source)
        self.assertTrue(commands)
        page = (FTADM / "ftadm.8").read_text(encoding="utf-8")
        completion = (FTADM / "ftadm.bash-completion").read_text(encoding="utf-8")
        for command in commands:
            words = " ".join(filter(None, command))
            self.assertIn(words, ftadm("--help")[1])
            self.assertIn(f".B ftadm {words}", page)
            self.assertIn(f"{command[0]}:{command[1]}", completion)


if __name__ == "__main__":
    unittest.main()
