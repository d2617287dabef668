# SPDX-License-Identifier: GPL-2.0-only
"""What ftvmm check says of a host that need not have KVM, kvm-ft or taps."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[3]
FTVMM = TOP / "build/ftvmm/ftvmm"
FT_ARBITER = TOP / "build/arbiter/ft-arbiter"
SECONDS = 60    # only reached if it hangs
HOST_MIB = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
HINT_ENDS = re.compile(r"[,;] (?:or |and )?")
HINT = re.compile(r"[:;(] ?(?:or )?(?:be|end|give|have|install|load|lower|make|name|put|raise|"
                  r"say|see|shorten|use) ")


class FtvmmCheckTest(unittest.TestCase):
    """Reasons by name; those of KVM and kvm-ft depend on the host."""

    @classmethod
    def setUpClass(cls):
        for program in (FTVMM, FT_ARBITER):
            subprocess.run(["make", "-s", "-C", TOP / f"userspace/{program.parent.name}", program],
                           stdout=subprocess.DEVNULL, check=True)

    def setUp(self):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix="kvm-ft-check-"))
        self.area = pathlib.Path(folder) / "area"

    def check(self, *options):
        """What is refused."""
        done = subprocess.run([FTVMM, "check", "-j", "--kernel", "/nowhere", *options],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=SECONDS,
                              check=False)
        found = json.loads(done.stdout)
        self.assertEqual((done.returncode, found["ok"]), (1, False))
        return found["refused"]

    def names(self, *options):
        """Only these."""
        return {one["name"] for one in self.check(*options)}

    def test_ftvmm_check_arbiter(self):
        """There must be one, which is formatted."""
        texts = {one["name"]: one["text"] for one in self.check()}
        self.assertIn("nothing keeps both hosts", texts["ARBITER"])
        texts = {one["name"]: one["text"] for one in self.check("--arbiter", self.area)}
        self.assertIn("No such file", texts["ARBITER"])
        self.area.write_bytes(bytes(1 << 20))
        self.assertIn("ARBITER", self.names("--arbiter", self.area))
        subprocess.run([FT_ARBITER, "format", self.area], check=True, stdout=subprocess.DEVNULL)
        self.assertNotIn("ARBITER", self.names("--arbiter", self.area))

    def test_ftvmm_check_remedies(self):
        """Each reason has one, and its text does not say it as well."""
        options = ("--disk", "/nowhere", "--net", "tap=ftnotthere", "--cpus", "2", "--device", "x",
                   "--memory", f"{HOST_MIB + 1024}M")
        found = self.check(*options)
        self.assertLessEqual({"KERNEL", "DISK", "TAP", "VCPUS", "PASSTHROUGH", "MEMLOCK",
                              "ARBITER"}, {one["name"] for one in found})
        for one in found:
            with self.subTest(one["name"]):
                self.assertTrue(one["text"])
                self.assertTrue(one["remedy"])
                for hint in HINT_ENDS.split(one["remedy"]):
                    self.assertNotIn(hint, one["text"])
                self.assertNotRegex(one["text"], HINT)

    def test_ftvmm_check_memory(self):
        """It must be possible to lock it: more than there is cannot be; less can, by root."""
        self.assertIn("MEMLOCK", self.names("--memory", f"{HOST_MIB + 1024}M"))
        if os.geteuid() == 0:
            self.assertNotIn("MEMLOCK", self.names("--memory", "32M"))


if __name__ == "__main__":
    unittest.main()
