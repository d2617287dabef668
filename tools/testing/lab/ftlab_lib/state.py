# SPDX-License-Identifier: GPL-2.0-only
"""The labs of this machine: one folder each, locked for as long as it lives."""

import contextlib
import fcntl
import json
import os
import pathlib
import re
import shutil

from .errors import LabError

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
SOCKET_PATH_MAX = 107  # bytes; sun_path is 108 with its NUL
CONFIG = "lab.json"


def root():
    """Where the labs' folders are."""
    if os.environ.get("FTLAB_STATE"):
        return pathlib.Path(os.environ["FTLAB_STATE"])
    if os.geteuid() == 0:
        return pathlib.Path("/run/ftlab")
    return pathlib.Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp") / "ftlab"


def check_name(name):
    """Refuses names that do not fit a path or a command line."""
    if not NAME.fullmatch(name):
        raise LabError(f"{name!r} cannot be the name of a lab",
                       "use up to 31 lower-case letters, digits and dashes, a letter first")


@contextlib.contextmanager
def _one_at_a_time():
    """Keeps those apart who look whether a lab lives, create or clear one."""
    base = root()
    base.mkdir(parents=True, exist_ok=True, mode=0o700)
    with open(base / ".lock", "w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield


def _lock(folder):
    """An exclusive lock on the folder as an open fd, or None when it is taken.

    Called by _one_at_a_time(), so that only a supervisor can be in the way.
    """
    try:
        fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return fd
    except BlockingIOError:
        os.close(fd)
        return None


def create(name=None):
    """Makes and locks the folder of a new lab; returns (name, folder, lock fd)."""
    if name:
        check_name(name)
        candidates = [name]
    else:
        candidates = [f"lab{number}" for number in range(1, 1000)]
    with _one_at_a_time():
        for candidate in candidates:
            fd = _claim(root() / candidate)
            if fd is not None:
                return candidate, root() / candidate, fd
    raise LabError(f"lab {candidates[0]} is up already",
                   f"ftlab --lab {candidates[0]} down, or another --name")


def _claim(folder):
    """Makes and locks a lab's folder, emptied of what a killed lab left."""
    longest = len(os.fsencode(str(folder))) + len("/xxxxxxxx.console")
    if longest > SOCKET_PATH_MAX:
        raise LabError(f"{folder} is too long for the sockets in it",
                       "set FTLAB_STATE to a shorter path")
    folder.mkdir(mode=0o700, exist_ok=True)
    fd = _lock(folder)
    if fd is not None:
        for path in folder.iterdir():
            if path.name != "lock":
                path.unlink()
    return fd


def _is_live(folder):
    fd = _lock(folder)
    if fd is None:
        return folder.exists()
    os.close(fd)
    return False


def is_live(name):
    """Does a supervisor hold this lab?"""
    with _one_at_a_time():
        return _is_live(root() / name)


def labs():
    """Names of the labs, with whether they live, in order."""
    with _one_at_a_time():
        folders = sorted(path for path in root().iterdir() if path.is_dir())
        return [(folder.name, _is_live(folder)) for folder in folders]


def clean():
    """Removes what dead labs left; returns their names."""
    removed = []
    with _one_at_a_time():
        for folder in sorted(path for path in root().iterdir() if path.is_dir()):
            if not _is_live(folder):
                shutil.rmtree(folder, ignore_errors=True)
                removed.append(folder.name)
    return removed


def choose(name=None):
    """The folder of the lab that is meant: by name, by FTLAB_NAME, or the only one."""
    name = name or os.environ.get("FTLAB_NAME")
    if name:
        check_name(name)
        if not is_live(name):
            raise LabError(f"no lab {name!r} is up", "ftlab list shows what is")
        return root() / name
    live = [lab for lab, alive in labs() if alive]
    if len(live) == 1:
        return root() / live[0]
    if not live:
        raise LabError("no lab is up", "ftlab up")
    raise LabError(f"several labs are up: {', '.join(live)}",
                   "choose with --lab NAME or FTLAB_NAME")


def save_config(folder, config):
    """Writes what the supervisor needs to know."""
    (folder / CONFIG).write_text(json.dumps(config, indent=1) + "\n")


def load_config(folder):
    """Reads it back."""
    return json.loads((pathlib.Path(folder) / CONFIG).read_text())
