# SPDX-License-Identifier: GPL-2.0-only
"""The tests of ftvmm that record a workload in its short size, and replay it."""

from cases import EVERY_HOST, NAMED, ONCE
from recorded import record_and_replay
from workloads import WORKLOADS, workload

KERNELS = ("6.12", "6.1")       # of guests
# What make check has time for; the others run when they are named, and in the campaign.
IN_CHECK = {"record_nothing_6.12": EVERY_HOST, "record_sqlite_6.12": ONCE,
            "record_receive_6.1": ONCE}


def _test(name, kernel):
    work = workload(name)

    def run(host, _guest):
        nested = host.lab.config["paging"] == "nested"
        record_and_replay(host, work, work.short, kernel, diverges=work.diverges and nested)

    run.__doc__ = f"{name} on Linux {kernel} is recorded, and replays exactly."
    return run


def _all():
    for work in WORKLOADS:
        for kernel in KERNELS:
            name = f"record_{work.name}_{kernel}"
            yield name, _test(work.name, kernel), kernel, IN_CHECK.get(name, NAMED)


# (name, test, guest kernel, when), as in cases.py
TESTS = tuple(_all())


def host_modules(names):
    """Stock modules that a host needs for the tests of these names."""
    works = [work for work in WORKLOADS for kernel in KERNELS
             if f"record_{work.name}_{kernel}" in names]
    return sorted({"tun"}.union(*(work.host_modules for work in works)))
