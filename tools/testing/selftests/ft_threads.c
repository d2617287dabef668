// SPDX-License-Identifier: GPL-2.0-only
/*
 * The vCPU's thread changes between two calls of KVM_FT_RUN, on one side or on
 * both, while the guest is on its way to a landmark: the count goes on.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <err.h>

#include "environment.h"
#include "kselftest_harness.h"
#include "program.h"

#define PORT_TO_VMM	0x11

/* Leaves to the VMM several times from one interrupt to the next. */
GUEST_CODE(start, "mov $50, %ebp\n" APIC_ON APIC_ONCE(60000) "sti\n");
GUEST_CODE(loop,
	   "1: inc %rcx; mov $300, %eax; 2: dec %eax; jnz 2b\n"
	   "test $7, %cl; jnz 1b; out %al, $0x11; jmp 1b\n");
GUEST_CODE(timer, PROGRAM_NOTE(0) APIC_AGAIN(60000) APIC_EOI PROGRAM_RETURN);

static unsigned int exits[2];	/* recording, replay */

static void count(struct replay *r)
{
	if (r->guest.run->exit_reason != KVM_EXIT_IO || r->guest.run->io.port != PORT_TO_VMM)
		errx(1, "exit reason %u", r->guest.run->exit_reason);
	exits[r->role == KVM_FT_REPLAY]++;
}

static void check(struct __test_metadata *_metadata, int record, int replay)
{
	struct program p = {
		guest_code_of(start), guest_code_of(loop), guest_code_of(timer),
	};
	struct replay r = {
		.on_exit = count, .threads_record = record, .threads_replay = replay,
	};

	exits[0] = 0;
	exits[1] = 0;
	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(50, r.status.entries);
	EXPECT_LE(environment_amount(100), exits[0]);
	EXPECT_EQ(exits[0], exits[1]);
}

TEST(recording)
{
	check(_metadata, 1, 0);
}

TEST(replay)
{
	check(_metadata, 0, 1);
}

TEST(both)
{
	check(_metadata, 1, 1);
}

REPLAY_KEEP_HOOKS
TEST_HARNESS_MAIN
