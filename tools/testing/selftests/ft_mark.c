// SPDX-License-Identifier: GPL-2.0-only
/*
 * Progress marks: recorded where nothing else is for long, not where there is
 * something; a replay from a file does without them.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include "counter.h"
#include "kselftest_harness.h"
#include "replay.h"

#define INTERVAL	200000
/* An overflow is exact here; a landmark may take a few instructions more. */
#define SLACK		20000

/* 2,000,000 instructions without an exit. */
GUEST_CODE(quiet, "mov $1000000, %ecx; 1: dec %ecx; jnz 1b; out %al, $0x10\n");
#define QUIET		2000000

/* As many, but an RDTSC each 100,000. */
GUEST_CODE(busy,
	   "mov $20, %ebx\n"
	   "1: rdtsc\n"
	   "mov $50000, %ecx; 2: dec %ecx; jnz 2b\n"
	   "dec %ebx; jnz 1b\n"
	   "out %al, $0x10\n");

static void load_quiet(struct replay *r)
{
	guest_load_code(&r->guest, quiet);
}

static void load_busy(struct replay *r)
{
	guest_load_code(&r->guest, busy);
}

FIXTURE(mark) {
	struct replay r;
};

FIXTURE_SETUP(mark)
{
	replay_set_skid(0);
	self->r = (struct replay){ .mem_size = 4 << 20, .mark_interval = INTERVAL };
}

FIXTURE_TEARDOWN(mark)
{
	replay_set_skid(-1);
}

static void check(struct __test_metadata *_metadata, struct replay *r,
		  void (*load)(struct replay *r))
{
	const char *difference;

	r->set_up = load;
	difference = replay_check(r);
	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
}

TEST_F(mark, where_nothing_else_is)
{
	const struct replay *r = &self->r;

	check(_metadata, &self->r, load_quiet);
	/* The marks, and the stop. */
	EXPECT_LE(QUIET / (INTERVAL + SLACK) + 1, r->recorded.entries);
	EXPECT_GE(QUIET / INTERVAL + 1, r->recorded.entries);
	/* Those that the replay went past are counted, too. */
	EXPECT_EQ(r->recorded.entries, r->status.entries);
}

TEST_F(mark, not_where_something_is)
{
	check(_metadata, &self->r, load_busy);
	EXPECT_EQ(20 + 1, self->r.recorded.entries);
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
