# SPDX-License-Identifier: GPL-2.0-only
"""The log scanner: what it finds, what it leaves alone, where it goes on."""

import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from ftlab_lib import scan  # noqa: E402

REPORTS = {
    "panic": "Kernel panic - not syncing: Fatal exception",
    "KASAN": "BUG: KASAN: slab-use-after-free in ft_session_put+0x12/0x30 [kvm_ft]",
    "UBSAN": "UBSAN: array-index-out-of-bounds in replay/log.c:10:3",
    "lockdep": "WARNING: possible circular locking dependency detected",
    "kmemleak": "kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
    "hung task": "INFO: task ftd:812 blocked for more than 120 seconds.",
    "lockup": "watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [ftvmm:411]",
    "BUG": "BUG: sleeping function called from invalid context at mm/slab.h:321",
    "Oops": "Oops: 0000 [#1] PREEMPT SMP NOPTI",
    "memory": "refcount_t: underflow; use-after-free.",
    "WARN": "WARNING: CPU: 0 PID: 5 at kernel/x.c:7 f+0x1/0x2",
    "MSR": "unchecked MSR access error: RDMSR from 0x1d9",
    "module": "kvm_ft: Unknown symbol kvm_vcpu_kick (err -2)",
    "trace": "Call Trace:",
}
LOCKDEP = (
    "WARNING: possible recursive locking detected", "WARNING: inconsistent lock state",
    "WARNING: suspicious RCU usage", "[ BUG: Invalid wait context ]",
    "WARNING: bad unlock balance detected!", "WARNING: HARDIRQ-safe -> HARDIRQ-unsafe lock order "
    "detected", "INFO: trying to register non-static key.", "BUG: MAX_LOCKDEP_KEYS too low!",
)
QUIET = (
    "acpi PNP0A03:00: fail to add MMCONFIG information",
    "kvm_ft: loading out-of-tree module taints kernel.",
    "kvm_ft: module verification failed: signature and/or required key missing",
    "clocksource: Long readout interval, skipping watchdog check",
    "debug: mutex is fine",
    "kvm_ft: session a: divergence at position 12",
)
WARN = """\
[   12.000001] ------------[ cut here ]------------
[   12.000002] WARNING: CPU: 0 PID: 93 at /x/kvm-ft/main.c:31 ft_open+0x1/0x2 [kvm_ft]
[   12.000003] Modules linked in: kvm_ft(OE)
[   12.000004] Call Trace:
[   12.000005]  <TASK>
[   12.000006] ---[ end trace 0000000000000000 ]---
[   12.500000] kvm_ft: all is well again
""".splitlines()
OOPS = """\
[    3.1] BUG: kernel NULL pointer dereference, address: 0000000000000000
[    3.2] #PF: supervisor write access in kernel mode
[    3.3] Oops: 0002 [#1] PREEMPT SMP NOPTI
[    3.4] Call Trace:
[    3.5] ---[ end trace 0000000000000000 ]---
[    3.6] Kernel panic - not syncing: Fatal exception
""".splitlines()


class Lines(unittest.TestCase):
    def test_each_kind_is_found_with_and_without_a_timestamp(self):
        for kind, line in REPORTS.items():
            for prefix in ("", "[    1.234567] ", "[   71.250000][ T412] "):
                self.assertEqual(scan.classify(prefix + line), kind, line)

    def test_lockdep_reports_are_called_so(self):
        for line in LOCKDEP:
            self.assertEqual(scan.classify(line), "lockdep", line)

    def test_ordinary_lines_are_left_alone(self):
        for line in QUIET:
            self.assertIsNone(scan.classify("[    0.5] " + line), line)

    def test_expected_lines_are_left_alone(self):
        line = "[    0.5] WARNING: expected"
        self.assertEqual(scan.classify(line), "WARN")
        self.assertIsNone(scan.classify(line, [re.compile("expected$")]))

    def test_one_warning_is_one_finding(self):
        found = scan.scan_lines(WARN, "log")
        self.assertEqual([(f.kind, f.line, len(f.text)) for f in found], [("WARN", 1, 6)])
        self.assertIn("all is well", WARN[-1])

    def test_what_is_cut_out_names_the_finding(self):
        lines = [WARN[0], "[   12.1] kernel BUG at mm/slub.c:4000!", "[   12.2] Call Trace:"]
        self.assertEqual([f.kind for f in scan.scan_lines(lines, "log")], ["BUG"])

    def test_an_oops_and_the_panic_after_it(self):
        self.assertEqual([f.kind for f in scan.scan_lines(OOPS, "log")], ["BUG", "panic"])

    def test_reports_that_follow_each_other_are_all_found(self):
        lines = ["WARNING: one", "BUG: two", "UBSAN: three"]
        self.assertEqual([f.kind for f in scan.scan_lines(lines, "log")], ["WARN", "BUG", "UBSAN"])

    def test_a_report_without_an_end_stops_somewhere(self):
        lines = ["WARNING: one"] + ["noise"] * 500
        found = scan.scan_lines(lines, "log")
        self.assertEqual(len(found[0].text), scan.REPORT_LINES)


class Logs(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.folder = pathlib.Path(temp.name)
        self.log = self.folder / "a.console.log"

    def append(self, text):
        with open(self.log, "a", encoding="utf-8") as log:
            log.write(text)

    def test_goes_on_where_it_stopped(self):
        positions = {}
        self.append("fine\nWARNING: one\n")
        self.assertEqual(len(scan.scan_folder(self.folder, positions)), 1)
        self.assertEqual(scan.scan_folder(self.folder, positions), [])
        self.append("BUG: two\n")
        found = scan.scan_folder(self.folder, positions)
        self.assertEqual([(f.kind, f.line) for f in found], [("BUG", 3)])

    def test_an_unfinished_line_waits_for_its_end(self):
        positions = {}
        self.append("WARN")
        self.assertEqual(scan.scan_folder(self.folder, positions), [])
        self.append("ING: whole now\r\n")
        self.assertEqual(scan.scan_folder(self.folder, positions)[0].text, ["WARNING: whole now"])

    def test_any_bytes_are_read(self):
        self.log.write_bytes(b"\xff\xfe\x00\nBUG: after rubbish\n")
        self.assertEqual(len(scan.scan_folder(self.folder)), 1)

    def test_kmemleak_output(self):
        self.assertEqual(scan.kmemleak_findings("a", "\n"), [])
        found = scan.kmemleak_findings("a", "unreferenced object 0xffff (size 64):\n  comm x\n")
        self.assertEqual([(f.kind, len(f.text)) for f in found], [("kmemleak", 2)])


if __name__ == "__main__":
    unittest.main()
