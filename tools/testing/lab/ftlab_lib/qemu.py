# SPDX-License-Identifier: GPL-2.0-only
"""The emulator's command line."""

from . import switch

# What each word is for:
#  panic=-1 -no-reboot: a host that panics ends its emulator, which the lab sees
#  loglevel=5: the kernel's warnings go to the console log, its chatter does not
#  nolapic_timer: calibrating the LAPIC timer spins on RDTSC, 7 s when emulated;
#    the HPET ticks instead. The guests' own LAPICs (KVM's) are not concerned
#  no_timer_check, cryptomgr.notests, initcall_blacklist: more loops and
#    self-tests that take seconds when emulated and test nothing of ours
#  -erms (a CPU without fast REP MOVSB): Linux then clears and copies by words, not
#    by bytes; each is an instruction for the emulator. A third of the tests' time
APPEND = ("console=ttyS0", "loglevel=5", "panic=-1", "nokaslr", "mitigations=off",
          "nolapic_timer", "no_timer_check", "cryptomgr.notests",
          "initcall_blacklist=hpet_init,hpet_late_init,jent_mod_init",
          "random.trust_cpu=on", "printk.time=1")


def module_parameters(tree, paging):
    """Parameters of KVM's modules, as words for the kernel command line."""
    words = [f"kvm_amd.npt={1 if paging == 'nested' else 0}"]
    # 6.1 takes nanoseconds, later kernels a truth value: use what is there.
    for name in ("lapic_timer_advance_ns", "lapic_timer_advance"):
        if tree.has_parameter("kvm", name):
            words.append(f"kvm.{name}=0")
    return words


def shared_disk(config, name):
    """The image of a disk that all hosts have."""
    return f"{config['dir']}/{name}.disk"


def shared_disks(config):
    """Words for the disks that all hosts have.

    All emulators go through the page cache of this machine, so what one host's O_DIRECT has
    written is what the next one's O_DIRECT reads; also what a killed host had been told is
    written.
    """
    words = []
    for name in config["shared_disks"]:
        words += ["-drive", f"if=none,id=shared-{name},file={shared_disk(config, name)},"
                            "format=raw,file.locking=off,cache=writeback,discard=unmap",
                  "-device", f"virtio-blk-pci,drive=shared-{name},serial={name},share-rw=on"]
    return words


def command(config, host, index):
    """The emulator's command line for one host, a list of words."""
    run, logs = config["dir"], config["logs"]
    append = [*APPEND, *config["append"], f"ftlab.name={host}", f"ftlab.index={index}",
              f"ftlab.hosts={','.join(config['hosts'])}", f"ftlab.bridge={int(config['bridge'])}"]
    sleep = "on" if config["idle"] == "real" else "off"
    clock = ["-icount", f"shift=0,sleep={sleep}"] if config["icount"] else []
    words = [
        "qemu-system-x86_64", "-name", f"ftlab-{config['name']}-{host}",
        "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
        "-accel", "tcg", *clock,
        "-cpu", "max,-erms", "-smp", "1", "-m", str(config["memory"]),
        "-kernel", config["image"], "-initrd", config["initramfs"], "-append", " ".join(append),
        "-qmp", f"unix:{run}/{host}.qmp,server=on,wait=off",
        "-chardev", f"socket,id=console,path={run}/{host}.console,server=on,wait=off,"
                    f"logfile={logs}/{host}.console.log,logappend=on",
        "-serial", "chardev:console",
        "-chardev", f"socket,id=agent,path={run}/{host}.agent,server=on,wait=off",
        "-device", "virtio-serial-pci",
        "-device", "virtserialport,chardev=agent,name=ftlab.agent",
    ]
    for nic in switch.NICS:
        words += ["-netdev", f"tap,id={nic},ifname={switch.tap(host, nic)},"
                             "script=no,downscript=no",
                  "-device", f"virtio-net-pci,id=nic-{nic},netdev={nic},"
                             f"mac={switch.mac(nic, index)},romfile="]
    return words + shared_disks(config) + config["qemu_args"]
