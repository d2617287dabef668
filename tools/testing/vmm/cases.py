# SPDX-License-Identifier: GPL-2.0-only
"""The tests of ftvmm: each boots a guest, on a host that is up, and looks at what it says."""

import json
import re

from host import COMPACTS, TOP, Failure, expect, replay_failure


def boots(host, guest):
    """A stock kernel comes up, finds its clock, and powers off."""
    output = host.run(guest, ["look", "sleep"])
    expect(output, f"^kernel {re.escape(guest.release)}$")
    expect(output, "^clocksource tsc$")
    expect(output, r"^rtc \d+$")
    slept = expect(output, r"^slept from ([\d.]+) to ([\d.]+)$")
    if not 1.9 < float(slept[2]) - float(slept[1]) < 3:
        raise Failure(f"a sleep of 2 s was not one: {slept[0]}")
    expect(output, "the guest has powered off")
    for flag in ("rdrand", "rdseed", "svm", "pmu", "xsaveopt", "kvmclock"):
        if re.search(rf"^features.* {flag}\b", output, re.MULTILINE):
            raise Failure(f"the guest has {flag}")


def console_and_button(host, guest):
    """What is typed arrives; SIGTERM presses the power button."""
    output = host.run(guest, ["echo", "button"], on=[
        ("say something", "echo hello there >&3"),
        ("press the button", "kill -TERM $pid"),
    ])
    expect(output, "^you said <hello there>$")
    expect(output, "^the button was pressed$")


def virtio_console(host, guest):
    """The virtio console prints and takes what is typed; SIGHUP presses the power button."""
    output = host.run(guest, ["echo", "button"], "--console virtio", on=[
        ("say something", "echo hello there >&3"),
        ("press the button", "kill -HUP $pid; kill -HUP $pid")])
    expect(output, "^you said <hello there>$")
    expect(output, "^the button was pressed$")


def disks(host, guest):
    """What the guest writes is in the image, and the other way round."""
    host.prepare("cd /tmp && truncate -s 32M a.img && head -c 4194304 /dev/urandom >b.img")
    output = host.run(guest, ["random", "disks"],
                      "--disk /tmp/a.img --disk /tmp/b.img,ro")
    expect(output, "^hwrng virtio_rng.0 gave 64$")
    expect(output, "^vda has what was written$")
    expect(output, "^vda was discarded$")
    _, sums = host.shell("sha256sum /tmp/a.img /tmp/b.img; rm /tmp/a.img /tmp/b.img")
    image_a, image_b = (line.split()[0] for line in sums.splitlines())
    expect(output, f"^vda is {image_a}")
    expect(output, f"^vdb is 1 {image_b}")


def network(host, guest):
    """Packets go both ways, also many of them."""
    host.prepare("/sbin/ip tuntap add tap0 mode tap vnet_hdr && "
                 "/sbin/ip addr add 192.168.77.1/24 dev tap0 && /sbin/ip link set tap0 up && "
                 "mkdir /tmp/www && head -c 4194304 /dev/urandom >/tmp/www/sent")
    # A FIFO that is open for writing has no end, at which nc would close too early.
    host.prepare("httpd -f -p 5001 -h /tmp/www </dev/null >/dev/null 2>&1 & echo $! >/tmp/httpd\n"
                 "mkfifo /tmp/idle; nc -l -p 5002 <>/tmp/idle >/tmp/back 2>/dev/null & "
                 "echo $! >/tmp/nc")
    try:
        output = host.run(guest, ["net"], "--net tap=tap0,mac=52:54:00:ab:cd:ef")
    finally:
        _, sums = host.shell("sha256sum /tmp/www/sent /tmp/back; /sbin/ip link del tap0; "
                             "kill $(cat /tmp/httpd /tmp/nc) 2>/dev/null; "
                             "rm -r /tmp/www /tmp/back /tmp/idle")
    expect(output, "^eth0 is 52:54:00:ab:cd:ef$")
    expect(output, "3 packets received")
    sent, back = (line.split()[0] for line in sums.splitlines()[:2])
    expect(output, f"^received {sent}")
    if sent != back:
        raise Failure("what came back is not what was sent")


def reboots(host, guest):
    """A reset starts the guest again; SIGINT ends it."""
    output = host.run(guest, ["reboot"], on=[
        ("the guest starts again", "until [ $(grep -c '^rebooting' $out) = 2 ]; "
                                   "do sleep 0.1; done; kill -INT $pid"),
    ], done=False)
    expect(output, "the guest was ended")


AREA = "/tmp/area"              # of an arbiter
MESSAGES = "/tmp/messages"      # of ftvmm, apart from what the guest prints

# For drive: talks to the control socket while the guest counts.
CONTROL = """
send() { /root/ftvmm send /tmp/control "$@" || echo refused; }
ticks() { grep -c ^tick $out; }
"""
PAUSES = CONTROL + """
send events >/tmp/events &
until [ -s /tmp/events ]; do sleep 0.1; done
send status
send pause
send status
before=$(ticks); sleep 1; echo "ticks while paused: $(($(ticks) - before))"
send status
send resume
until [ $(ticks) -gt $((before + 3)) ]; do sleep 0.1; done
send status
send nonsense
send power
"""
RECORDS = CONTROL + """
send finish
send '{"command":"record"}'
send '{"command":"record","dir":"/tmp/recording","verify":true}'
send status
send '{"command":"record","dir":"/tmp/other"}'
before=$(ticks); until [ $(ticks) -gt $((before + 5)) ]; do sleep 0.1; done
send finish
send status
before=$(ticks); until [ $(ticks) -gt $((before + 3)) ]; do sleep 0.1; done
send '{"command":"record","dir":"/tmp/recording"}'
send '{"command":"record","dir":"/nowhere/recording"}'
send '{"command":"record","dir":"/tmp/recording2"}'
send power
"""
# The button is pressed while the guest stands, before it is recorded, and seen after.
# Nothing of the guest is in the recording that is ended where it begins.
RECORDS_PAUSED = CONTROL + """
send pause
send '{"command":"record","dir":"/tmp/recording","verify":true}'
send status
before=$(ticks); sleep 1; echo "ticks while paused: $(($(ticks) - before))"
send resume
until [ $(ticks) -gt $((before + 5)) ]; do sleep 0.1; done
send pause
send finish
send status
send finish
send '{"command":"record","dir":"/tmp/empty","verify":true}'
send finish
send power
send '{"command":"record","dir":"/tmp/recording2","verify":true}'
send resume
"""
QUITS = CONTROL + """
send pause
send quit
"""


def replay(host, folder, options=""):
    """Replays a recording and removes it; what the guest printed, then what ftvmm said."""
    status, output = host.shell(
        f"/root/ftvmm --replay {folder} --counter lab {options} --log {MESSAGES} </dev/null; s=$?; "
        f"cat {MESSAGES}; rm -r {folder} {MESSAGES}; exit $s")
    if status:
        raise replay_failure(status, output)
    expect(output, ": the whole recording$")
    return output


def replay_both(host, output, options=""):
    """Replays the two recordings of a guest that ticks, in the second of which it ends."""
    ticks = re.findall(r"^tick \d+$", output, re.MULTILINE)
    for folder, least in (("recording", 5), ("recording2", 0)):
        replayed = replay(host, f"/tmp/{folder}", options)
        again = re.findall(r"^tick \d+$", replayed, re.MULTILINE)
        if len(again) < least or again and " ".join(again) not in " ".join(ticks):
            raise Failure(f"the replay of {folder} has counted otherwise")
    expect(replayed, "^the button was pressed$")


def replies_of(output):
    """The replies of the control socket that are in the output."""
    return [json.loads(line) for line in output.splitlines() if line.startswith('{"ok"')]


def control(host, guest):
    """The control socket pauses a guest, lets it run on, and presses its power button."""
    output = host.run(guest, ["tick"], "--control /tmp/control --name web",
                      on=[("tick 3", PAUSES)])
    runs, paused, still, resumed = [reply for reply in replies_of(output) if "name" in reply]
    expect(output, "^ticks while paused: 0$")
    if [s["state"] for s in (runs, paused, still, resumed)] != ["running", "paused", "paused",
                                                                 "running"]:
        raise Failure("the states are not what was asked for")
    if paused["vcpu_seconds"] != still["vcpu_seconds"] or still["seconds"] <= paused["seconds"]:
        raise Failure("the vCPU has run while it was paused, or time has stood still")
    if runs["name"] != "web" or runs["memory"] != 256 << 20:
        raise Failure(f"the status is that of another guest: {runs}")
    expect(output, '^{"ok":false,"error":"there is no such command"')
    expect(output, "^the button was pressed")
    host.prepare("until grep -q ended /tmp/events; do sleep 0.1; done")
    _, text = host.shell("cat /tmp/events; ls /tmp/control")
    events = [json.loads(line) for line in text.splitlines() if line.startswith('{"event"')]
    if [event["state"] for event in events] != ["paused", "running", "ended"]:
        raise Failure(f"the events are {events}")
    expect(text, "/tmp/control: No such file")


def record_pauses(host, guest):
    """A guest is paused while it is recorded; its replay knows nothing of that."""
    output = host.run(guest, ["tick"], "--control /tmp/control --counter lab --verify "
                                       f"--record /tmp/recording --log {MESSAGES}",
                      on=[("tick 3", PAUSES)])
    expect(output, "^ticks while paused: 0$")
    if [reply["role"] for reply in replies_of(output) if "name" in reply] != ["recording"] * 4:
        raise Failure("the status does not say that the guest is recorded")
    replayed = replay(host, "/tmp/recording", "--verify")
    host.prepare("rm /tmp/events")
    ticks = re.compile(r"^tick \d+$", re.MULTILINE)
    if ticks.findall(replayed) != ticks.findall(output):
        raise Failure("the replay has counted otherwise")


def control_quit(host, guest):
    """The control socket ends a guest that stands still."""
    output = host.run(guest, ["tick"], "--control /tmp/control", on=[("tick 3", QUITS)],
                      done=False)
    if len(replies_of(output)) != 2:
        raise Failure("there were not two replies")
    expect(output, "the guest was ended")


def expect_warnings(host, found):
    """With shadow paging there is one only if the host may move the guest's pages."""
    strict = host.lab.config["paging"] == "strict"
    moves = host.shell(f"cat {COMPACTS}")[1].strip() == "1"
    warnings = [] if strict and not moves else ["MIGRATION" if strict else "NESTED_PAGING"]
    if [one["name"] for one in found["warnings"]] != warnings:
        raise Failure(f"not the warnings {warnings}: {found}")


def make_area(host):
    """Formats storage for an arbiter."""
    host.lab.put("a", [str(TOP / "build/arbiter/ft-arbiter")], "/root/")
    host.prepare(f"truncate -s 1M {AREA} && /root/ft-arbiter format {AREA}")


def look_for_reasons(host, kernel):
    """Runs ftvmm check in different settings; the last ones take kvm-ft away."""
    alone = f"-k {kernel} --counter lab --disk /tmp/a.img,shared --net tap=tap0"
    good = f"{alone} --arbiter {AREA}"
    memory = int(host.shell("cat /proc/meminfo")[1].split()[1]) // 1024     # MiB
    for prepare, arguments, reasons in (
            ("", good, []),
            ("", f"{good} --cpus 2", ["VCPUS"]),
            (f"echo 1 >{COMPACTS}", f"{good} --cpus 1", []),
            (f"echo 0 >{COMPACTS}", f"{good} --device vfio-pci --hotplug net",
             ["PASSTHROUGH", "HOTPLUG"]),
            ("", "-k /etc/passwd --counter lab --disk /tmp/a.img --net tap=tap1 --usb 1",
             ["PASSTHROUGH", "KERNEL", "DISK_NOT_SHARED", "TAP", "ARBITER"]),
            ("", f"{good} --disk /nowhere,shared", ["DISK"]),
            ("", f"{good} --memory 32M", ["KERNEL"]),
            ("", f"{good} --memory {memory + 64}M", ["MEMLOCK"]),
            ("", alone, ["ARBITER"]),
            ("", f"{alone} --arbiter /tmp/a.img", ["ARBITER"]),
            ("", f"{good} --append '{'x' * 3000}'", ["KERNEL"]),
            ("", f"-k {kernel}", ["COUNTER", "ARBITER"]),
            ("rmmod kvm_ft_lab_pmu", good, ["COUNTER"]),
            ("rmmod kvm_ft", good, ["COUNTER", "MODULE"]),
            ("mv /dev/kvm /dev/kvm.away", good, ["KVM"])):
        status, output = host.shell(f"{prepare or 'true'}; /root/ftvmm check -j {arguments}")
        found = json.loads(output)
        if [one["name"] for one in found["refused"]] != reasons or status != bool(reasons) or \
                found["ok"] == bool(reasons):
            raise Failure(f"ftvmm check {arguments}: status {status}, {output}")
        if not all(one["remedy"] for one in found["refused"] + found["warnings"]):
            raise Failure(f"ftvmm check {arguments}: no remedy: {output}")
        expect_warnings(host, found)


def check(host, guest):
    """ftvmm check names each reason that stands in the way, and starts no guest."""
    host.prepare("cd /tmp && truncate -s 1M a.img && /sbin/ip tuntap add tap0 mode tap vnet_hdr")
    make_area(host)
    try:
        look_for_reasons(host, host.files[guest.label][0])
    finally:
        host.shell("cd /root; mv /dev/kvm.away /dev/kvm; insmod kvm-ft-lab-pmu.ko; "
                   f"insmod kvm-ft.ko; /sbin/ip link del tap0; rm /tmp/a.img {AREA}")


def shared_disk(host, guest):
    """A shared image is open to those who also share it only; a replay does not write to it."""
    host.prepare("truncate -s 32M /tmp/a.img")
    make_area(host)
    options = (f"check -k {host.files[guest.label][0]} --counter lab --arbiter {AREA} "
               "--disk /tmp/a.img")
    output = host.run(guest, ["tick"], "--disk /tmp/a.img,shared --control /tmp/control", on=[
        ("tick 1", f"/root/ftvmm {options},shared; /root/ftvmm {options}; "
                   "/root/ftvmm send /tmp/control power")])
    expect(output, "^nothing stands in the way")
    expect(output, "^refused  DISK: disk image /tmp/a.img is in use by another guest: name a raw")
    host.prepare("cp /tmp/a.img /tmp/copy.img")
    host.run(guest, ["write"], "--disk /tmp/a.img,shared --counter lab --record /tmp/recording")
    host.prepare("cd /tmp && ! cmp -s a.img copy.img && cp copy.img replayed.img && /root/ftvmm "
                 "--replay recording --counter lab --disk replayed.img,shared </dev/null "
                 "&& cmp replayed.img copy.img && rm -r a.img copy.img replayed.img recording "
                 f"{AREA}")


def record_running(host, guest):
    """A guest that runs is recorded for a while, twice; each recording replays."""
    output = host.run(guest, ["tick"], f"--control /tmp/control --counter lab --log {MESSAGES}",
                      on=[("tick 3", RECORDS)])
    roles = [reply["role"] for reply in replies_of(output) if "name" in reply]
    if roles != ["recording", "unprotected"]:
        raise Failure(f"the status says {roles}")
    for reason in ("the guest is not being recorded", "must be a path",
                   "the guest is recorded or replayed already",
                   "the guest is not recorded: /tmp/recording has a recording already",
                   "the guest is not recorded: cannot make folder /nowhere/recording: No such"):
        expect(output, reason)
    replay_both(host, output)


def record_paused(host, guest):
    """Recordings are begun and ended while the guest is paused, and replay."""
    output = host.run(guest, ["tick"], f"--control /tmp/control --counter lab --log {MESSAGES}",
                      on=[("tick 3", RECORDS_PAUSED)])
    expect(output, "^ticks while paused: 0$")
    expect(output, "the guest is not being recorded")
    found = [(reply["role"], reply["state"]) for reply in replies_of(output) if "name" in reply]
    if found != [("recording", "paused"), ("unprotected", "paused")]:
        raise Failure(f"the status is {found}")
    replay_both(host, output, "--verify")
    if re.search("^tick", replay(host, "/tmp/empty", "--verify"), re.MULTILINE):
        raise Failure("a recording of nothing has a guest that runs")


def record_fails(host, guest):
    """A full disk ends a recording, not its guest; broken recordings are told from good ones."""
    host.prepare("mkdir /tmp/small && mount -t tmpfs -o size=80m tmpfs /tmp/small")
    output = host.run(guest, ["look"] * 8, "--counter lab --verify --record /tmp/small/r",
                      on=[("features", "cat /dev/zero >/tmp/small/fill 2>/dev/null")])
    expect(output, "the session has failed: cannot write the log")
    expect(output, "the guest goes on without being recorded")
    expect(output, "the guest has powered off")
    host.prepare("rm /tmp/small/fill && cd /tmp/small && mkdir cut none && "
                 "head -c 1000000 r/state >cut/state && cp r/log cut/ && cp -r r bad && "
                 "echo changed | dd of=bad/state bs=1 seek=2000000 conv=notrunc")
    replay = "--counter lab --replay /tmp/small/"
    kernel = host.files[guest.label][0]
    for arguments, status, reason in (
            (f"{replay}r", 0, ": all there is, the recording was not ended properly"),
            (f"{replay}r --until 100", 0, "replayed 100 entries, .*: as far as --until says"),
            (f"{replay}r --kernel {kernel}", 2, "are those of the recording"),
            (f"{replay}r --until 0", 2, "--until 0: a number from 1"),
            (f"{replay}cut", 1, "state is cut off"),
            (f"{replay}bad", 1, "state is damaged: section boot.kernel has another hash"),
            (f"{replay}none", 1, "cannot open /tmp/small/none/state: No such file"),
            (f"--kernel {kernel} --counter lab --record /tmp/small/r", 1,
             "has a recording already"),
            (f"--kernel {kernel} --counter cpu --record /tmp/small/new", 1,
             "cannot create a session"),
            ("--replay /tmp/small/new", 1, "cannot open the recording /tmp/small/new: No such")):
        found, output = host.shell(f"/root/ftvmm {arguments} </dev/null")
        if found != status:
            raise replay_failure(found, output)
        expect(output, reason)
    host.prepare("umount /tmp/small")


def bad_arguments(host, guest):
    """Each wrong command line is refused with a reason."""
    kernel = host.files[guest.label][0]
    for arguments, reason in (
            ("", "no kernel to boot"),
            ("--kernel /nowhere", "cannot read /nowhere: No such file"),
            ("--kernel /etc/passwd", "is no bzImage"),
            (f"--kernel {kernel} --memory 1M", "at least 32M are needed"),
            (f"--kernel {kernel} --memory 12X", "a size such as"),
            (f"--kernel {kernel} --memory 32M", "do not fit into the guest's RAM"),
            (f"--kernel {kernel} --console tty", "it is serial, virtio or none"),
            (f"--kernel {kernel} --disk /nowhere", "cannot open disk image /nowhere"),
            (f"--kernel {kernel} --disk /dev/null", "neither a file nor a block device"),
            (f"--kernel {kernel} --disk /x,rw", "only ro and shared are known"),
            (f"--kernel {kernel} --net mac=52:54:00:00:00:01", "it needs tap=NAME"),
            (f"--kernel {kernel} --net tap=x,mac=01:00:00:00:00:00", "the first number even"),
            (f"--kernel {kernel} --net tap=x,speed=9", "it is tap=NAME and mac=ADDRESS"),
            (f"--kernel {kernel} --log /nowhere/log", "cannot write to /nowhere/log"),
            (f"--kernel {kernel} --append '{'x' * 3000}'", "command line is longer"),
            (f"--kernel {kernel} --cpus 2", "VCPUS: the guest would have more than one vCPU"),
            (f"--kernel {kernel} --cpus 0", "a number from 1"),
            (f"--kernel {kernel} --device vfio-pci,host=01:00.0", "PASSTHROUGH"),
            (f"--kernel {kernel} --hotplug-memory 1G", "HOTPLUG"),
            (f"--kernel {kernel} -j", "--json: it is for ftvmm check"),
            (f"--kernel {kernel} --control /etc/passwd", "something else of that name"),
            (f"--kernel {kernel} stray", "'stray' is not an option")):
        status, output = host.shell(f"/root/ftvmm {arguments} </dev/null")
        if status not in (1, 2) or reason not in output:
            raise Failure(f"ftvmm {arguments}: status {status}, {output!r}")


def expect_refusals(host):
    """The example says what is not there: its log's place, the module, KVM."""
    for prepare, reason in (
            ("true", "cannot make the log /tmp/log: File exists"),
            ("rm /tmp/log; rmmod kvm_ft", "there is no /dev/kvm-ft: load the module kvm-ft"),
            ("mv /dev/kvm /dev/kvm.away", r"/dev/kvm \(load the module kvm-amd, .*No such file")):
        status, output = host.shell(f"{prepare} && /root/example /tmp/log")
        expect(output, f"^example: {reason}")
        if status != 1:
            raise Failure(f"the example ended with status {status}")


def library_example(host, _guest):
    """The example of a VMM on libkvmft records its guest, and replays it to the same end."""
    host.lab.put("a", [str(TOP / "build/libkvmft/example")], "/root/")
    status, output = host.shell("/root/example /tmp/log")
    if status:
        raise Failure(f"the example ended with status {status}: {output}")
    found = expect(output, r"\Arecording\n((?:  .*\n)+)\d+ entries in \d+ bytes of log\n"
                           r"replaying\n((?:  .*\n)+)the replay matches: registers and RAM .*\n\Z")
    # On a slow host the letter comes before the guest asks for the time.
    *entries, end = found[1].splitlines()
    expect("\n".join(sorted(entries)), r"\A  event 1 at progress \d+: the letter x\n"
                                       r"  value 2: the time \d+\Z")
    expect(end, r"\A  the guest has counted to [1-9]\d*\Z")
    if found[1] != found[2]:
        raise Failure(f"the replay is not the recording: {output}")
    try:
        expect_refusals(host)
    finally:
        host.shell("rm -f /tmp/log; mv /dev/kvm.away /dev/kvm; insmod /root/kvm-ft.ko")


# When a test runs: on each host kernel, on one of them, or only when asked for by name.
EVERY_HOST, ONCE, NAMED = range(3)

# (name, test, guest kernel, when)
TESTS = (
    ("boots_6.12", boots, "6.12", EVERY_HOST),
    ("boots_6.1", boots, "6.1", EVERY_HOST),
    ("console_and_button", console_and_button, "6.12", ONCE),
    ("virtio_console", virtio_console, "6.12", ONCE),
    ("disks", disks, "6.12", ONCE),
    ("network", network, "6.1", ONCE),
    ("reboots", reboots, "6.12", ONCE),
    ("check", check, "6.12", EVERY_HOST),
    ("shared_disk", shared_disk, "6.12", ONCE),
    ("control", control, "6.12", ONCE),
    ("record_pauses", record_pauses, "6.12", ONCE),
    ("control_quit", control_quit, "6.12", ONCE),
    ("record_running", record_running, "6.12", ONCE),
    ("record_paused", record_paused, "6.12", ONCE),
    ("record_fails", record_fails, "6.12", ONCE),
    ("bad_arguments", bad_arguments, "6.12", ONCE),
    ("library_example", library_example, "6.12", EVERY_HOST),
)
