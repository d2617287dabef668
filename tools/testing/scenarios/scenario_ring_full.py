# SPDX-License-Identifier: GPL-2.0-only
"""The secondary stands still for a while: the rings fill, the primary is held, nothing is lost."""

import subprocess
import sys

from cluster import GUEST_ADDRESS, HOSTS, Failure, wait_until

TUNABLES = "/sys/module/kvm_ft_tcp/parameters"
BUFFERS = "/proc/sys/net/ipv4"
RING_KIB = 256


def make_small(scene):
    """Little fits between the two guests; and lag alone slows none.  Returns what undoes it."""
    undo = []
    for host in HOSTS:
        for path, value in ((f"{TUNABLES}/ring_kib", RING_KIB), (f"{TUNABLES}/max_lag_ms", 0),
                            (f"{BUFFERS}/tcp_rmem", "4096 16384 16384"),
                            (f"{BUFFERS}/tcp_wmem", "4096 16384 16384")):
            undo.append((host, path, scene.cluster.run(host, f"cat {path}").strip()))
            scene.cluster.run(host, f"echo {value} >{path}")
    return undo


# The clients wait as soon as nothing is acknowledged: what fills the log then are packets that
# ask for no answer.
NOISE = f"""
import socket, time
noise = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    noise.sendto(bytes(1400), ("{GUEST_ADDRESS}", 9))
    time.sleep(0.005)
"""

# Of each thread that sleeps, where in the kernel it does.
SLEEPERS = """for task in /proc/[0-9]*/task/*; do
    case $(readlink $task/exe) in */ftvmm)
        ! grep -q "^State:.S" $task/status || cat $task/stack ;;
    esac
done"""


def is_full(scene):
    """Is the secondary's ring full, and does the primary's vCPU wait for room in its own?"""
    return scene.lag() > RING_KIB * 1024 // 2 and \
        "kvm_ft_ring_store" in scene.cluster.run(scene.primary, SLEEPERS)


def run(scene):
    """The scenario."""
    undo = make_small(scene)
    scene.protect()
    scene.cluster.run(scene.secondary, "kill -STOP $(pidof ftvmm)")
    noise = scene.lab.client_popen([sys.executable, "-c", NOISE], stderr=subprocess.DEVNULL)
    try:
        wait_until("the primary is held", lambda: is_full(scene), every=1)
    finally:
        noise.kill()
        noise.wait()
    lag = scene.lag()
    scene.cluster.run(scene.secondary, "kill -CONT $(pidof ftvmm)")
    scene.clients.wait_progress()
    after = scene.cluster.check_protected(scene.primary)
    print(f"# {lag} bytes behind, then held for {after['held_ms']} ms", flush=True)
    if not after["held_ms"]:
        raise Failure("the time for which the primary was held is not told")
    for host, path, value in undo:
        scene.cluster.run(host, f"echo {value} >{path}")
    scene.expect_protected()
