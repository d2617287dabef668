# SPDX-License-Identifier: GPL-2.0-only
"""The ftlab command: its arguments and what calls what."""

import argparse
import os
import signal
import sys

from . import verbs
from .errors import EXIT_LAB, LabError

EPILOG = """Exit status: 0 if all went well; that of the command for exec, client and
run; 1 when scan found something; 125 when the lab itself failed, with the reason
and the remedy on stderr; 130 or 143 when interrupted.

Which lab: --lab NAME, else $FTLAB_NAME, else the only one that is up.
The whole story is in Documentation/lab.rst."""


def _verb(subparsers, name, text, **options):
    parser = subparsers.add_parser(name, help=text, description=text, **options)
    parser.set_defaults(call=getattr(verbs, name.replace("-", "_")))
    return parser


def _host(parser):
    parser.add_argument("host", metavar="HOST", help="name of a host, such as a")


def _rest(parser, text):
    parser.add_argument("command", metavar="CMD", nargs=argparse.REMAINDER, help=text)


def _options_up(parser):
    parser.add_argument("names", nargs="*", metavar="HOST", help="names of the hosts")
    parser.add_argument("--hosts", type=int, metavar="N", help="N hosts named a, b, c, ...")
    parser.add_argument("--name", help="name of the lab (default: the next free labN)")
    parser.add_argument("--kernel", default=os.environ.get("KERNEL", "6.12"),
                        help="6.12, 6.1, debug, or the folder of an unpacked kernel package "
                             "(default: $KERNEL or 6.12)")
    parser.add_argument("--idle", choices=["real", "jump"],
                        help="idle time passes as it is, or is jumped over "
                             "(default: jump for one host, real for several)")
    parser.add_argument("--no-icount", action="store_true",
                        help="the hosts' time is the real one, not a count of instructions")
    parser.add_argument("--paging", choices=["nested", "strict"], default="nested",
                        help="nested: kvm_amd npt=1; strict: shadow paging, npt=0")
    parser.add_argument("--memory", type=int, metavar="MB",
                        help="per host (default: 1024; 2048 with the debug kernel)")
    parser.add_argument("--module", action="append", default=[], metavar="NAME",
                        help="load this stock kernel module, too (repeatable)")
    parser.add_argument("--shared-disk", action="append", default=[], metavar="NAME=MB",
                        help="a disk that all hosts have, as /dev/shared/NAME (repeatable)")
    parser.add_argument("--bridge", action="store_true",
                        help="give hosts a bridge to the client's network, for guests")
    parser.add_argument("--append", action="append", default=[], metavar="WORD",
                        help="add a word to the hosts' kernel command line (repeatable)")
    parser.add_argument("--qemu-arg", action="append", default=[], metavar="WORD",
                        help="add a word to the emulator's command line (repeatable)")
    parser.add_argument("--logs", metavar="DIR", help="keep the logs here "
                        "(default: a new folder in $FTLAB_LOGS or build/logs)")
    parser.add_argument("--boot-timeout", type=float, metavar="S",
                        help="give a host this long to answer "
                             "(default: 120; 600 with the debug kernel)")
    parser.add_argument("--dry-run", action="store_true",
                        help="print the commands instead of running them")


def _add_life(subs):
    up = _verb(subs, "up", "bring a lab up")
    _options_up(up)
    up.add_argument("--owner", type=int, metavar="PID", help="go down when this process ends")
    run = _verb(subs, "run", "bring a lab up, run a command with FTLAB_NAME set, take it down")
    _options_up(run)
    run.add_argument("--no-scan", action="store_true", help="do not scan the logs at the end")
    run.usage = "ftlab run [options] [HOST ...] -- CMD ..."
    _verb(subs, "down", "take a lab down")
    status = _verb(subs, "status", "show a lab and its hosts")
    status.add_argument("-j", "--json", action="store_true", help="as JSON")
    listing = _verb(subs, "list", "show the labs of this machine")
    listing.add_argument("-j", "--json", action="store_true", help="as JSON")
    listing.add_argument("--clean", action="store_true", help="remove what killed labs left")


def _add_hosts(subs):
    execute = _verb(subs, "exec", "run a command on a host")
    execute.usage = "ftlab exec [-n] [--timeout S] [--cwd DIR] [--env N=V] HOST -- CMD ..."
    execute.add_argument("-n", "--no-stdin", action="store_true", help="do not read stdin")
    execute.add_argument("--timeout", type=float, metavar="S", help="end it after S seconds")
    execute.add_argument("--cwd", default="", help="working folder there (default: /root)")
    execute.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    _host(execute)
    _rest(execute, "the command and its arguments")
    for name, text in (("put", "copy files or folders to a host"),
                       ("get", "copy files or folders from a host")):
        copy = _verb(subs, name, text)
        _host(copy)
        copy.add_argument("paths", nargs="+", metavar="SOURCE ... TARGET")
    console = _verb(subs, "console", "attach to a host's serial console; Ctrl-] leaves it")
    console.add_argument("--tail", action="store_true", help="only follow its log")
    _host(console)
    for name, text in (("kill", "a host dies at once: its emulator gets SIGKILL"),
                       ("start", "boot a dead host again"),
                       ("freeze", "stop a host's time: its emulator gets SIGSTOP"),
                       ("thaw", "let a frozen host go on")):
        _host(_verb(subs, name, text))
    tap = _verb(subs, "tap", "make a tap device on a host's bridge, for a guest")
    _host(tap)
    tap.add_argument("device", metavar="NAME", help="of the device, such as tap0")
    link = _verb(subs, "link", "change a host's link",
                 epilog="up | down (carrier lost) | cut (silent) | delay MS [JITTER] | "
                        "loss PERCENT | clear (delay and loss). Delay and loss concern what "
                        "the host sends.")
    _host(link)
    link.add_argument("nic", metavar="NIC", choices=["client", "ftlog"], help="client or ftlog")
    link.add_argument("action", metavar="ACTION")
    link.add_argument("values", nargs="*", metavar="VALUE")


def _add_rest(subs):
    client = _verb(subs, "client", "run a command in the test client's namespace")
    _rest(client, "the command and its arguments")
    logs = _verb(subs, "logs", "show where the logs are, or a host's console log")
    logs.add_argument("host", nargs="?", metavar="HOST")
    scan = _verb(subs, "scan", "look for kernel reports in the console logs")
    scan.add_argument("--new", action="store_true", help="only what came since the last --new")
    scan.add_argument("--allow", action="append", default=[], metavar="REGEX",
                      help="a line that is expected (repeatable)")
    scan.add_argument("--no-kmemleak", action="store_true", help="do not ask for leaks")
    scan.add_argument("--logs", metavar="DIR", help="scan kept logs; needs no lab")
    scan.add_argument("-j", "--json", action="store_true", help="as JSON")


def build_parser():
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="ftlab", description="Emulated hosts for kvm-ft, in networks of their own.",
        epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-l", "--lab", metavar="NAME", help="which lab")
    subs = parser.add_subparsers(metavar="VERB", required=True)
    _add_life(subs)
    _add_hosts(subs)
    _add_rest(subs)
    return parser


def parse(words):
    """Arguments; what follows the first "--" is a command and stays untouched."""
    command = None
    if "--" in words:
        cut = words.index("--")
        words, command = words[:cut], words[cut + 1:]
    args = build_parser().parse_args(words)
    if command is not None:
        args.command = getattr(args, "command", []) + command
    return args


def _terminate(number, _frame):
    raise SystemExit(128 + number)


def main(words):
    """Runs the command; returns its exit status."""
    # Where ip and tc are; not everybody's PATH has it.
    os.environ["PATH"] = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    if words[:1] == ["_supervise"]:
        return verbs.supervise(*words[1:])
    args = parse(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _terminate)
    try:
        return args.call(args) or 0
    except LabError as error:
        print(f"ftlab: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        # Nobody reads on. Python would complain when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except OSError as error:
        print(f"ftlab: {error}", file=sys.stderr)
        return EXIT_LAB
