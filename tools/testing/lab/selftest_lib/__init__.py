# SPDX-License-Identifier: GPL-2.0-only
"""The lab's self-test: what is common to its parts."""

import os
import pathlib
import signal
import subprocess
import sys
import time

from ftlab_lib import Lab, state

FTLAB = str(pathlib.Path(__file__).resolve().parent.parent / "ftlab")
PATIENCE = 60  # seconds for a condition that has to come about


class Failure(Exception):
    """A check did not hold."""


def check(holds, text):
    """Fails the test unless @holds."""
    if not holds:
        raise Failure(text)


def equal(got, wanted, what):
    """Fails the test unless the two are equal."""
    if got != wanted:
        raise Failure(f"{what}: {_short(got)}, not {_short(wanted)}")


def _short(value):
    text = repr(value)
    return text if len(text) <= 300 else f"{text[:300]}... ({len(value)} long)"


def wait_for(condition, text, patience=PATIENCE):
    """Waits until @condition() is true and returns its value."""
    limit = time.monotonic() + patience
    while not (value := condition()):
        if time.monotonic() > limit:
            raise Failure(f"not within {patience} s: {text}")
        time.sleep(0.1)
    return value


def ftlab(*words, **options):
    """Runs the ftlab command; returns subprocess's result."""
    options.setdefault("stdin", subprocess.DEVNULL)
    if "input" in options:
        del options["stdin"]
    return subprocess.run([sys.executable, FTLAB, *words], capture_output=True, check=False,
                          timeout=300, **options)


def ftlab_start(*words, **options):
    """Starts the ftlab command; returns subprocess's object."""
    # A background job of a shell ignores SIGINT, and so would all it starts.
    return subprocess.Popen([sys.executable, FTLAB, *words], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
                            **options)


_names = set()


def unused_name(word):
    """A lab's name that no other run of this test has."""
    name = f"st-{word}-{os.getpid()}"
    _names.add(name)
    return name


def take_down_labs():
    """Takes down what a failed test left up."""
    while _names:
        name = _names.pop()
        if state.is_live(name):
            Lab.attach(name).down()


def processes_naming(text):
    """Processes with @text in their command line, this one left out."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if text.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue  # ended meanwhile
    return found


def netns_users(inode):
    """Processes that are in a network namespace or hold it open."""
    found = []
    link = f"net:[{inode}]"
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            links = [entry / "ns/net", *(entry / "fd").iterdir()]
            if any(os.readlink(path) == link for path in links):
                found.append(int(entry.name))
        except OSError:
            continue
    return found
