// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <json-c/json.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../arbiter/arbiter.h"
#include "../libkvmft/qualify.h"
#include "../libkvmft/session.h"
#include "boot.h"
#include "check.h"
#include "disk.h"
#include "finding.h"
#include "message.h"
#include "object.h"
#include "paging.h"
#include "tap.h"
#include "vcpu.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define DEVICE		"/dev/kvm-ft"

/**
 * struct check - all that is found
 * @options: of the guest
 * @name: of what the functions called now may complain about
 * @found: what is in the way
 * @warnings: worth to know
 */
struct check {
	const struct options *options;
	const char *name;
	struct findings found;
	struct findings warnings;
};

/* What to do about reasons that functions tell without a remedy. */
static const struct {
	const char *name;
	const char *remedy;
} remedies[] = {
	{ "KVM", "load kvm_amd or kvm_intel, and have the right to use /dev/kvm; see dmesg" },
	{ "MODULE", "load the module kvm-ft" },
	{ "MODULE_VERSION", "install ftvmm and kvm-ft.ko of one build" },
	{ "MODULE_ACCESS", "be root, or in the group that owns " DEVICE },
	{ "HOOKS", "see dmesg, and Documentation/hooks.rst for kernels that have them" },
	{ "SESSION", "see dmesg" },
	{ "KERNEL", "name a kernel from /boot; --initrd has to fit into --memory, too" },
	{ "MEMORY", "lower --memory, or end other programs" },
	{ "DISK", "name a raw image or block device that no other guest uses" },
	{ "TAP", "ip tuntap add NAME mode tap user USER vnet_hdr, and no other guest on it" },
	{ "ARBITER", "name storage with --arbiter that both hosts reach" },
};

static const char *remedy_for(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(remedies); i++)
		if (!strcmp(remedies[i].name, name))
			return remedies[i].remedy;
	return "";
}

/* With the remedy that its name has, or one of its own. */
static void find(struct check *c, const char *name, const char *text, const char *remedy)
{
	if (!remedy)
		remedy = remedy_for(name);
	findings_add(&c->found, name, remedy, "%s", text);
}

static void find_refusal(struct check *c, uint32_t reason)
{
	const struct kvmft_refusal *refusal = kvmft_refusal(reason);

	find(c, refusal->name, refusal->text, refusal->remedy);
}

/* An error that would be told if the guest was started. */
static void take_message(void *data, const char *text, const char *remedy)
{
	struct check *c = data;

	find(c, c->name, text, remedy);
}

static void check_options(struct check *c)
{
	unsigned int i;

	for (i = 0; i < c->options->refusals; i++)
		find(c, c->options->refused[i]->name, c->options->refused[i]->text,
		     c->options->refused[i]->remedy);
}

static void check_disks(struct check *c)
{
	const struct options *o = c->options;
	struct loop loop;
	unsigned int i;

	c->name = "DISK";
	if (loop_open(&loop))
		return;
	for (i = 0; i < o->disks; i++) {
		struct disk disk;
		char text[512];

		if (!disk_open(&disk, &o->disk[i], &loop, INPUT_TAG(INPUT_DISK, i)) &&
		    !o->disk[i].shared && !o->disk[i].read_only) {
			snprintf(text, sizeof(text), "disk image %s is this host's alone",
				 o->disk[i].path);
			find(c, "DISK_NOT_SHARED", text,
			     "put it where both hosts reach it, and say ,shared");
		}
		disk_close(&disk);
	}
	loop_close(&loop);
}

static void check_nets(struct check *c)
{
	unsigned int i;
	int tap;

	c->name = "TAP";
	for (i = 0; i < c->options->nets; i++) {
		const char *name = c->options->net[i].tap;

		/* It would be made, but be connected to nothing. */
		if (!if_nametoindex(name)) {
			char text[128];

			snprintf(text, sizeof(text), "there is no tap device %.64s", name);
			find(c, c->name, text, NULL);
			continue;
		}
		tap = tap_open(name, false);
		if (tap >= 0)
			close(tap);
	}
}

/* On fault: the limits are the same, and no memory is taken for it. */
static void check_memory(struct check *c)
{
	struct memory memory;

	c->name = "MEMORY";
	if (memory_open(&memory, c->options->memory))
		return;
	c->name = "MEMLOCK";
	memory_lock(&memory, false);
	memory_close(&memory);
}

static void check_arbiter(struct check *c)
{
	const struct options *o = c->options;
	struct arbiter arbiter;
	uint64_t newest;

	if (!o->arbiter) {
		find(c, "ARBITER", "nothing keeps both hosts from running the guest",
		     "name storage with --arbiter that both hosts reach, formatted by ft-arbiter");
		return;
	}
	if (arbiter_open(&arbiter, o->arbiter, o->id) || arbiter_newest(&arbiter, &newest))
		find(c, "ARBITER", arbiter.problem, NULL);
	arbiter_close(&arbiter);
}

static int open_session(struct check *c, struct vcpu *vcpu, struct kvmft_session *session)
{
	struct kvmft_guest guest = {
		.vm = vcpu->vm->fd,
		.vcpu = vcpu->fd,
		.name = c->options->name,
	};
	struct kvmft_counter lab = { 0 };
	bool counter = !c->options->lab_counter || !kvmft_counter_of_lab(&lab);
	int err;

	guest.lab_pmu = lab.type;
	err = kvmft_open(session, &guest);
	if (err == -ENODEV && !access(DEVICE, F_OK)) {
		counter = false;
		err = 0;
	}
	if (!counter)
		find_refusal(c, KVM_FT_REFUSED_COUNTER);
	if (err == -ENOENT || err == -ENODEV)
		find(c, "MODULE", "there is no " DEVICE, NULL);
	else if (err == -EACCES)
		find(c, "MODULE_ACCESS", "no access to " DEVICE, NULL);
	else if (err == -EPROTO)
		findings_add(&c->found, "MODULE_VERSION", remedy_for("MODULE_VERSION"),
			     "kvm-ft.ko has another API version than ftvmm, which has %d",
			     KVM_FT_API_VERSION);
	else if (err)
		find(c, "SESSION", session->problem, NULL);
	return counter && !err ? 0 : -1;
}

/* Gets as far as into KVM_RUN, which returns before it enters the guest. */
static void check_counter(struct check *c, struct vcpu *vcpu, struct kvmft_session *session)
{
	struct kvm_ft_run run;
	int err;

	vcpu->run->immediate_exit = 1;
	err = kvmft_run(session, &run);
	vcpu->run->immediate_exit = 0;
	if (err != -EINTR && err != -EAGAIN)
		find_refusal(c, KVM_FT_REFUSED_COUNTER);
}

static void check_session(struct check *c, struct vcpu *vcpu)
{
	struct kvmft_session session = { .fd = -1 };
	const struct kvmft_recording how = { 0 };
	int log = memfd_create("kvm-ft check", MFD_CLOEXEC), err;

	if (log < 0) {
		find(c, "MEMORY", "no memory for a log", NULL);
		return;
	}
	if (!open_session(c, vcpu, &session)) {
		err = kvmft_record(&session, log, &how);
		if (!err)
			check_counter(c, vcpu, &session);
		else if (session.reason)
			find_refusal(c, session.reason);
		else if (err == -ENODEV)
			find(c, "HOOKS", "a function of KVM cannot be hooked", NULL);
		else
			find(c, "SESSION", session.problem, NULL);
		if (!err)
			kvmft_stop(&session);
	}
	kvmft_close(&session);
	close(log);
}

static int no_boot(void *data)
{
	(void)data;
	return 0;
}

/* The VM and its vCPU as the guest would have them, but for devices. */
static void check_machine(struct check *c)
{
	static const char *const consoles[] = { "ttyS0", "hvc0", NULL };
	const struct options *o = c->options;
	struct vcpu vcpu = { .fd = -1, .ended = -1, .pause.told = -1, .run = MAP_FAILED };
	struct vm vm = { .kvm = -1, .fd = -1 };
	struct boot boot = { .vcpu = &vcpu };
	int err;

	c->name = "KVM";
	err = vm_open(&vm, o->memory) || vcpu_open(&vcpu, &vm, no_boot, NULL);
	if (!err)
		check_session(c, &vcpu);
	c->name = "KERNEL";
	if (!boot_open(&boot, o->kernel, o->initrd) && !err &&
	    !boot_set_command_line(&boot, o->append, consoles[o->console]))
		boot_load(&boot);
	boot_close(&boot);
	vcpu_close(&vcpu);
	vm_close(&vm);
}

/* Both kinds of host can protect guests; but not all guests in the same way. */
static const char *paging_mode(struct check *c)
{
	switch (paging_of_host()) {
	case PAGING_STRICT:
		if (paging_host_migrates())
			findings_add(&c->warnings, "MIGRATION",
				     "sysctl vm.compact_unevictable_allowed=0 kernel.numa_balancing=0",
				     "the host may move the guest's pages: a guest that is short of memory may diverge, which is found");
		return "strict";
	case PAGING_NESTED:
		findings_add(&c->warnings, "NESTED_PAGING", "load kvm_amd with npt=0",
			     "KVM uses nested paging: a guest that is short of memory may diverge, which is found");
		return "nested";
	default:
		return "unknown";
	}
}

static void print_list(const char *heading, const struct findings *all)
{
	const struct finding *f;

	for (f = all->list; f < all->list + all->count; f++)
		printf("%-8s %s: %s%s%s\n", heading, f->name, f->text, *f->remedy ? ": " : "",
		       f->remedy);
}

static int print_json(const struct check *c, const char *mode)
{
	struct json_object *all = json_object_new_object();

	if (!all)
		return complain("no memory");
	json_object_object_add(all, "ok", json_object_new_boolean(!c->found.count));
	json_object_object_add(all, "paging", json_object_new_string(mode));
	json_object_object_add(all, "refused", findings_save(&c->found));
	json_object_object_add(all, "warnings", findings_save(&c->warnings));
	puts(object_line(all));
	json_object_put(all);
	return 0;
}

int check_run(const struct options *options)
{
	static struct check c;
	const char *mode;

	c.options = options;
	message_divert(take_message, &c);
	check_options(&c);
	check_memory(&c);
	check_machine(&c);
	check_disks(&c);
	check_nets(&c);
	check_arbiter(&c);
	message_divert(NULL, NULL);
	mode = paging_mode(&c);
	if (options->json)
		return print_json(&c, mode) || c.found.count;
	print_list("refused", &c.found);
	print_list("warning", &c.warnings);
	if (!c.found.count)
		printf("nothing stands in the way of protecting the guest (%s paging)\n", mode);
	return c.found.count ? 1 : 0;
}
