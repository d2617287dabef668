# SPDX-License-Identifier: GPL-2.0-only
"""ftvmm's help, manual page and bash completion have the options and requests that there are."""

import pathlib
import re
import subprocess
import unittest

FTVMM = pathlib.Path(__file__).resolve().parents[3] / "userspace/ftvmm"


def read(name):
    """A file of ftvmm's."""
    return (FTVMM / name).read_text(encoding="utf-8")


def options():
    """The long options in the table of options.c, and --cpus, which is in another one."""
    table = re.search(r"struct option table\[\] = \{(.*?)\};", read("options.c"), re.DOTALL)
    return set(re.findall(r'\{ "([a-z-]+)"', table[1])) | {"cpus"}


def requests():
    """The commands of the control socket."""
    names = re.findall(r'\.name = "([a-z]+)"', read("commands.c") + read("record_commands.c") +
                       read("protect_commands.c") + read("../lib/control.c"))
    return set(names)


class FtvmmDocTest(unittest.TestCase):
    """Each place has all of them and no others."""

    def test_ftvmm_help(self):
        """The text of --help."""
        text = re.search(r"char help\[\] =\n(.*?);\n\n", read("options.c"), re.DOTALL)[1]
        self.assertEqual(set(re.findall(r'^"  (?:-\w,|   ) --([a-z-]+)', text, re.MULTILINE)),
                         options())
        for name in requests():
            self.assertRegex(text, rf"\b{name}\b")

    def test_ftvmm_manual_page(self):
        """ftvmm(1)."""
        page = read("ftvmm.1").replace("\\-", "-")
        found = re.findall(r'^\.BR (?:-\w ", " )?--([a-z-]+)', page, re.MULTILINE)
        self.assertEqual(set(found) - {"device"}, options())  # that one is refused
        listed = re.search(r"\.SH REQUESTS(.*?)\.SH", page, re.DOTALL)[1]
        self.assertEqual(set(re.findall(r"^\.B ([a-z]+)$", listed, re.MULTILINE)), requests())

    def test_ftvmm_manual_page_is_well_formed(self):
        """man-db's own checks, where there is groff."""
        try:
            done = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", str(FTVMM / "ftvmm.1")],
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  check=False)
        except FileNotFoundError:
            self.skipTest("no groff here")
        self.assertEqual(done.stdout, "")

    def test_ftvmm_completion(self):
        """Bash completes all of them."""
        text = read("ftvmm.bash-completion")
        words = re.search(r'options="(.*?)"', text, re.DOTALL)[1].split()
        self.assertEqual({word.lstrip("-") for word in words}, options())
        self.assertEqual(set(re.search(r'requests="(.*?)"', text, re.DOTALL)[1].split()),
                         requests())


if __name__ == "__main__":
    unittest.main()
