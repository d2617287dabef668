# SPDX-License-Identifier: GPL-2.0-only
"""Child processes that do not outlive who started them."""

import ctypes
import os

PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def die_with(parent, number):
    """For Popen's preexec_fn: the kernel sends signal @number when @parent dies.

    It does so, strictly speaking, when the thread that started the child ends: start
    such children from a main thread.
    """
    def prepare():
        _libc.prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)  # the parent was quicker
    return prepare
