// SPDX-License-Identifier: GPL-2.0-only
/*
 * 10,000 guest segments of random known length, cut by host interrupts at
 * random: each is counted to the instruction.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-paging: nested strict
 */
#include <sys/timerfd.h>
#include <unistd.h>

#include "counter.h"
#include "environment.h"
#include "guest.h"
#include "kselftest_harness.h"
#include "random.h"

#define SEGMENTS	10000
#define SLED		64
#define MAX_LOOPS	20000
#define TIMERS		4
#define SEED		1
#define FAR		4000000000ull	/* ns; out of the way */

/* k nops of the sled, n times two instructions, then an OUT that exits. */
GUEST_CODE(segment,
	   ".rept 64; nop; .endr\n"
	   "1: dec %rcx\n"
	   "jnz 1b\n"
	   "out %al, $0x10\n");

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/*
 * Host interrupts at random times during the next @instructions of the guest;
 * @way is what the host needs to get there and back, in ns.
 */
static void arm_timers(const int *timers, uint64_t *seed, uint64_t way, uint64_t instructions)
{
	int i;

	for (i = 0; i < TIMERS; i++) {
		struct itimerspec when = {};

		when.it_value.tv_nsec = random_between(seed, way / 4,
						       way - way / 4 + instructions);
		timerfd_settime(timers[i], 0, &when, NULL);
	}
}

static void set_segment(struct guest *g, uint64_t nops, uint64_t loops)
{
	struct kvm_regs regs = guest_regs(g);

	regs.rip = GUEST_ENTRY + SLED - nops;
	regs.rcx = loops;
	guest_set_regs(g, &regs);
}

/* The shortest of several, with interrupts only long after. */
static uint64_t measure_way(struct guest *g, const int *timers)
{
	uint64_t seed = SEED, shortest = UINT64_MAX, took;
	int i;

	for (i = 0; i < 20; i++) {
		set_segment(g, 0, 1);
		took = now();
		arm_timers(timers, &seed, FAR, 0);
		guest_run_to_out(g, 0x10);
		took = now() - took;
		if (took < shortest)
			shortest = took;
	}
	return shortest;
}

TEST(each_segment_is_exact)
{
	int timers[TIMERS], counter, i;
	uint64_t seed = SEED, before, way;
	int segments = environment_amount(SEGMENTS);
	/* What interrupts cost before the guest must not be more than it takes itself. */
	uint64_t most_loops = MAX_LOOPS * environment_slower();
	struct guest g;

	for (i = 0; i < TIMERS; i++) {
		timers[i] = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
		ASSERT_LE(0, timers[i]);
	}
	guest_create(&g, 4 << 20);
	guest_load_code(&g, segment);
	counter = counter_open();
	way = measure_way(&g, timers);

	for (i = 0; i < segments; i++) {
		uint64_t nops = random_between(&seed, 0, SLED);
		uint64_t loops = random_between(&seed, 1, most_loops);

		set_segment(&g, nops, loops);
		arm_timers(timers, &seed, way, nops + 2 * loops);
		before = counter_read(counter);
		guest_run_to_out(&g, 0x10);
		ASSERT_EQ(nops + 2 * loops, counter_read(counter) - before)
			TH_LOG("segment %d, seed %d: %lu nops, %lu loops", i, SEED, nops, loops);
	}

	TH_LOG("%lu interrupts; %lu ns to the guest and back", guest_stat(&g, "irq_exits"), way);
	/* Otherwise nothing was shown about cut segments. */
	EXPECT_LT(segments / 2, guest_stat(&g, "irq_exits"));
	guest_destroy(&g);
}

TEST_HARNESS_MAIN
