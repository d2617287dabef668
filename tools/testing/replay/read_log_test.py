# SPDX-License-Identifier: GPL-2.0-only
"""Tests that two readers of the log agree: the module's, and read_log.py, which
was written from the document alone."""

import json
import pathlib
import random
import subprocess
import tempfile
import unittest

import read_log

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent.parent.parent / "build" / "replay"
SEED = 1
DAMAGES = 150   # of each log


def module_reads(files):
    """What the module's reader makes of each file: entries, and the state."""
    output = subprocess.run([BUILD / "dump_log", *files], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    results, entries = [], []
    for line in output.splitlines():
        item = json.loads(line)
        if "state" in item:
            results.append((entries, item["state"]))
            entries = []
        else:
            entries.append(item)
    return results


def python_reads(log):
    """What read_log.py makes of a log."""
    items = list(read_log.read_log(log))
    return [item for item in items if "ordinal" in item], items[-1]["state"]


def seal(log):
    """Make the blocks' checksums right, as an enemy would."""
    at = int.from_bytes(log[12:16], "little")
    header_crc = int.from_bytes(log[16:20], "little")
    while at + 32 <= len(log):
        end = at + 32 + int.from_bytes(log[at + 4:at + 8], "little")
        if end > len(log):
            return
        check = read_log.crc(read_log.crc(header_crc, log[at:at + 28]), log[at + 32:end])
        log[at + 28:at + 32] = check.to_bytes(4, "little")
        at = end


def damage(log, rng):
    """A log with something wrong."""
    log = bytearray(log)
    where = rng.randrange(len(log))
    what = rng.randrange(5)
    if what == 0:
        return log[:where]
    if what == 1:
        return log[:where] + bytes(rng.randrange(100))
    if what == 2:
        return log[:where] + rng.randbytes(rng.randrange(100))
    for _ in range(rng.randrange(1, 4)):
        log[rng.randrange(376, len(log))] ^= 1 << rng.randrange(8)
    if what == 3:
        seal(log)
    return log


class TwoReaders(unittest.TestCase):
    """Of logs that make_logs wrote."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["make", "-s", "-C", HERE, "make_logs", "dump_log"], check=True)
        cls.folder = tempfile.TemporaryDirectory(prefix="kvm-ft-logs-")
        cls.addClassCleanup(cls.folder.cleanup)
        subprocess.run([BUILD / "make_logs", cls.folder.name], check=True)
        cls.files = sorted(pathlib.Path(cls.folder.name).glob("*.log"))

    def test_same_entries(self):
        """Both read the same from intact logs."""
        for file, (entries, state) in zip(self.files, module_reads(self.files)):
            with self.subTest(log=file.name):
                self.assertEqual(python_reads(file.read_bytes()), (entries, state))
                self.assertEqual(state, "torn" if file.stem == "torn" else "complete")
        self.assertGreater(sum(len(entries) for entries, _ in module_reads(self.files)), 300)

    def test_same_verdict(self):
        """Both read as much of damaged logs, and judge them alike."""
        rng = random.Random(SEED)
        states = set()
        for file in self.files:
            logs = [bytes(damage(file.read_bytes(), rng)) for _ in range(DAMAGES)]
            damaged = []
            for number, log in enumerate(logs):
                damaged.append(file.with_suffix(f".{number}"))
                damaged[-1].write_bytes(log)
            for number, expected in enumerate(module_reads(damaged)):
                states.add(expected[1])
                with self.subTest(log=file.name, seed=SEED, number=number):
                    self.assertEqual(python_reads(logs[number]), expected)
        self.assertGreaterEqual(states, {"torn", "corrupt"})

    def test_header(self):
        """The header's fields are where the document has them."""
        header = next(read_log.read_log(self.files[0].read_bytes()))
        self.assertEqual(header["guest"], "web server 1")
        self.assertEqual(header["cpu_vendor"], "AuthenticAMD")
        self.assertEqual((header["cpu_family"], header["cpu_model"], header["cpu_stepping"]),
                         (0x19, 0x21, 2))
        self.assertEqual((header["tsc_khz"], header["generation"]), (2994374, 2))
        self.assertEqual((header["cpu_features"], header["cpuid_hash"]),
                         (0x0123456789abcdef, 0xfedcba9876543210))
        self.assertEqual(header["session"], bytes(range(16)).hex())
        self.assertEqual(header["slots"][1],
                         {"gpa": 0xf0000, "size": 0x10000, "slot": 7, "flags": 1})


if __name__ == "__main__":
    unittest.main()
