// SPDX-License-Identifier: GPL-2.0-only
/*
 * The trail of guest segments adds up: each step begins where the one before has
 * ended, in its count and in the guest's code.
 *
 * lab-module: kvm-ft-lab-pmu trail=64
 */
#include <stdio.h>
#include <unistd.h>

#include "counter.h"
#include "guest.h"
#include "kselftest_harness.h"

#define TRAIL		"/sys/kernel/debug/kvm_ft_lab/trail"
#define TRAIL_SIZE	64
#define LOOPS		50

/* Each round has CPUID, which KVM completes in its place. */
GUEST_CODE(rounds, "1: xor %eax, %eax; cpuid; dec %esi; jnz 1b; out %al, $0x10\n");
#define ROUND		4	/* instructions, with the one that KVM completes */

struct step {
	char what;
	uint64_t count, added, from, to;
	unsigned int exit_code, injected;
};

static int read_step(FILE *f, struct step *step)
{
	return fscanf(f, " %c %lu %lu %lx %lx %x %x", &step->what, &step->count, &step->added,
		      &step->from, &step->to, &step->exit_code, &step->injected) == 7;
}

TEST(adds_up)
{
	struct step before = {}, step;
	struct kvm_regs regs;
	int counter, n = 0, completed = 0;
	unsigned int version;
	struct guest g;
	FILE *f;

	guest_create(&g, 4 << 20);
	guest_load_code(&g, rounds);
	regs = guest_regs(&g);
	regs.rsi = LOOPS;
	guest_set_regs(&g, &regs);
	counter = counter_open();
	guest_run_to_out(&g, 0x10);

	f = fopen(TRAIL, "r");
	ASSERT_NE(NULL, f);
	ASSERT_EQ(1, fscanf(f, "%u", &version));
	ASSERT_EQ(1, version);
	for (; read_step(f, &step); n++) {
		if (n) {
			EXPECT_EQ(before.count + before.added, step.count);
			EXPECT_EQ(before.to, step.from);
		}
		completed += step.what == 'R';
		before = step;
	}
	EXPECT_NE(0, feof(f));
	fclose(f);
	/* More were made than it has room for. */
	EXPECT_EQ(TRAIL_SIZE, n);
	EXPECT_LE(TRAIL_SIZE / ROUND, completed);
	EXPECT_EQ(counter_read(counter), before.count + before.added);
	close(counter);
	guest_destroy(&g);
}

TEST_HARNESS_MAIN
