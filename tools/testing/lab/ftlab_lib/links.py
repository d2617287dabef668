# SPDX-License-Identifier: GPL-2.0-only
"""What `ftlab link` does to a host's NIC."""

import asyncio

from . import monitor, switch
from .errors import LabError
from .host import FROZEN

ACTIONS = ("up", "down", "cut", "delay", "loss", "clear")


def parse(nic, action, values):
    """Checks a link request; returns the numbers it carries."""
    if nic not in switch.NICS:
        raise LabError(f"no NIC {nic!r}", f"the NICs are {' and '.join(switch.NICS)}")
    if action not in ACTIONS:
        raise LabError(f"no link action {action!r}", f"one of {', '.join(ACTIONS)}")
    most = {"delay": 2, "loss": 1}.get(action, 0)
    least = min(most, 1)
    try:
        numbers = [float(value) for value in values]
    except ValueError:
        numbers = None
    usage = {"delay": "delay MS [JITTER_MS]", "loss": "loss PERCENT"}.get(action, action)
    if numbers is None or not least <= len(numbers) <= most:
        raise LabError(f"bad values for {action}: {' '.join(values) or 'none'}",
                       f"ftlab link HOST {nic} {usage}")
    limit = 100 if action == "loss" else 60000
    if not all(0 <= number <= limit for number in numbers):
        raise LabError(f"{action} has to lie between 0 and {limit}")
    return numbers


async def change(host, nic, action, values):
    """Applies one action to a link of a running host."""
    numbers = parse(nic, action, values)
    link = host.links.setdefault(nic, {})
    if action == "cut":
        await asyncio.to_thread(switch.Switch.set_port, host.name, nic, False)
        link["cut"] = True
    elif action == "down":
        await _set_carrier(host, nic, False)
        link["down"] = True
    elif action == "up":
        await asyncio.to_thread(switch.Switch.set_port, host.name, nic, True)
        await _set_carrier(host, nic, True)
        link.pop("cut", None)
        link.pop("down", None)
    else:
        await _netem(host, nic, link, action, numbers)


async def _set_carrier(host, nic, up):
    if host.state == FROZEN:
        raise LabError(f"host {host.name} is frozen: its emulator cannot change the carrier",
                       "thaw it first, or use `cut`, which works at the switch")
    await monitor.execute(host.socket("qmp"), "set_link", {"name": f"nic-{nic}", "up": up})


async def _netem(host, nic, link, action, numbers):
    wanted = dict(link)
    if action == "clear":
        wanted.pop("delay", None)
        wanted.pop("loss", None)
    else:
        wanted[action] = numbers
    words = []
    if "delay" in wanted:
        words += ["delay", *(f"{ms:g}ms" for ms in wanted["delay"])]
    if "loss" in wanted:
        words += ["loss", f"{wanted['loss'][0]:g}%"]
    if words:
        # The default limit of 1000 packets would be a second, unasked-for loss.
        argv = ["tc", "qdisc", "replace", "dev", nic, "root", "netem", "limit", "100000", *words]
    elif "delay" in link or "loss" in link:
        argv = ["tc", "qdisc", "del", "dev", nic, "root"]
    else:
        return
    status, output = await host.run(argv)
    if status:
        raise LabError(f"host {host.name}: {' '.join(argv)}: "
                       + output.decode(errors="replace").strip())
    link.clear()
    link.update(wanted)
