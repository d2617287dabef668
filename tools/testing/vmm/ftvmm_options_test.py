# SPDX-License-Identifier: GPL-2.0-only
"""ftvmm's command line: what would be of no effect, or mean two things, is refused."""

import pathlib
import subprocess
import unittest

TOP = pathlib.Path(__file__).resolve().parents[3]
FTVMM = TOP / "build/ftvmm/ftvmm"
SECONDS = 60    # only reached if it runs instead
GUEST = "--kernel /nowhere"
REPLAY = "--replay /nowhere"
SECONDARY = "--secondary 0 --arbiter /nowhere"
RECORDED = "kernel, memory, console and network are those of the recording"

REFUSED = (
    # Without effect on a guest
    (f"{GUEST} --verify", "--verify: it is for --record and --replay"),
    (f"check {GUEST} --verify", "--verify: it is for --record and --replay"),
    (f"{GUEST} --hash-interval 200000", "--hash-interval: nothing would be hashed"),
    (f"{GUEST} --record /r --hash-interval 200000", "--hash-interval: nothing would be hashed"),
    (f"{GUEST} --arbiter /a", "--arbiter: nobody could have the guest protected"),
    (f"{GUEST} --until 1", "--until: it is for --replay"),
    (f"{GUEST} -j", "--json: it is for ftvmm check"),
    # on a replay
    (f"{REPLAY} -k /nowhere", f"--kernel: {RECORDED}"),
    (f"{REPLAY} --initrd /nowhere", f"--initrd: {RECORDED}"),
    (f"{REPLAY} --append quiet", f"--append: {RECORDED}"),
    (f"{REPLAY} --memory 1G", f"--memory: {RECORDED}"),
    (f"{REPLAY} --console none", f"--console: {RECORDED}"),
    (f"{REPLAY} --net tap=a", f"--net: {RECORDED}"),
    (f"{REPLAY} --hash-interval 200000", "--hash-interval: it is as it was recorded"),
    (f"{REPLAY} --arbiter /a", "--arbiter: a replay cannot be protected"),
    (f"{REPLAY} --record /r", "--record: a replay is not recorded"),
    # and on a secondary
    (f"{SECONDARY} --kernel /nowhere", "--kernel: it comes from the primary"),
    (f"{SECONDARY} --initrd /nowhere", "--initrd: it comes from the primary"),
    (f"{SECONDARY} --append quiet", "--append: it comes from the primary"),
    (f"{SECONDARY} --memory 1G", "--memory: it comes from the primary"),
    (f"{SECONDARY} --console none", "--console: it comes from the primary"),
    (f"{SECONDARY} --hash-interval 200000", "--hash-interval: it comes from the primary"),
    (f"{SECONDARY} --net tap=a,mac=52:54:00:00:00:01", "mac=: it comes from the primary"),
    (f"{SECONDARY} --record /r", "--record: its primary decides what is recorded"),
    (f"{SECONDARY} --replay /r", "--replay: its primary decides what is recorded"),
    (f"{SECONDARY} --verify", "--verify: its primary decides what is recorded"),
    ("--secondary 0", "--secondary: name its primary's arbiter with --arbiter"),
    # ftvmm check
    (f"check {GUEST} --record /r", "--record: ftvmm check is about a guest"),
    ("check --replay /r", "--replay: ftvmm check is about a guest"),
    ("check --secondary 0", "--secondary: ftvmm check is about a guest"),
    ("check", "no kernel to boot"),
    # Of no value
    (f"{GUEST} --name ''", "--name: it must not be empty"),
    (f"{GUEST} -n ''", "--name: it must not be empty"),
    (f"{GUEST} --control=", "--control: it must not be empty"),
    (f"{GUEST} --net tap=", "it needs tap=NAME"),
    (f"{GUEST} --net tap", "it needs tap=NAME"),
    (f"{GUEST} --disk ,ro", "it needs the name of an image"),
    # No addresses, or two of the same
    (f"{GUEST} --net tap=a,mac=00:00:00:00:00:00", "mac=00:00:00:00:00:00: it is nobody's"),
    (f"{GUEST} --net tap=a,mac=01:00:00:00:00:00", "the first number even"),
    (f"{GUEST} --net 'tap=a,mac=52: 4:00:00:00:01'", "like 52:54:00:12:34:56"),
    (f"{GUEST} --net tap=a,mac=52:-4:00:00:00:01", "like 52:54:00:12:34:56"),
    (f"{GUEST} --net tap=a,mac=52:54:00:00:00:01 --net tap=b,mac=52:54:0:0:0:1",
     "tap=a and tap=b have one address"),
    (f"{GUEST} --net tap=a,mac=52:54:00:f7:00:02 --net tap=b",
     "tap=a and tap=b have one address"),
    (f"{GUEST} --net tap=a --net tap=a", "two network devices are on tap=a"),
    # What is no number, though strtoull(3) takes it
    (f"{GUEST} --memory -18446744073709550000", "a size such as 512M"),
    (f"{GUEST} --control /c --hash-interval ' -18446744073709000000'", "a number from"),
)

# As it is used: these are only refused because there is no such file.
TAKEN = (
    GUEST,
    f"{GUEST} --append '' --initrd /nowhere -m 64 --console none --name web --counter lab",
    f"{GUEST} --record /nowhere/r",
    f"{GUEST} --record /nowhere/r --verify --hash-interval 200000",
    f"{GUEST} --control /nowhere/c --hash-interval 200000 --arbiter /a",
    f"{GUEST} --control /nowhere/c --record /nowhere/r --hash-interval 200000",
    f"{GUEST} --net tap=a --net tap=b --net tap=c,mac=52:54:00:f8:00:01",
    f"{REPLAY} --verify --until 5 --name web --counter lab --disk /nowhere,shared --log /dev/null",
    f"{SECONDARY} --name web --counter lab --disk /nowhere,shared,ro --net tap=a",
    f"check {GUEST} -j --arbiter /nowhere --control /nowhere/c --hash-interval 200000",
)


class FtvmmOptionsTest(unittest.TestCase):
    """Each command line; that of a guest as the man page has it is not refused."""

    @classmethod
    def setUpClass(cls):
        subprocess.run(["make", "-s", "-C", TOP / "userspace/ftvmm", FTVMM],
                       stdout=subprocess.DEVNULL, check=True)

    def run_ftvmm(self, arguments):
        """Returns the exit status, and what was printed."""
        done = subprocess.run(f"exec {FTVMM} {arguments}", shell=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=SECONDS, check=False)
        return done.returncode, done.stdout

    def test_ftvmm_options_without_effect(self):
        """They are refused, with the reason."""
        for arguments, reason in REFUSED:
            with self.subTest(arguments):
                status, said = self.run_ftvmm(arguments)
                self.assertIn(reason, said)
                self.assertEqual(status, 2)

    def test_ftvmm_options_with_effect(self):
        """They are taken."""
        for arguments in TAKEN:
            with self.subTest(arguments):
                status, said = self.run_ftvmm(arguments)
                self.assertEqual(status, 1, said)


if __name__ == "__main__":
    unittest.main()
