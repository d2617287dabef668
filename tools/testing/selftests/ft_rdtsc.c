// SPDX-License-Identifier: GPL-2.0-only
/*
 * RDTSC, RDTSCP and the TSC's MSR return on replay what they returned when
 * recorded.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include "kselftest_harness.h"
#include "replay.h"

/* Stores each value, 8 bytes, from GUEST_DATA on. */
#define STORE	"shl $32, %rdx; or %rdx, %rax; stosq\n"

GUEST_CODE(loop,
	   "mov $0x100000, %edi\n"
	   "mov $3000, %ebx\n"
	   "1: rdtsc\n" STORE
	   "rdtscp\n" STORE
	   "mov $0x10, %ecx\n"
	   "rdmsr\n" STORE
	   "dec %ebx\n"
	   "jnz 1b\n"
	   "out %al, $0x10\n");

static void set_up(struct replay *r)
{
	guest_load_code(&r->guest, loop);
}

TEST(values_are_replayed)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up };
	const char *difference = replay_check(&r);

	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
	/* One entry each, and the stop. */
	EXPECT_EQ(3 * 3000 + 1, r.status.entries);
}

TEST_HARNESS_MAIN
