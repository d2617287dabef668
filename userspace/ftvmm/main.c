// SPDX-License-Identifier: GPL-2.0-only
/*
 * ftvmm, the reference VMM of kvm-ft: a small machine for one Linux guest.
 * Documentation/vmm.rst is the guide to it.
 */
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "boot.h"
#include "check.h"
#include "commands.h"
#include "control.h"
#include "control_client.h"
#include "inputs.h"
#include "loop.h"
#include "message.h"
#include "options.h"
#include "output.h"
#include "pci.h"
#include "power.h"
#include "recording.h"
#include "rtc.h"
#include "serial.h"
#include "signals.h"
#include "terminal.h"
#include "vcpu.h"
#include "virtio_blk.h"
#include "virtio_console.h"
#include "virtio_net.h"
#include "virtio_rng.h"
#include "tap.h"
#include "vm.h"

/* Of the program: --help says so. */
#define EXIT_DIVERGED		3
#define EXIT_ELSEWHERE		4
#define PROGRESS_SECONDS	2

/**
 * struct machine - everything
 * @options: what the user wants
 * @loop: the main loop
 * @signals: that end the guest
 * @ended: the vCPU's thread has
 * @control: the control socket, if there is one
 * @commands: what it can do
 * @terminal: our standard input and output
 * @vm: KVM's part
 * @vcpu: the vCPU
 * @boot: what is booted
 * @recording: that is made or played
 * @lockstep: the guest on another host
 * @progress: when to tell how far a replay has come
 * @serial: ttyS0
 * @rtc: the clock
 * @power: the switches
 * @pci: the bus
 * @console: hvc0, if that is what the terminal is
 * @rng: random numbers
 * @blk: disks
 * @disks: how many are open
 * @net: network devices
 * @nets: how many are open
 */
struct machine {
	struct options options;
	struct loop loop;
	struct signals signals;
	struct watch ended;
	struct control control;
	struct commands commands;
	struct terminal terminal;
	struct vm vm;
	struct vcpu vcpu;
	struct boot boot;
	struct recording recording;
	struct lockstep lockstep;
	struct watch progress;
	struct serial serial;
	struct rtc rtc;
	struct power power;
	struct pci pci;
	struct virtio_console console;
	struct virtio_rng rng;
	struct virtio_blk blk[DISKS_MAX];
	unsigned int disks;
	struct virtio_net net[NICS_MAX];
	unsigned int nets;
};

static void quit(void *owner)
{
	struct machine *m = owner;

	m->loop.done = true;
}

/* A replay's guest takes no input: it has no button. */
static bool press_button(void *owner)
{
	struct machine *m = owner;

	if (lockstep_replays(&m->lockstep, &m->options))
		return false;
	info("the power button is pressed");
	power_press_button();
	return true;
}

static int watch_signals(struct machine *m)
{
	m->signals.press = press_button;
	m->signals.quit = quit;
	m->signals.owner = m;
	return signals_open(&m->signals, &m->loop);
}

static int open_disks(struct machine *m)
{
	struct options *o = &m->options;
	unsigned int i;

	for (i = 0; i < o->disks; i++) {
		struct virtio_blk *blk = &m->blk[m->disks++];
		struct disk_option *disk = &o->disk[i];
		uint32_t tag = INPUT_TAG(INPUT_DISK, i);
		int err;

		if (o->replay)
			err = disk_open_replay(&blk->disk, disk, tag);
		else if (o->secondary >= 0)
			err = disk_open_secondary(&blk->disk, disk, &m->loop, tag);
		else
			err = disk_open(&blk->disk, disk, &m->loop, tag);
		if (err || virtio_blk_open(blk, &m->pci, i))
			return -1;
		disk->size = blk->disk.size;
	}
	return 0;
}

static int open_nets(struct machine *m)
{
	struct options *o = &m->options;
	unsigned int i;

	for (i = 0; i < o->nets; i++) {
		bool live = !options_replays(o);
		int tap = o->replay ? -1 : tap_open(o->net[i].tap, live);

		if (tap < 0 && !o->replay)
			return -1;
		if (virtio_net_open(&m->net[m->nets++], &m->pci, &m->loop, i, tap, o->net[i].mac,
				    live))
			return -1;
	}
	return 0;
}

static int open_terminal(struct machine *m)
{
	uint32_t kind = m->options.console == CONSOLE_VIRTIO ? INPUT_CONSOLE : INPUT_SERIAL;

	if (m->options.console == CONSOLE_NONE)
		return 0;
	if (output_open(STDOUT_FILENO))
		return -1;
	if (options_replays(&m->options))
		return 0;
	m->terminal.quit = quit;
	m->terminal.owner = m;
	return terminal_open(&m->terminal, &m->loop, INPUT_TAG(kind, 0));
}

/* The order is that of the slots on the PCI bus. */
static int open_devices(struct machine *m)
{
	enum console console = m->options.console;

	serial_open(&m->serial, &m->vm, console == CONSOLE_SERIAL ? &m->terminal : NULL);
	rtc_open(&m->rtc, &m->vm);
	power_open(&m->power, &m->vcpu);
	pci_open(&m->pci, &m->vm);
	if (virtio_rng_open(&m->rng, &m->pci))
		return -1;
	if (console == CONSOLE_VIRTIO && virtio_console_open(&m->console, &m->pci, &m->terminal))
		return -1;
	if (open_disks(m) || open_nets(m))
		return -1;
	return open_terminal(m);
}

/* A secondary's devices become real.  The vCPU's thread, the guest stands still. */
static int go_live(void *owner)
{
	struct machine *m = owner;
	unsigned int i;

	m->options.secondary = -1;
	for (i = 0; i < m->disks; i++)
		virtio_blk_go_live(&m->blk[i]);
	for (i = 0; i < m->nets; i++)
		if (virtio_net_go_live(&m->net[i]))
			return -1;
	return 0;
}

static bool is_settled(void *owner)
{
	const struct machine *m = owner;
	unsigned int i;

	for (i = 0; i < m->disks; i++)
		if (!disk_is_idle(&m->blk[i].disk))
			return false;
	return true;
}

static void lockstep_changed(void *owner)
{
	struct machine *m = owner;

	protect_commands_tell(&m->commands.protect);
}

static int open_lockstep(struct machine *m)
{
	m->recording.options = &m->options;
	m->recording.vcpu = &m->vcpu;
	m->recording.boot = &m->boot;
	m->boot.vcpu = &m->vcpu;
	m->lockstep.recording = &m->recording;
	m->lockstep.loop = &m->loop;
	m->lockstep.go_live = go_live;
	m->lockstep.is_settled = is_settled;
	m->lockstep.tell = lockstep_changed;
	m->lockstep.owner = m;
	return lockstep_open(&m->lockstep);
}

/* What is booted: what the user names, or what a recording has. */
static int open_boot(struct machine *m)
{
	struct options *o = &m->options;

	if (o->replay)
		return recording_open(&m->recording, o);
	if (o->secondary >= 0)
		return lockstep_receive(&m->lockstep, o);
	return boot_open(&m->boot, o->kernel, o->initrd);
}

/* Before signals are blocked: one may end the wait for another program's socket. */
static int open_control(struct machine *m)
{
	if (!m->options.control)
		return 0;
	if (control_open(&m->control, &m->loop, m->options.control))
		return -1;
	m->commands = (struct commands){
		.control = &m->control,
		.options = &m->options,
		.vcpu = &m->vcpu,
		.loop = &m->loop,
		.record.recording = &m->recording,
		.protect.lockstep = &m->lockstep,
	};
	return commands_open(&m->commands);
}

static int set_up(struct machine *m)
{
	static const char *const consoles[] = {
		[CONSOLE_SERIAL] = "ttyS0",
		[CONSOLE_VIRTIO] = "hvc0",
		[CONSOLE_NONE] = NULL,
	};
	struct options *o = &m->options;

	if (loop_open(&m->loop) || open_lockstep(m) || open_control(m))
		return -1;
	if (o->secondary >= 0 && lockstep_wait(&m->lockstep))
		return -1;
	if (open_boot(m) || vm_open(&m->vm, o->memory) ||
	    vcpu_open(&m->vcpu, &m->vm, boot_load, &m->boot))
		return -1;
	if (o->tsc_khz && vcpu_set_tsc_khz(&m->vcpu, o->tsc_khz))
		return -1;
	o->tsc_khz = vcpu_tsc_khz(&m->vcpu);
	if (!options_replays(o) && boot_set_command_line(&m->boot, o->append, consoles[o->console]))
		return -1;
	if (commands_watch(&m->commands) || watch_signals(m))
		return -1;
	m->ended = (struct watch){ .fd = m->vcpu.ended, .ready = quit, .owner = m };
	if (loop_watch(&m->loop, &m->ended))
		return -1;
	return open_devices(m);
}

static void on_progress(void *owner)
{
	struct machine *m = owner;
	uint64_t count;

	if (read(m->progress.fd, &count, sizeof(count)) == sizeof(count))
		recording_progress(&m->recording);
}

static int watch_progress(struct machine *m)
{
	const struct itimerspec every = {
		.it_interval.tv_sec = PROGRESS_SECONDS,
		.it_value.tv_sec = PROGRESS_SECONDS,
	};

	m->progress = (struct watch){
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
		.ready = on_progress,
		.owner = m,
	};
	if (m->progress.fd < 0 || timerfd_settime(m->progress.fd, 0, &every, NULL))
		return complain("cannot use a timer: %s", strerror(errno));
	return loop_watch(&m->loop, &m->progress);
}

/* The guest is where it is to start from: booted, or as a recording has it. */
static int prepare(struct machine *m)
{
	const struct options *o = &m->options;

	if (o->secondary >= 0) {
		if (state_keep() || lockstep_load(&m->lockstep))
			return -1;
	} else if (o->replay) {
		if (state_keep() || recording_load(&m->recording) || watch_progress(m))
			return -1;
	} else if (vcpu_boot(&m->vcpu)) {
		return -1;
	}
	if (o->record && recording_start(&m->recording, o->record, o->verify))
		return -1;
	if (o->record || options_replays(o))
		vcpu_record(&m->vcpu, &m->recording);
	return 0;
}

static const char *end_of(enum vcpu_end end)
{
	static const char *const texts[] = {
		[VCPU_POWERED_OFF] = "powered off",
		[VCPU_STOPPED] = "ended",
		[VCPU_REPLAYED] = "replayed",
		[VCPU_ELSEWHERE] = "another host runs the guest",
		[VCPU_FAILED] = "failed",
	};

	return texts[end];
}

static int run(struct machine *m)
{
	enum vcpu_end end;
	int failed;

	if (prepare(m) || vcpu_start(&m->vcpu))
		return 1;
	failed = loop_run(&m->loop);
	end = vcpu_stop(&m->vcpu);
	output_close();
	commands_ended(&m->commands, end_of(end));
	switch (end) {
	case VCPU_POWERED_OFF:
		info("the guest has powered off");
		break;
	case VCPU_STOPPED:
		info("the guest was ended");
		break;
	case VCPU_REPLAYED:
		break;
	case VCPU_ELSEWHERE:
		return EXIT_ELSEWHERE;
	default:
		failed = 1;
	}
	if (m->recording.diverged)
		return EXIT_DIVERGED;
	return failed ? 1 : 0;
}

static void tear_down(struct machine *m)
{
	unsigned int i;

	protect_commands_close(&m->commands.protect);
	output_close();
	terminal_close();
	for (i = 0; i < m->disks; i++)
		disk_close(&m->blk[i].disk);
	for (i = 0; i < m->nets; i++)
		virtio_net_close(&m->net[i]);
	lockstep_close(&m->lockstep);
	kvmft_close(&m->recording.session);
	vcpu_close(&m->vcpu);
	vm_close(&m->vm);
	boot_close(&m->boot);
	/* Who waits for the end of this VM can connect until it has let go of all it has. */
	control_close(&m->control);
	loop_close(&m->loop);
	if (m->progress.fd >= 0)
		close(m->progress.fd);
	signals_close(&m->signals);
}

int main(int argc, char **argv)
{
	static struct machine m = {
		.loop.epoll = -1,
		.signals.watch.fd = -1,
		.progress.fd = -1,
		.recording.session.fd = -1,
		.lockstep = { .socket = -1, .decided.fd = -1, .arbiter.fd = -1 },
		.vm = { .kvm = -1, .fd = -1 },
		.vcpu = { .fd = -1, .ended = -1, .pause.told = -1, .run = (void *)-1 },
	};
	int status;

	if (argc > 1 && !strcmp(argv[1], "send"))
		return control_client(argc - 1, argv + 1);
	status = options_parse(&m.options, argc, argv);

	if (status)
		return status < 0 ? 2 : 0;
	if (m.options.check)
		return check_run(&m.options);
	if (message_open(m.options.name, m.options.log)) {
		complain("cannot write to %s: %s", m.options.log, strerror(errno));
		return 1;
	}
	status = set_up(&m) ? 1 : run(&m);
	tear_down(&m);
	return status;
}
