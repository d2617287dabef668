# SPDX-License-Identifier: GPL-2.0-only
"""Tests of libkvmft as others use it: only what is installed, and the example of a VMM."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
LIBRARY = TOP / "userspace/libkvmft"
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-O2")

# Asks for a session of no VM.
PROGRAM = """
#include <kvmft/qualify.h>
#include <kvmft/session.h>
#include <cstdio>

int main()
{
\tkvmft_guest guest = {};
\tkvmft_session session;

\tguest.vm = -1;
\tguest.vcpu = -1;
\tguest.name = "none";
\tint error = kvmft_open(&session, &guest);
\tstd::puts(session.problem);
\tstd::puts(kvmft_verdict_name(KVMFT_OK));
\tstd::puts(kvmft_refusal(KVM_FT_REFUSED_PIT)->name);
\tkvmft_close(&session);
\treturn error ? 1 : 0;
}
"""


def run(*command, **options):
    """Runs a command that has to succeed; returns its output."""
    done = subprocess.run(command, text=True, check=False, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    if done.returncode:
        raise AssertionError(f"{command}: status {done.returncode}\n{done.stdout}")
    return done.stdout


def declared():
    """The functions that the public headers declare."""
    text = "".join((LIBRARY / name).read_text(encoding="utf-8")
                   for name in ("session.h", "qualify.h"))
    code = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    return set(re.findall(r"\b(kvmft_\w+)\(", code))


def defined(*arguments):
    """The global symbols that a file defines."""
    return {line.split()[-1].partition("@")[0]
            for line in run("nm", "--defined-only", *arguments).splitlines()
            if re.match(r"[0-9a-f]{16} [B-DRSTVW] ", line)}


class LibkvmftTest(unittest.TestCase):
    """In a folder that has nothing of this tree but what is installed."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="kvm-ft-library-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        root = cls.folder / "root"
        run("make", "-s", "-C", LIBRARY, "install", f"DESTDIR={root}", "PREFIX=/usr/local")
        cls.lib = root / "usr/local/lib"
        cls.environment = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": str(root),
                           "PKG_CONFIG_LIBDIR": str(cls.lib / "pkgconfig")}
        shutil.copy(LIBRARY / "example.c", cls.folder)

    def flags(self, *options):
        """What pkg-config has to say."""
        return run("pkg-config", *options, "kvmft", env=self.environment).split()

    def compile(self, compiler, source, *options):
        """Compiles a source of the folder; returns the program."""
        program = self.folder / f"{source}.out"
        run(compiler, *WARNINGS, source, *self.flags("--cflags", "--libs"), *options, "-o",
            program, cwd=self.folder)
        return program

    def expect_refusal(self, program):
        """It says what this host lacks, and what to do about it, and makes no log."""
        log = self.folder / "log"
        done = subprocess.run([program, log], text=True, check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE,
                              env={**os.environ, "LD_LIBRARY_PATH": str(self.lib)})
        reason = r"no /dev/kvm-ft: load the module kvm-ft$"
        if not os.access("/dev/kvm", os.R_OK | os.W_OK):
            reason = r"^example\S*: /dev/kvm \(load the module kvm-amd, be in the group"
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr.strip(), reason)
        self.assertFalse(log.exists())

    def test_libkvmft_symbols(self):
        """The archive has the project's names only, the shared library the public ones."""
        self.assertGreater(len(declared()), 20)
        shared = defined("-D", self.lib / "libkvmft.so")
        self.assertEqual(shared - {"KVMFT_0.1"}, declared())
        archive = defined("-g", self.lib / "libkvmft.a")
        self.assertEqual(declared() - archive, set())
        self.assertEqual({name for name in archive if not name.startswith(("kvmft_", "kvm_ft_"))},
                         set())

    @unittest.skipIf(os.path.exists("/dev/kvm-ft"), "this host has kvm-ft loaded")
    def test_libkvmft_example(self):
        """The example compiles with pkg-config's flags, and says what is missing."""
        program = self.compile("cc", "example.c")
        self.assertIn("[libkvmft.so.0.1]", run("readelf", "-d", program))
        self.expect_refusal(program)

    @unittest.skipIf(os.path.exists("/dev/kvm-ft"), "this host has kvm-ft loaded")
    def test_libkvmft_example_static(self):
        """The same with the archive."""
        self.expect_refusal(self.compile("cc", "example.c", "-static"))

    def test_libkvmft_headers(self):
        """Each header is complete, in C11 as in C++."""
        for name in ("kvmft/session.h", "kvmft/qualify.h", "linux/kvm_ft.h"):
            for compiler, language in (("cc", "c"), ("g++", "c++")):
                run(compiler, *WARNINGS, f"-std={language}11", "-pedantic", "-fsyntax-only",
                    *self.flags("--cflags"), "-x", language, "-", input=f"#include <{name}>\n")

    def test_libkvmft_cplusplus(self):
        """A C++ program links with the library."""
        (self.folder / "program.cc").write_text(PROGRAM, encoding="utf-8")
        program = self.compile("g++", "program.cc")
        done = subprocess.run([program], text=True, check=False, stdout=subprocess.PIPE,
                              env={**os.environ, "LD_LIBRARY_PATH": str(self.lib)})
        problem, *names = done.stdout.splitlines()
        self.assertEqual((done.returncode, names), (1, ["OK", "PIT"]))
        expected = ("cannot create a session: Bad file descriptor" if os.path.exists("/dev/kvm-ft")
                    else "there is no /dev/kvm-ft: load the module kvm-ft")
        self.assertEqual(problem, expected)

    def test_libkvmft_version(self):
        """pkg-config's version is that of the package."""
        package = re.search(r'^PACKAGE_VERSION="(.*)"', (TOP / "dkms.conf").read_text(
            encoding="utf-8"), re.MULTILINE)[1]
        self.assertEqual(self.flags("--modversion"), [package])
        self.assertTrue((self.lib / f"libkvmft.so.{package}").is_file())
