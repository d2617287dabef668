// SPDX-License-Identifier: GPL-2.0-only
/*
 * A recording is stopped wherever a signal ended KVM_FT_RUN: its replay comes to the log's
 * end, and if that is where the recording ended, to the same state.  The guest is one that
 * mostly stands where nothing can be delivered to it: with an interrupt waiting, right
 * behind a page fault, in front of a software interrupt.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 * lab-timeout: 300
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "apic.h"
#include "environment.h"
#include "kselftest_harness.h"
#include "pair.h"
#include "random.h"

#define ROUNDS		40
#define LONGEST_US	400
#define VECTOR		0x40
#define SOFT_VECTOR	0x50
#define HANDLER		0x20000
#define SOFT_HANDLER	0x21000

#define SELF_IPI	"movl $0x40040, 0x300(%r15)\n"

GUEST_CODE(loop, APIC_ON
	   "pushfq; pop %r13; bts $9, %r13\n"
	   "1: cli\n" SELF_IPI "inc %rcx\n"
	   "push %r13; popfq; inc %rdx\n"
	   "int $0x50\n"
	   SELF_IPI "inc %rbx; jmp 1b\n");
GUEST_CODE(calm, "1: inc %rcx; add %rcx, %rbx; jmp 1b\n");
GUEST_CODE(handler, "inc %r12\n" APIC_EOI "iretq\n");
/* It returns with RF set, as a page fault's handler does. */
GUEST_CODE(soft_handler, "inc %r14; btsq $16, 16(%rsp); iretq\n");

static void load(struct guest *g, struct guest_code code)
{
	struct kvm_regs regs = guest_regs(g);

	guest_put(g, GUEST_ENTRY, code);
	guest_put(g, HANDLER, guest_code_of(handler));
	guest_put(g, SOFT_HANDLER, guest_code_of(soft_handler));
	guest_set_handler(g, VECTOR, HANDLER);
	guest_set_handler(g, SOFT_VECTOR, SOFT_HANDLER);
	regs.r15 = APIC_BASE;
	guest_set_regs(g, &regs);
}

static void create(struct side *side, uint32_t role, int log, struct guest_code code)
{
	struct kvm_ft_log args = { .fd = log, .type = KVM_FT_LOG_FILE };

	memset(side, 0, sizeof(*side));
	side->role = role;
	side_create(side);
	load(&side->g, code);
	if (ioctl(side->session, KVM_FT_SET_LOG, &args))
		err(1, "KVM_FT_SET_LOG");
}

/**
 * struct alarm - a signal for a thread, again and again until it has had its effect
 * @thread: that gets it
 * @after_us: when it comes first
 * @done: it had
 */
struct alarm {
	pthread_t thread;
	unsigned int after_us;
	int done;
};

static void *ring(void *arg)
{
	struct alarm *a = arg;
	struct timespec time = { .tv_nsec = 1000L * a->after_us };

	while (!__atomic_load_n(&a->done, __ATOMIC_SEQ_CST)) {
		nanosleep(&time, NULL);
		pthread_kill(a->thread, SIGUSR1);
	}
	return NULL;
}

/* Until a signal comes; returns errno of KVM_FT_RUN. */
static int run_until_signal(struct side *side, unsigned int after_us)
{
	struct alarm a = { .thread = pthread_self(), .after_us = after_us };
	struct kvm_ft_run run;
	pthread_t thread;
	int error;

	/* Again and again: the first may come before KVM_FT_RUN is called. */
	if (pthread_create(&thread, NULL, ring, &a))
		errx(1, "pthread_create");
	error = ioctl(side->session, KVM_FT_RUN, &run) ? errno : 0;
	__atomic_store_n(&a.done, 1, __ATOMIC_SEQ_CST);
	pthread_join(thread, NULL);
	return error;
}

static void stop(struct side *side)
{
	while (ioctl(side->session, KVM_FT_STOP))
		if (errno != EINTR)
			err(1, "KVM_FT_STOP");
	ioctl(side->session, KVM_FT_STATUS, &side->status);
}

/* A recording of a random length, and its replay. */
static void run_round(struct side *record, struct side *replay, struct guest_code code,
		      uint64_t *random)
{
	int log = memfd_create("log", MFD_CLOEXEC);

	create(record, KVM_FT_RECORD, log, code);
	side_start(record);
	record->error = run_until_signal(record, random_between(random, 1, LONGEST_US) *
						 environment_slower());
	stop(record);
	create(replay, KVM_FT_REPLAY, log, code);
	side_start(replay);
	side_run_until_end(replay);
	ioctl(replay->session, KVM_FT_STATUS, &replay->status);
	close(log);
}

FIXTURE(stop) {
};

FIXTURE_SETUP(stop)
{
	pair_set_up();
}

FIXTURE_TEARDOWN(stop)
{
	pair_tear_down();
}

/* Returns how many of ROUNDS replays came to where their recordings ended. */
static unsigned int check(struct __test_metadata *_metadata, struct guest_code code)
{
	unsigned int rounds = environment_amount(ROUNDS), i, same = 0;
	uint64_t random = environment_number("KVM_FT_TEST_SEED", 1);
	struct side record, replay;

	for (i = 0; i < rounds; i++) {
		int is_there;

		run_round(&record, &replay, code, &random);
		is_there = record.status.progress == replay.status.progress;
		EXPECT_EQ(EINTR, record.error);
		EXPECT_EQ(KVM_FT_EXIT_END, replay.exit)
			TH_LOG("round %u: %s", i, replay.status.what);
		EXPECT_EQ(KVM_FT_END_COMPLETE, replay.status.log_end);
		EXPECT_LE(replay.status.progress, record.status.progress);
		if (is_there)
			EXPECT_STREQ("", pair_difference(&record, &replay));
		same += is_there;
		side_destroy(&record);
		side_destroy(&replay);
	}
	TH_LOG("%u of %u replays came to where the recording ended", same, rounds);
	return same;
}

TEST_F_TIMEOUT(stop, anywhere, 300)
{
	check(_metadata, guest_code_of(loop));
}

/* Any place will do. */
TEST_F_TIMEOUT(stop, in_a_loop, 300)
{
	EXPECT_LT(environment_amount(ROUNDS) / 2, check(_metadata, guest_code_of(calm)));
}

TEST_HARNESS_MAIN
