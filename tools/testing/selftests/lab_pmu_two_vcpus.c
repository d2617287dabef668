// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two vCPUs that take turns on one host CPU: neither's instructions leak into
 * the other's count.
 *
 * lab-module: kvm-ft-lab-pmu
 */
#include <pthread.h>
#include <sys/resource.h>

#include "counter.h"
#include "guest.h"
#include "kselftest_harness.h"
#include "random.h"

#define ROUNDS	40

GUEST_CODE(spin, "1: dec %rcx; jnz 1b; out %al, $0x10\n");

/**
 * struct load - one vCPU's thread
 * @seed: of its random run lengths
 * @wrong: rounds whose count was not what the guest executed
 * @preempted: times that the thread lost the CPU while it wanted to run
 */
struct load {
	uint64_t seed;
	int wrong;
	long preempted;
};

static void *run_load(void *arg)
{
	struct load *l = arg;
	int counter = counter_open();
	struct rusage usage;
	struct guest g;
	int i;

	guest_create(&g, 4 << 20);
	guest_load_code(&g, spin);
	for (i = 0; i < ROUNDS; i++) {
		struct kvm_regs regs = guest_regs(&g);
		uint64_t before = counter_read(counter);
		uint64_t loops = random_between(&l->seed, 1, 4000000);

		regs.rip = GUEST_ENTRY;
		regs.rcx = loops;
		guest_set_regs(&g, &regs);
		guest_run_to_out(&g, 0x10);
		if (counter_read(counter) - before != 2 * loops)
			l->wrong++;
	}
	guest_destroy(&g);
	getrusage(RUSAGE_THREAD, &usage);
	l->preempted = usage.ru_nivcsw;
	return NULL;
}

TEST(counts_do_not_leak)
{
	struct load loads[2] = { { .seed = 1 }, { .seed = 2 } };
	pthread_t threads[2];
	int i;

	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, run_load, &loads[i]));
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, loads[i].wrong);
		/* Otherwise they did not take turns. */
		EXPECT_LT(5, loads[i].preempted);
	}
}

TEST_HARNESS_MAIN
