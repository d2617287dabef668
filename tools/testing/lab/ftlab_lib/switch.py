# SPDX-License-Identifier: GPL-2.0-only
"""The network of a lab: two namespaces that nothing leads out of.

Neither namespace has a name in /run/netns: both live exactly as long as the
supervisor (and what runs in them), so that none can be left behind.
"""

import ctypes
import os
import subprocess

from .errors import LabError

CLONE_NEWNET = 0x40000000
NICS = ("client", "ftlog")
PREFIX = {"client": "192.0.2", "ftlog": "198.51.100"}
CLIENT_ADDRESS = "192.0.2.1"

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result, what):
    if result:
        error = ctypes.get_errno()
        remedy = "run ftlab as root" if error == 1 else None
        raise LabError(f"{what}: {os.strerror(error)}", remedy)


def enter_netns(fd):
    """Moves the calling process into the network namespace of @fd."""
    _check(_libc.setns(fd, CLONE_NEWNET), "cannot enter a network namespace")


def new_netns():
    """Moves the calling process into a new network namespace and returns its fd."""
    _check(_libc.unshare(CLONE_NEWNET), "cannot create a network namespace")
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def mac(nic, index):
    """The MAC address of a host's NIC; init tells NICs apart by the fifth byte."""
    return f"52:54:00:f7:{NICS.index(nic) + 1:02x}:{index:02x}"


def address(nic, index):
    """The IPv4 address of a host's NIC."""
    return f"{PREFIX[nic]}.{10 + index}"


def tap(host, nic):
    """The name of the tap device of a host's NIC."""
    return f"{host}-{nic}"


def batch_client():
    """What `ip -batch` is fed in the client's namespace."""
    return [
        "link set lo up",
        f"addr add {CLIENT_ADDRESS}/24 dev client",
        "link set client up",
    ]


def batch_switch(hosts, client_netns):
    """What `ip -batch` is fed in the switch's namespace."""
    lines = ["link set lo up"]
    for nic in NICS:
        lines.append(f"link add br-{nic} type bridge stp_state 0 forward_delay 0 mcast_snooping 0")
        lines.append(f"link set br-{nic} up")
    lines.append("link add port-client type veth peer name client")
    lines.append(f"link set client netns {client_netns}")
    lines.append("link set port-client master br-client up")
    for host in hosts:
        for nic in NICS:
            port = tap(host, nic)
            lines.append(f"tuntap add dev {port} mode tap")
            lines.append(f"link set {port} master br-{nic} up")
    return lines


def run_batch(lines, netns=None):
    """Feeds lines to `ip -batch`, in another namespace if asked to."""
    enter = (lambda: enter_netns(netns)) if netns is not None else None
    done = subprocess.run(["ip", "-batch", "-"], input="\n".join(lines) + "\n", text=True,
                          capture_output=True, check=False, preexec_fn=enter)
    if done.returncode:
        raise LabError(f"cannot set up the lab's network: {done.stderr.strip()}",
                       "the kernel needs bridge, veth and tun, and /dev/net/tun must exist")


class Switch:
    """The supervisor's side: creates the namespaces and stays in the switch's."""

    def __init__(self, hosts):
        self.client_fd = new_netns()
        self.switch_fd = new_netns()
        self._no_ipv6()
        run_batch(batch_switch(hosts, f"/proc/{os.getpid()}/fd/{self.client_fd}"))
        run_batch(batch_client(), self.client_fd)

    @staticmethod
    def _no_ipv6():
        # Bridge ports need no addresses; without this they chat.
        for which in ("all", "default"):
            try:
                with open(f"/proc/sys/net/ipv6/conf/{which}/disable_ipv6", "w") as knob:
                    knob.write("1")
            except FileNotFoundError:
                return

    @staticmethod
    def set_port(host, nic, up):
        """Passes or drops everything at the switch, unseen by the host."""
        run_batch([f"link set {tap(host, nic)} {'up' if up else 'down'}"])

    def client_processes(self):
        """Processes other than this one that run in the client's namespace."""
        wanted = os.fstat(self.client_fd).st_ino
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and os.stat(f"/proc/{entry}/ns/net").st_ino == wanted:
                    found.append(int(entry))
            except OSError:
                continue  # ended, or not ours to look at
        return found
