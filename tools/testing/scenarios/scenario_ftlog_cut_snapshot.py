# SPDX-License-Identifier: GPL-2.0-only
"""The link for logs is cut when all of the snapshot is through: exactly one host goes on.

The secondary has the whole guest, but what it says of that hardly arrives.  If it does, the log
has begun, and the arbiter decides.
"""

import subprocess
import sys

from cluster import FTD_PORT, HERE, SECONDS, Failure, Refused

SECTION_END = "end".ljust(24, "\0").encode() + (1).to_bytes(4, "little")   # snapshot.h


def run(scene):
    """The scenario."""
    scene.serve()
    cut = scene.secondary
    with scene.lab.switch_popen(
            [sys.executable, str(HERE / "await-bytes"), f"{scene.primary}-ftlog",
             str(FTD_PORT), SECTION_END.hex()], stdout=subprocess.PIPE) as watcher:
        future = scene.begin_to_protect()
        try:
            watcher.wait(SECONDS)
        finally:
            watcher.kill()
    if watcher.returncode:
        raise Failure("the end of the snapshot was not seen")
    scene.lab.freeze(cut)
    scene.lab.link(cut, "ftlog", "cut")
    scene.lab.thaw(cut)
    try:
        future.result()
    except (Refused, Failure) as error:
        print(f"# {error}", flush=True)
    else:
        print("# the secondary was faster", flush=True)
    scene.expect_one_host()
    print(f"# host {scene.primary} runs the guest", flush=True)
    scene.clients.wait_progress()
    scene.lab.link(cut, "ftlog", "up")
    scene.protect_again()
    scene.expect_protected()
