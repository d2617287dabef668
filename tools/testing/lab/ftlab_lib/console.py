# SPDX-License-Identifier: GPL-2.0-only
"""A host's serial console: attaching to it, following its log."""

import os
import select
import socket
import sys
import termios
import time
import tty

from .errors import LabError

LEAVE = b"\x1d"  # Ctrl-]
TAIL_LINES = 20
TAIL_PAUSE = 0.2  # seconds between looks at a log


def attach(lab, host):
    """Connects the terminal with the console until Ctrl-], end of input, or the host's end."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(f"{lab.folder}/{host}.console")
    except OSError as error:
        raise LabError(f"host {host} has no console: {error.strerror}",
                       f"ftlab start {host}; what it wrote: ftlab logs {host}") from None
    terminal = os.isatty(0)
    if terminal:
        print(f"ftlab: console of {host}: Enter gives a shell, Ctrl-] leaves",
              file=sys.stderr, flush=True)
        before = termios.tcgetattr(0)
        tty.setraw(0)
    try:
        with lab.attend(host):
            _pump(sock)
    finally:
        if terminal:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
            print(file=sys.stderr)
        sock.close()


def _pump(sock):
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(sock, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            data = os.read(fd, 4096)
            if not data or (fd == 0 and LEAVE in data):
                return
            if fd == 0:
                sock.sendall(data)
            else:
                os.write(1, data)


def tail(lab, host):
    """Shows the end of the console log and what is added to it, as long as the lab is up."""
    with open(lab.logs / f"{host}.console.log", "rb") as log:
        lines = log.read().splitlines(keepends=True)
        os.write(1, b"".join(lines[-TAIL_LINES:]))
        # A file gives no event to wait for without a watcher; it is looked at again.
        while lab.folder.exists():
            if data := log.read():
                os.write(1, data)
            else:
                time.sleep(TAIL_PAUSE)
