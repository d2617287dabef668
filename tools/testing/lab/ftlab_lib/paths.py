# SPDX-License-Identifier: GPL-2.0-only
"""Where things are."""

import os
import pathlib

LAB_DIR = pathlib.Path(__file__).resolve().parent.parent
TREE = LAB_DIR.parents[2]
BUILD = TREE / "build"


def cache_dir():
    """The project's cache, outside the tree."""
    path = os.environ.get("KVM_FT_CACHE")
    if not path:
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        path = os.path.join(base, "kvm-ft")
    return pathlib.Path(path)
