# SPDX-License-Identifier: GPL-2.0-only
"""Looking through console logs for what a healthy kernel does not say."""

import pathlib
import re

# Name of the finding, pattern. The first that matches a line names it.
PATTERNS = [(name, re.compile(pattern)) for name, pattern in (
    ("panic", r"Kernel panic - not syncing"),
    ("KASAN", r"BUG: KASAN:|BUG: KFENCE:|BUG: KMSAN:|BUG: KCSAN:"),
    ("UBSAN", r"UBSAN:"),
    ("lockdep", r"WARNING: (possible (circular|recursive) locking|possible irq lock inversion"
                r"|inconsistent lock state|bad unlock balance|suspicious RCU usage"
                r"|held lock freed|lock held when returning|Nested lock was not taken"
                r"|.* lock order|.*lock freed)"
                r"|\[ BUG: Invalid wait context|INFO: trying to register non-static key"
                r"|INFO: (possible|inconsistent|suspicious) |BUG: MAX_LOCK\w+ too low"
                r"|DEBUG_LOCKS_WARN_ON|still held when|BUG: held lock freed|\[ BUG: "),
    ("kmemleak", r"kmemleak: .*(suspected memory leaks|unreferenced object)"
                 r"|^unreferenced object 0x"),
    ("hung task", r"INFO: task .* blocked for more than"),
    ("lockup", r"soft lockup|hard LOCKUP|workqueue lockup|self-detected stall"
               r"|detected stalls on CPUs|rcu.*: .*kthread starved"),
    ("BUG", r"kernel BUG at |BUG: "),
    ("Oops", r"Oops: |Oops\[|Internal error|general protection fault|stack segment:"
             r"|Unable to handle kernel|double fault:|invalid opcode:|divide error:"
             r"|unhandled page fault"),
    ("memory", r"refcount_t: |list_(add|del) corruption|stack guard page|kernel stack overflow"
               r"|slab.*corruption|Bad page state|page allocation failure|Object already free"
               r"|stack-protector: "),
    ("WARN", r"WARNING: |------------\[ cut here"),
    ("MSR", r"unchecked MSR access error"),
    ("module", r"Unknown symbol|disagrees about version of symbol"),
    ("trace", r"Call Trace:"),
)]
# These come up inside other reports and do not start one of their own there.
INNER = ("panic", "Oops", "trace")
TIMESTAMP = re.compile(r"^\[ *\d+\.\d+\](\[ *[TC]\d+\])? ?")
REPORT_LINES = 60  # of one finding; the log has the rest
REPORT_END = "---[ end "
CUT_HERE = "[ cut here ]"


class Finding:
    """One report of the kernel's: what it is, where it is, how it reads."""

    def __init__(self, kind, log, line):
        self.kind = kind
        self.log = log
        self.line = line  # counted from 1
        self.text = []

    def as_json(self):
        """The finding for `ftlab scan -j`."""
        return {"kind": self.kind, "log": str(self.log), "line": self.line, "text": self.text}

    def __str__(self):
        body = "\n".join(f"    {line}" for line in self.text)
        return f"{self.log}:{self.line}: {self.kind}\n{body}"


def classify(line, allow=()):
    """The name of what a console line reports, or None."""
    text = TIMESTAMP.sub("", line)
    for kind, pattern in PATTERNS:
        if pattern.search(text):
            if any(expected.search(text) for expected in allow):
                return None
            return kind
    return None


def scan_lines(lines, log, first=1, allow=()):
    """Findings in console lines; those of one report are kept together.

    A report goes on to its end mark, to the next one, or for REPORT_LINES lines.
    """
    findings, current = [], None
    for number, line in enumerate(lines, first):
        if current and (len(current.text) >= REPORT_LINES or line.startswith("ftlab: ")):
            current = None
        kind = classify(line, allow)
        if current and len(current.text) == 1 and CUT_HERE in current.text[0]:
            current.kind = kind or current.kind  # what it is about comes after it
        elif kind and (current is None or kind not in INNER):
            current = Finding(kind, log, number)
            findings.append(current)
        if current:
            current.text.append(line)
            if REPORT_END in line:
                current = None
    return findings


class Position:
    """How far a log has been read: bytes and lines."""

    def __init__(self, offset=0, lines=0):
        self.offset = offset
        self.lines = lines


def scan_log(path, position=None, allow=()):
    """Findings in a log from @position on, which moves on by whole lines."""
    position = position or Position()
    with open(path, "rb") as log:
        log.seek(position.offset)
        data = log.read()
    end = data.rfind(b"\n") + 1
    lines = [line.rstrip("\r") for line in data[:end].decode(errors="replace").split("\n")[:-1]]
    found = scan_lines(lines, path, position.lines + 1, allow)
    position.offset += end
    position.lines += len(lines)
    return found


def scan_folder(folder, positions=None, allow=()):
    """Findings in every console log of a lab's log folder.

    positions: {file name: [bytes, lines]}, from an earlier scan; it is brought up to date.
    """
    positions = {} if positions is None else positions
    found = []
    for path in sorted(pathlib.Path(folder).glob("*.console.log")):
        position = Position(*positions.get(path.name, (0, 0)))
        found += scan_log(path, position, allow)
        positions[path.name] = [position.offset, position.lines]
    return found


# A scan reports objects that are at least five seconds old and looks at them twice.
KMEMLEAK = """k=/sys/kernel/debug/kmemleak
[ -e $k ] || exit 0
echo scan >$k || { echo "kmemleak is off"; exit 0; }
sleep 6; echo scan >$k; cat $k; echo clear >$k"""


def kmemleak_findings(host, output):
    """Findings in what KMEMLEAK printed on a host."""
    if not output.strip():
        return []
    finding = Finding("kmemleak", f"{host}:/sys/kernel/debug/kmemleak", 1)
    finding.text = output.rstrip().splitlines()
    return [finding]
