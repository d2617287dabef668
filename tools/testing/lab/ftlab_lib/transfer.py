# SPDX-License-Identifier: GPL-2.0-only
"""Copying files to and from hosts: tar on both ends of a command."""

import io
import os
import pathlib
import shlex
import tarfile
import threading

from .errors import LabError


def put(lab, host, sources, target):
    """Copies @sources to @target on the host, as `cp -r` would.

    @target is a folder if it ends in "/", is one already, or several sources are
    given; else it is the copy's own name. Missing folders are made.
    """
    sources = [pathlib.Path(source) for source in sources]
    for source in sources:
        if not source.exists():
            raise LabError(f"{source}: no such file")
    into = target.endswith("/") or len(sources) > 1
    if not into:
        into = lab.exec(host, ["test", "-d", target]).status == 0
    folder, name = (target, None) if into else os.path.split(target)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for source in sources:
            tar.add(source, name or source.resolve().name, filter=_owned_by_root)
    folder = folder or "."
    script = f"mkdir -p {shlex.quote(folder)} && exec tar -x -f - -C {shlex.quote(folder)}"
    lab.exec(host, ["sh", "-c", script], input=archive.getvalue(), check=True)


def _owned_by_root(info):
    info.uid = info.gid = 0
    info.uname = info.gname = ""
    return info


def get(lab, host, sources, target):
    """Copies @sources from the host to @target here, as `cp -r` would.

    A file is read with cat, so that those of /proc and /sys can be had as well.
    """
    target_path = pathlib.Path(target)
    into = str(target).endswith("/") or len(sources) > 1 or target_path.is_dir()
    for source in sources:
        goal = target_path / os.path.basename(source.rstrip("/")) if into else target_path
        goal.parent.mkdir(parents=True, exist_ok=True)
        if lab.exec(host, ["test", "-d", source]).status == 0:
            _get_folder(lab, host, source, goal)
        else:
            _get_file(lab, host, source, goal)


def _get_file(lab, host, source, goal):
    temp = goal.with_name(f".{goal.name}.{threading.get_native_id()}")
    try:
        with open(temp, "wb") as out:
            errors = io.BytesIO()
            status = lab.exec_fd(host, ["cat", "--", source], b"", (out, errors))
        if status:
            raise LabError(f"host {host}: {errors.getvalue().decode(errors='replace').strip()}")
        mode = lab.exec(host, ["stat", "-c", "%a", "--", source], check=True).stdout
        temp.chmod(int(mode, 8) | 0o200)
        temp.replace(goal)
    finally:
        temp.unlink(missing_ok=True)


def _extract(tar, goal):
    """Unpacks below goal and nowhere else, whatever the host has sent."""
    if hasattr(tarfile, "data_filter"):
        tar.extractall(goal, filter="data")
        return
    # Debian 12's Python has no filters: plain files and folders only.
    for member in tar.getmembers():
        name = pathlib.PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or not (member.isfile() or member.isdir()):
            raise LabError(f"the host sent {member.name!r}, which is no plain file below its folder")
    tar.extractall(goal)


def _get_folder(lab, host, source, goal):
    packed = lab.exec(host, ["tar", "-c", "-f", "-", "-C", source, "."], check=True).stdout
    goal.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        _extract(tar, goal)
