# SPDX-License-Identifier: GPL-2.0-only
"""Strangers send garbage, or nothing, to ftd's port: nobody else notices."""

from cluster import FTD_LOG, FTD_PORT, HOSTS, SECONDS, wait_until

SILENCE = "/tmp/silence"    # a fifo that nothing is ever written to


def garbage(chance):
    """What strangers say."""
    return (chance.randbytes(chance.randint(1, 65536)), b"x" * 100000,
            b'{"protocol":"kvm-ft pairing","version":1,"role":"initiator","nonce":"00"}\n',
            b"GET / HTTP/1.1\r\n\r\n")


def run(scene):
    """The scenario."""
    scene.protect()
    for host, stranger in (HOSTS, HOSTS[::-1]):
        call = f"nc {scene.cluster.log_address[host]} {FTD_PORT} >/dev/null 2>&1"
        scene.cluster.run(stranger, f"mkfifo {SILENCE}; {call} <>{SILENCE} &")
        said = garbage(scene.random)
        for data in said:
            scene.lab.exec(stranger, ["sh", "-c", call], input=data, timeout=SECONDS)
        wait_until(f"each has a line in ftd's log of host {host}", lambda: scene.cluster.run(
            host, f"cat {FTD_LOG}").count("pairing with") >= len(said))
    scene.clients.wait_progress()
    scene.cluster.check_protected(scene.primary)
    scene.cluster.unprotect(scene.primary, scene.secondary)
    scene.protect_again()
    for host in HOSTS:
        scene.cluster.run(host, f"! pidof nc || kill $(pidof nc); rm {SILENCE}")
    scene.expect_protected()
