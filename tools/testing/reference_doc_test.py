# SPDX-License-Identifier: GPL-2.0-only
"""The reference documentation says what the sources declare.

api.rst: the header, no less and no more; the ABI file: sysfs; hooks.rst: hooks.c.
"""

import pathlib
import re
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
HEADER = (TOP / "kvm-ft/include/uapi/linux/kvm_ft.h").read_text(encoding="utf-8")
API = (TOP / "Documentation/api.rst").read_text(encoding="utf-8")
ABI = (TOP / "Documentation/ABI/testing/sysfs-class-kvm-ft").read_text(encoding="utf-8")

IOCTL = re.compile(r"^#define (KVM_FT_\w+)\s+_IO\w*\(KVM_FT_IOC,\s*0x\w+(?:, struct (\w+))?\)",
                   re.MULTILINE)
DEFINE = re.compile(r"^#define (KVM_FT_\w+)(?:[ \t]+(\S+))?", re.MULTILINE)
STRUCT = re.compile(r"^struct (kvm_ft_\w+) \{\n(.*?)^\};", re.MULTILINE | re.DOTALL)
NOT_FOR_USERS = {"KVM_FT_IOC"}


def numbered(prefix):
    """Names with this prefix and the numbers that the header gives them."""
    return {name: int(value) for name, value in DEFINE.findall(HEADER)
            if name.startswith(prefix)}


def section(name):
    """What is documented of an ioctl."""
    found = re.search(rf"^4\.\d+ {name}\n-+\n(.*?)(?=^4\.\d+ |^5\. )", API,
                      re.MULTILINE | re.DOTALL)
    return found.group(1) if found else None


class Ioctls(unittest.TestCase):
    """Each has a section in the form of KVM's documentation."""

    def test_header_is_understood(self):
        self.assertGreaterEqual(len(IOCTL.findall(HEADER)), 10)
        self.assertGreaterEqual(len(STRUCT.findall(HEADER)), 7)

    def test_sections(self):
        for name, struct in IOCTL.findall(HEADER):
            with self.subTest(name):
                text = section(name)
                self.assertIsNotNone(text, "no section of its own")
                for field in ("Capability", "Architectures", "Type", "Parameters", "Returns"):
                    self.assertTrue(re.search(rf"(?m)^:{field}: \S", text), "not described")
                parameters = re.search(r"(?m)^:Parameters: (.*)", text).group(1)
                self.assertIn(f"struct {struct}" if struct else "none", parameters)

    def test_no_others(self):
        known = {name for name, _ in IOCTL.findall(HEADER)}
        self.assertEqual(known, set(re.findall(r"(?m)^4\.\d+ (\w+)$", API)))


class Names(unittest.TestCase):
    """Constants and structs."""

    def test_constants(self):
        for name, _ in DEFINE.findall(HEADER):
            if name in NOT_FOR_USERS:
                continue
            with self.subTest(name):
                self.assertTrue(re.search(rf"\b{name}\b", API), "not described")

    def test_numbers(self):
        for prefix in ("KVM_FT_REFUSED_", "KVM_FT_EXIT_", "KVM_FT_STATE_"):
            for name, value in numbered(prefix).items():
                with self.subTest(name):
                    self.assertTrue(re.search(rf"(?m)^``{name}`` +{value} ", API), "not described")

    def test_structs(self):
        for name, body in STRUCT.findall(HEADER):
            with self.subTest(name):
                self.assertTrue(f"struct {name} {{\n{body}  }};" in API, "is not as here")

    def test_no_others(self):
        declared = {name for name, _ in DEFINE.findall(HEADER)}
        declared |= {name for name, _ in STRUCT.findall(HEADER)}
        for name in set(re.findall(r"\b(?:KVM_FT_[A-Z_]+|kvm_ft_\w+(?= \{))", API)):
            with self.subTest(name):
                self.assertIn(name, declared)


class Sysfs(unittest.TestCase):
    """The files of a session are in Documentation/ABI/."""

    def test_attributes(self):
        source = (TOP / "kvm-ft/sysfs.c").read_text(encoding="utf-8")
        names = re.findall(r"^static DEVICE_ATTR\w*\((\w+)\)", source, re.MULTILINE)
        names += re.findall(r'^\t\.name = "(\w+)",\n\t\.attrs', source, re.MULTILINE)
        self.assertGreaterEqual(len(names), 8)
        for name in names:
            with self.subTest(name):
                self.assertTrue(re.search(rf"(?m)^What:\s+/sys/class/kvm-ft/session<id>/{name}(/|$)", ABI),
                                "not described")

    def test_kinds(self):
        source = (TOP / "kvm-ft/replay/entry.c").read_text(encoding="utf-8")
        names = re.findall(r'^\t\t"(\w+)", KVM_FT_CLASS', source, re.MULTILINE)
        self.assertGreaterEqual(len(names), 12)
        for name in names:
            with self.subTest(name):
                self.assertTrue(re.search(rf"\b{name}\b", ABI),
                                "not described")

    def test_parameters(self):
        for path in (TOP / "kvm-ft").rglob("*.c"):
            module = "kvm_ft_tcp" if path.name == "tcp.c" else "kvm_ft"
            for name in re.findall(r"^module_param(?:_string)?\((\w+),",
                                   path.read_text(encoding="utf-8"), re.MULTILINE):
                with self.subTest(name):
                    self.assertTrue(re.search(rf"(?m)^What:\s+/sys/module/{module}/parameters/{name}$",
                                              ABI),
                                "not described")


class Hooks(unittest.TestCase):
    """What is taken hold of in KVM is in hooks.rst."""

    def test_symbols(self):
        text = (TOP / "Documentation/hooks.rst").read_text(encoding="utf-8")
        source = (TOP / "kvm-ft/arch/x86/hooks.c").read_text(encoding="utf-8")
        names = re.findall(r'^\t\{ "(\w+)", hook_', source, re.MULTILINE)
        names += re.findall(r'kvm_ft_symbol\("(\w+)"\)', source)
        self.assertGreaterEqual(len(names), 11)
        for name in names:
            with self.subTest(name):
                self.assertTrue(re.search(rf"(?m)^{name}\b", text), "not described")


class Trace(unittest.TestCase):
    """Names in traces are those of the engine and of sysfs."""

    def test_kinds(self):
        trace = (TOP / "kvm-ft/trace.h").read_text(encoding="utf-8")
        source = (TOP / "kvm-ft/replay/entry.c").read_text(encoding="utf-8")
        for kind, name in re.findall(r'^\t\[(KVM_FT_KIND_\w+)\] = \{\n\t\t"(\w+)",', source,
                                     re.MULTILINE):
            with self.subTest(kind):
                self.assertTrue(re.search(rf'\{{ {kind},\s+"{name}" \}}', trace), "not described")
                self.assertTrue(f"TRACE_DEFINE_ENUM({kind});" in trace, "no TRACE_DEFINE_ENUM")

    def test_events_are_documented(self):
        trace = (TOP / "kvm-ft/trace.h").read_text(encoding="utf-8")
        events = re.findall(r"^TRACE_EVENT\((\w+),", trace, re.MULTILINE)
        events += re.findall(r"^DEFINE_EVENT\(\w+, (\w+),", trace, re.MULTILINE)
        self.assertGreaterEqual(len(events), 5)
        for event in events:
            with self.subTest(event):
                self.assertTrue(f"``{event}``" in API, "not described")


if __name__ == "__main__":
    unittest.main()
