# SPDX-License-Identifier: GPL-2.0-only
"""What the command line, the API and the link requests accept and refuse."""

import contextlib
import io
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from ftlab_lib import api, cli, frames, links, qemu, switch  # noqa: E402
from ftlab_lib.errors import LabError  # noqa: E402


class CommandLine(unittest.TestCase):
    def refuse(self, *words):
        with contextlib.redirect_stderr(io.StringIO()) as err, self.assertRaises(SystemExit) as e:
            cli.parse(list(words))
        self.assertEqual(e.exception.code, 2)
        return err.getvalue()

    def test_what_follows_the_dashes_is_untouched(self):
        args = cli.parse(["exec", "a", "--", "ls", "--help", "--", "-n"])
        self.assertEqual((args.host, args.command), ("a", ["ls", "--help", "--", "-n"]))
        self.assertFalse(args.no_stdin)

    def test_run_takes_hosts_and_a_command(self):
        args = cli.parse(["run", "--kernel", "6.1", "x", "y", "--", "make", "check"])
        self.assertEqual((args.names, args.command, args.kernel),
                         (["x", "y"], ["make", "check"], "6.1"))

    def test_bad_words_are_refused(self):
        self.assertIn("invalid choice", self.refuse("fly"))
        self.refuse()
        self.assertIn("--idle", self.refuse("up", "--idle", "never"))
        self.assertIn("--paging", self.refuse("up", "--paging", "none"))
        self.assertIn("NIC", self.refuse("link", "a", "eth0", "up"))

    def status_of(self, *words):
        with tempfile.TemporaryDirectory() as root, \
             mock.patch.dict(os.environ, {"FTLAB_STATE": root}), \
             contextlib.redirect_stderr(io.StringIO()) as err:
            os.environ.pop("FTLAB_NAME", None)
            return cli.main(list(words)), err.getvalue()

    def test_errors_say_reason_and_remedy(self):
        status, text = self.status_of("status")
        self.assertEqual(status, 125)
        self.assertEqual(text, "ftlab: no lab is up\n  remedy: ftlab up\n")

    def test_hosts_and_names_do_not_go_together(self):
        status, text = self.status_of("up", "--hosts", "2", "x")
        self.assertEqual(status, 125)
        self.assertIn("both", text)

    def test_a_kernel_that_is_not_there(self):
        with tempfile.TemporaryDirectory() as cache, \
             mock.patch.dict(os.environ, {"KVM_FT_CACHE": cache}):
            status, text = self.status_of("up", "--kernel", "9.9")
        self.assertEqual(status, 125)
        self.assertRegex(text, r"no kernel '9\.9': .*\n  remedy: .*deps\.sh")


class Hosts(unittest.TestCase):
    def test_good_names(self):
        api.check_hosts(["a", "b2", "primary"])

    def test_bad_names(self):
        for names in ([], ["a"] * 2, ["A"], ["1a"], ["a-b"], ["ninechars"], ["client"], ["a/b"],
                      [f"h{i}" for i in range(17)]):
            with self.assertRaises(LabError):
                api.check_hosts(names)

    def test_longest_interface_name_fits(self):
        self.assertLessEqual(max(len(switch.tap("x" * 8, nic)) for nic in switch.NICS), 15)

    def test_mac_and_address_differ_per_host_and_nic(self):
        every = [(nic, index) for nic in switch.NICS for index in range(1, 17)]
        self.assertEqual(len({switch.mac(*which) for which in every}), len(every))
        self.assertEqual(len({switch.address(*which) for which in every}), len(every))
        self.assertNotIn(switch.CLIENT_ADDRESS, {switch.address(*which) for which in every})


class Links(unittest.TestCase):
    def test_good_requests(self):
        self.assertEqual(links.parse("ftlog", "delay", ["10", "2.5"]), [10, 2.5])
        self.assertEqual(links.parse("client", "loss", ["100"]), [100])
        self.assertEqual(links.parse("client", "cut", []), [])

    def test_bad_requests(self):
        for nic, action, values in (
                ("eth0", "up", []), ("client", "explode", []), ("client", "up", ["1"]),
                ("client", "delay", []), ("client", "delay", ["x"]), ("client", "loss", ["101"]),
                ("client", "loss", ["-1"]), ("client", "delay", ["1", "2", "3"]),
                ("client", "delay", ["nan"]), ("client", "delay", ["inf"])):
            with self.assertRaises(LabError, msg=(nic, action, values)):
                links.parse(nic, action, values)


class Emulator(unittest.TestCase):
    CONFIG = {"name": "x", "dir": "/run/ftlab/x", "logs": "/l", "hosts": ["a", "b"],
              "idle": "jump", "icount": True, "memory": 512, "image": "/k", "initramfs": "/i", "append": ["w"],
              "qemu_args": ["-s"], "shared_disks": {}, "bridge": False}

    def test_the_command_says_what_was_asked_for(self):
        words = qemu.command(self.CONFIG, "b", 2)
        self.assertEqual(words[words.index("-icount") + 1], "shift=0,sleep=off")
        self.assertEqual(words[words.index("-m") + 1], "512")
        append = words[words.index("-append") + 1].split()
        for word in ("w", "ftlab.name=b", "ftlab.index=2", "ftlab.hosts=a,b"):
            self.assertIn(word, append)
        self.assertEqual(words[-1], "-s")

    def test_real_idle_time(self):
        words = qemu.command({**self.CONFIG, "idle": "real"}, "a", 1)
        self.assertEqual(words[words.index("-icount") + 1], "shift=0,sleep=on")

    def test_without_icount(self):
        words = qemu.command({**self.CONFIG, "idle": "real", "icount": False}, "a", 1)
        self.assertNotIn("-icount", words)
        self.assertTrue(cli.parse(["up", "--no-icount"]).no_icount)
        with self.assertRaisesRegex(LabError, "real time cannot be jumped over"):
            api.Lab.plan(idle="jump", icount=False)

    def test_shared_disks_and_bridge(self):
        config = {**self.CONFIG, "shared_disks": {"data": 8}, "bridge": True}
        words = " ".join(qemu.command(config, "a", 1))
        self.assertIn("file=/run/ftlab/x/data.disk,", words)
        self.assertIn("serial=data,share-rw=on", words)
        self.assertIn("ftlab.bridge=1", words)
        self.assertNotIn("virtio-blk", " ".join(qemu.command(self.CONFIG, "a", 1)))

    def test_shared_disks_that_cannot_be(self):
        for disks in ({"Data": 8}, {"a/b": 8}, {"x" * 21: 8}, {"data": 0}, {"data": 65537}):
            with self.assertRaises(LabError, msg=disks):
                api.check_shared_disks(disks)
        for words in (["data"], ["data=x"], ["data=-1"], ["data=1", "data=2"]):
            args = cli.parse(["up"] + [f"--shared-disk={word}" for word in words])
            with self.assertRaisesRegex(LabError, "NAME=MB"):
                args.call(args)

    def test_parameters_that_the_modules_have(self):
        class Tree:
            def __init__(self, *names):
                self.names = names

            def has_parameter(self, module, name):
                return module == "kvm" and name in self.names

        self.assertEqual(qemu.module_parameters(Tree("lapic_timer_advance_ns"), "strict"),
                         ["kvm_amd.npt=0", "kvm.lapic_timer_advance_ns=0"])
        self.assertEqual(qemu.module_parameters(Tree("lapic_timer_advance"), "nested"),
                         ["kvm_amd.npt=1", "kvm.lapic_timer_advance=0"])


class Frames(unittest.TestCase):
    def test_a_stream_in_pieces(self):
        data = frames.pack(frames.STDIN, b"abc", 7) + frames.pack_u32(frames.CREDIT, 5, 8)
        decoder, got = frames.Decoder(), []
        for byte in data:
            got += decoder.feed(bytes([byte]))
        self.assertEqual(got, [(7, frames.STDIN, b"abc"), (8, frames.CREDIT, b"\5\0\0\0")])

    def test_rubbish_is_refused(self):
        for header in (frames.HEADER.pack(1, 2, 3, 4), frames.HEADER.pack(1, 2, 0, 65537)):
            with self.assertRaises(frames.ProtocolError):
                list(frames.Decoder().feed(header))
        with self.assertRaises(frames.ProtocolError):
            frames.pack(frames.STDIN, bytes(frames.FRAME_MAX + 1))

    def test_a_command_with_a_nul_is_refused(self):
        self.assertEqual(frames.pack_exec(["a", ""], "/x", {"N": "V"}), b"/x\x002\0a\0\0N=V\0")
        with self.assertRaises(ValueError):
            frames.pack_exec(["a\0b"])


if __name__ == "__main__":
    unittest.main()
