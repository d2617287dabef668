# SPDX-License-Identifier: GPL-2.0-only
"""Recording a workload on an emulated host, and replaying it there: the same in all."""

import re
import shlex

from guest import Guest
from host import COMPLAINTS, FOLDER, Failure, expect, replay_failure
from peer import InClient

DISK = f"{FOLDER}/disk"
OPTIONS = "--counter lab --verify"
# Where a divergence is expected: with registers, the first to be found on QEMU may be flags
# that BT leaves undefined (determinism.rst, "Open"), which change no guest's path.
PATH_ONLY = "--counter lab"
DIVERGED = 3                    # ftvmm's exit status

# At times that depend on a seed, something else has the host's CPU for a while.
DISTURBER = """awk -v seed={seed} 'BEGIN {{ srand(seed); for (;;) {{
	for (n = rand() * 20000; n > 0; n--); system("usleep " int(rand() * 100000)) }} }}' \
	</dev/null >/dev/null 2>&1 & echo $! >/tmp/disturber"""
SKID = 100


def guest_for(kernel, work):
    """The guest that has all that a workload needs."""
    return Guest(kernel, work.programs, work.modules, work.files)


# A disk in memory that is done with a write after so many ns, and a file system on it that
# waits for that.
SLOW = f"{FOLDER}/slow"
SLOW_UP = f"""umount {SLOW} 2>/dev/null; rmdir /sys/kernel/config/nullb/slow 2>/dev/null
set -e; rm -rf {FOLDER}; mkdir -p {FOLDER}; [ -d /sys/kernel/config/nullb ] || mount -t configfs none /sys/kernel/config
cd /sys/kernel/config/nullb; mkdir slow
echo 1 >slow/memory_backed; echo 64 >slow/size
echo 2 >slow/irqmode; echo 2000000 >slow/completion_nsec; echo 1 >slow/power
mke2fs -F /dev/slow >/dev/null; mkdir {SLOW}; mount -t ext4 -o sync /dev/slow {SLOW}
ln -s {SLOW}/disk {DISK}"""
SLOW_DOWN = f"""cp {DISK} {DISK}.written && mv {DISK}.written {DISK} && umount {SLOW} &&
rmdir /sys/kernel/config/nullb/slow"""


def prepare(host, work, size, peer):
    """Disk, network and what answers there."""
    host.prepare(SLOW_UP if work.slow else f"rm -rf {FOLDER}; mkdir -p {FOLDER}")
    if work.disk:
        host.prepare(f"disk={DISK}; truncate -s {work.disk}M $disk && {work.format} && "
                     f"cp $disk $disk.start")
    if work.net:
        peer.connect()
        peer.listen(work, size)


def clean(host, work, size, peer):
    """What prepare() began ends; returns the checksum of what the network was to carry."""
    if work.slow and host.shell(SLOW_DOWN)[0]:
        # The run has failed for a reason of its own, or its disk is found to differ.
        host.shell(f"umount {SLOW}; rmdir /sys/kernel/config/nullb/slow")
    if not work.net:
        return None
    host.shell("/sbin/ip link del tap0")
    return peer.stop(work, size)


def run(host, guest, work, size, peer, options, wrapper="", append=""):
    """Runs a workload to its end; returns the exit status, the output, and clean()'s checksum.

    wrapper: what runs ftvmm. append: to the guest's command line.
    """
    prepare(host, work, size, peer)
    try:
        with peer.attend(work, size):
            status, output = host.shell(
                _command(host, guest, work, size, peer, options, wrapper, append))
    finally:
        carried = clean(host, work, size, peer)
    return status, output, carried


def _command(host, guest, work, size, peer, options, wrapper, append):
    kernel, initrd = host.files[guest.label]
    words = [f"-k {kernel} -i {initrd} -m {work.memory}",
             f"-a 'quiet vmm.do={work.name} vmm.size={size} {work.append} {append}'"]
    if work.disk:
        words.append(f"--disk {DISK}")
    if work.net:
        words.append("--net tap=tap0")
    step = ""
    if work.asks:
        # Asked, the guest waits for a line of input before it goes on.
        step = f"--on {shlex.quote(work.ready)} " \
               f"{shlex.quote(f'{peer.question(work, size)}; echo >&3')} "
    return (f"sh /root/drive {step}-- "
            f"{wrapper}/root/ftvmm {' '.join(words)} --log {FOLDER}/messages {options}")


def check_output(work, output, carried):
    """The workload did all that it should, and got the right results."""
    complaint = COMPLAINTS.search(output)
    if complaint:
        raise Failure(f"the guest complains: {complaint[0]}")
    for pattern in ("^work ends$", "^all done$", *work.expect):
        expect(output, pattern)
    if carried:
        expect(output, f"(received|sent) {carried}")


def messages(host):
    """What ftvmm said since last asked."""
    return host.shell(f"cat {FOLDER}/messages; rm -f {FOLDER}/messages")[1].strip()


def record(host, guest, work, size, peer, options=OPTIONS):
    """Runs and records a workload, which must do well."""
    status, output, carried = run(host, guest, work, size, peer,
                                  f"--record {FOLDER}/recording {options}")
    said = messages(host)
    if status:
        raise Failure(f"recording ended with status {status}: {said}")
    for pattern in (r"recorded \d+ entries", *work.says):
        expect(said, pattern)
    check_output(work, output, carried)
    return output


def replay(host, work, options=OPTIONS, wrapper=""):
    """Plays the recording; returns ftvmm's exit status, what it said and the console."""
    disk = ""
    if work.disk:
        host.prepare(f"cp {DISK}.start {DISK}.replay")
        disk = f"--disk {DISK}.replay"
    status, output = host.shell(
        f"{wrapper}/root/ftvmm --replay {FOLDER}/recording --log {FOLDER}/messages {options} {disk} "
        "</dev/null")
    return status, messages(host), output


def compare(host, work, recorded, replayed):
    """Console and disk are the same.  What drive's commands print comes before the console."""
    same = recorded.endswith(replayed) if work.asks else recorded == replayed
    if not same or "all done" not in replayed:
        raise Failure("the replay's console is not that of the recording, see the log")
    if work.disk:
        if not host.shell(f"cmp -s {DISK} {DISK}.start")[0]:
            raise Failure("nothing was written to the disk")
        status, said = host.shell(f"cmp {DISK} {DISK}.replay")
        if status:
            raise Failure(f"the disk differs: {said.strip()}")


def use_seed(host, seed):
    """Other moments for events, other errors of the counter."""
    for module, name, value in (("kvm_ft", "skid", SKID), ("kvm_ft_lab_pmu", "skid", SKID),
                                ("kvm_ft_lab_pmu", "seed", seed)):
        host.prepare(f"echo {value} >/sys/module/{module}/parameters/{name}")
    host.prepare(DISTURBER.format(seed=seed))


def record_and_replay(host, work, size, kernel="6.12", diverges=False, seed=None):
    """The whole; returns what ftvmm said when it had replayed.

    diverges: the replay must be seen to diverge instead (Documentation/determinism.rst).
    seed: of the moments at which events come; without, nothing disturbs the host.
    """
    if seed is not None:
        use_seed(host, seed)
    try:
        return _record_and_replay(host, work, size, kernel, diverges)
    finally:
        if seed is not None:
            host.shell("kill $(cat /tmp/disturber)")


def _record_and_replay(host, work, size, kernel, diverges):
    guest = guest_for(kernel, work)
    host.bring(guest)
    peer = InClient(host)
    peer.bring(work)
    options = PATH_ONLY if diverges else OPTIONS
    recorded = record(host, guest, work, size, peer, options)
    status, said, replayed = replay(host, work, options)
    if diverges:
        if status != DIVERGED:
            raise Failure(f"the replay ended with status {status}, not diverged: {said}")
        return expect(said, r"the replay has diverged behind \d+ entries: .*")[0]
    if status:
        raise replay_failure(status, said)
    expect(said, r"replayed \d+ entries.*the whole recording")
    compare(host, work, recorded, replayed)
    return re.sub(r".*(replayed \d+ entries)", r"\1", said.splitlines()[-1])
