// SPDX-License-Identifier: GPL-2.0-only
/*
 * RDTSC, RDTSCP and the TSC's MSR return on replay what they returned when
 * recorded.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <err.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "replay.h"

/* Stores each value, 8 bytes, from GUEST_DATA on. */
#define STORE	"shl $32, %rdx; or %rdx, %rax; stosq\n"

GUEST_CODE(loop,
	   "mov $0x100000, %edi\n"
	   "mov $3000, %ebx\n"
	   "1: rdtsc\n" STORE
	   "mov $-1, %rcx\n"
	   "rdtscp\n" STORE
	   "add %rcx, %r14\n"
	   "mov $0x10, %ecx\n"
	   "rdmsr\n" STORE
	   "dec %ebx\n"
	   "jnz 1b\n"
	   "out %al, $0x10\n");

#define LOOPS	3000
#define AUX	0x1234

static void set_up(struct replay *r)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head.nmsrs = 1,
		.entry = { .index = 0xc0000103, .data = AUX },	/* TSC_AUX */
	};

	if (ioctl(r->guest.vcpu, KVM_SET_MSRS, &msrs) != 1)
		err(1, "KVM_SET_MSRS");
	guest_load_code(&r->guest, loop);
}

TEST(values_are_replayed)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up };
	const char *difference = replay_check(&r);

	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
	/* One entry each, and the stop. */
	EXPECT_EQ(3 * LOOPS + 1, r.status.entries);
	/* RDTSCP returns TSC_AUX, too. */
	EXPECT_EQ((uint64_t)LOOPS * AUX, r.machine.regs.r14);
}

/* With plain KVM_RUN: nothing of the session may be left in the vCPU. */
static void run_on(struct replay *r)
{
	struct kvm_regs regs = guest_regs(&r->guest);

	regs.rip = GUEST_ENTRY;
	guest_set_regs(&r->guest, &regs);
	guest_run_to_out(&r->guest, PORT_DONE);
}

TEST(vm_runs_on_after_stop)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up, .after_record = run_on };

	EXPECT_EQ(NULL, replay_check(&r));
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
