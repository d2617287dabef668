# SPDX-License-Identifier: GPL-2.0-only
"""Recording a workload on an emulated host, and replaying it there: the same in all."""

import re
import shlex

from guest import Guest
from host import COMPLAINTS, Failure, expect, replay_failure
from packages import stage

FOLDER = "/tmp/work"            # on the host
CLIENT = "/root/redis"          # redis-benchmark and its libraries
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

TAP_UP = ("/sbin/ip tuntap add tap0 mode tap vnet_hdr && "
          "/sbin/ip addr add 192.168.77.1/24 dev tap0 && /sbin/ip link set tap0 up")


def guest_for(kernel, work):
    """The guest that has all that a workload needs."""
    return Guest(kernel, work.programs, work.modules, work.files)


def bring_client(host, folder):
    """redis-benchmark is on the host."""
    if host.shell(f"test -d {CLIENT}")[0]:
        stage(["redis-benchmark"], folder / "redis")
        host.lab.put("a", [str(folder / "redis")], CLIENT)


def prepare(host, work, size):
    """Disk, network and what answers there."""
    host.prepare(f"rm -rf {FOLDER}; mkdir -p {FOLDER}")
    if work.disk:
        host.prepare(f"disk={DISK}; truncate -s {work.disk}M $disk && {work.format} && "
                     f"cp $disk $disk.start")
    if work.net:
        host.prepare(TAP_UP)
    if work.serves:
        length = size * work.serves << 20
        host.prepare(f"head -c {length} /dev/urandom >{FOLDER}/sent && "
                     f"[ $(wc -c <{FOLDER}/sent) = {length} ]")
        host.prepare(f"nc -l -p 5001 -e cat {FOLDER}/sent </dev/null >/dev/null 2>&1 & "
                     f"echo $! >{FOLDER}/pid")
    if work.takes:
        blocks = size * work.takes << 4
        host.prepare(f"nc -l -p 5002 -e sh -c 'dd of={FOLDER}/taken bs=64k count={blocks} "
                     "iflag=fullblock 2>/dev/null && echo received' </dev/null >/dev/null 2>&1 & "
                     f"echo $! >{FOLDER}/pid")


def _taken(host, length):
    """The checksum of what was sent to the host, which has all of it."""
    got, checksum = host.shell(f"kill $(cat {FOLDER}/pid) 2>/dev/null; wc -c <{FOLDER}/taken; "
                               f"sha256sum <{FOLDER}/taken; rm {FOLDER}/taken")[1].split()[:2]
    if int(got) != length:
        raise Failure(f"the host was sent {got} bytes, not {length}")
    return checksum


def clean(host, work, size):
    """What prepare() began ends; returns the checksum of what the network was to carry."""
    if work.net:
        host.shell("/sbin/ip link del tap0")
    if work.serves:
        return host.shell(f"sha256sum <{FOLDER}/sent; kill $(cat {FOLDER}/pid)")[1].split()[0]
    return _taken(host, size * work.takes << 20) if work.takes else None


def command(host, guest, work, size, options, wrapper="", append=""):
    """The shell command that runs a workload to its end.

    wrapper: what runs ftvmm. append: to the guest's command line.
    """
    kernel, initrd = host.files[guest.label]
    words = [f"-k {kernel} -i {initrd} -m {work.memory}",
             f"-a 'quiet vmm.do={work.name} vmm.size={size} {work.append} {append}'"]
    if work.disk:
        words.append(f"--disk {DISK}")
    if work.net:
        words.append("--net tap=tap0")
    steps = "".join(f"--on {shlex.quote(text)} {shlex.quote(f'size={size}; {what}')} "
                    for text, what in work.on)
    return (f"sh /root/drive {steps}-- "
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


def record(host, guest, work, size, options=OPTIONS):
    """Runs and records a workload, which must do well."""
    prepare(host, work, size)
    try:
        status, output = host.shell(
            command(host, guest, work, size, f"--record {FOLDER}/recording {options}"))
    finally:
        carried = clean(host, work, size)
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
    same = recorded.endswith(replayed) if work.on else recorded == replayed
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
    if work.name == "redis":
        bring_client(host, host.logs)
    guest = guest_for(kernel, work)
    host.bring(guest)
    options = PATH_ONLY if diverges else OPTIONS
    recorded = record(host, guest, work, size, options)
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
