// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random programs, interrupted by their timer and by the VMM at random times,
 * replay to the same registers and the same RAM; all registers are compared at
 * each log entry, too.
 *
 * FT_RANDOM_START and FT_RANDOM_COUNT in the environment choose other seeds.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 * lab-timeout: 1800
 */
#include <err.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "counter.h"
#include "environment.h"
#include "kselftest_harness.h"
#include "random.h"
#include "random_program.h"
#include "replay.h"

#define SEEDS		500
#define FIRST_SEED	1
#define MAX_FAILURES	5
#define SEED_SECONDS	600	/* of the host's time, which is jumped over when idle */

/**
 * struct vmm - what the VMM does to a program
 * @seed: of the program
 * @random: state of the random numbers, of the recording only
 * @values: answered reads of the port
 * @events: sent
 */
struct vmm {
	uint64_t seed;
	uint64_t random;
	unsigned int values;
	unsigned int events;
};

static uint64_t current_seed;

/* However the test program ends. */
static void report_seed(void)
{
	if (current_seed)
		printf("# seed %lu: again: FT_RANDOM_START=%lu FT_RANDOM_COUNT=1\n",
		       current_seed, current_seed);
	fflush(stdout);
}

static void too_long(int sig)
{
	static const char text[] = "# takes too long: the seed behind the last one that is named\n";

	(void)sig;
	if (write(1, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

static void set_watchdog(void)
{
	struct sigaction action = { .sa_handler = too_long };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec once = { .it_value.tv_sec = SEED_SECONDS };
	static timer_t timer;
	static int created;

	sigaction(SIGUSR1, &action, NULL);
	if (!created && timer_create(CLOCK_MONOTONIC, &event, &timer))
		err(1, "timer_create");
	created = 1;
	timer_settime(timer, 0, &once, NULL);
}

static void set_up(struct replay *r)
{
	struct vmm *v = r->context;

	random_program_load(&r->guest, v->seed);
}

/* The tag says whether there is an interrupt. */
static void deliver(struct replay *r, uint32_t tag, const void *data, uint32_t size)
{
	guest_load(&r->guest, RANDOM_PROGRAM_MAILBOX, data, size);
	if (tag)
		guest_interrupt(&r->guest, RANDOM_PROGRAM_VECTOR);
}

static void on_landmark(struct replay *r, const struct kvm_ft_data *event)
{
	struct vmm *v = r->context;
	uint8_t data[RANDOM_PROGRAM_MAILBOX_SIZE];
	uint32_t tag, size, i;

	if (event) {
		deliver(r, event->tag, (void *)(unsigned long)event->data, event->size);
		return;
	}
	tag = random_between(&v->random, 0, 2);
	size = random_between(&v->random, 0, sizeof(data));
	for (i = 0; i < size; i++)
		data[i] = random_next(&v->random);
	replay_event(r, tag, data, size);
	deliver(r, tag, data, size);
	v->events++;
}

/* What is read from the port is known to the recording VMM alone. */
static void on_exit_io(struct replay *r)
{
	struct kvm_run *run = r->guest.run;
	struct vmm *v = r->context;
	uint32_t value = 0;

	if (run->exit_reason != KVM_EXIT_IO || run->io.port != RANDOM_PROGRAM_PORT)
		errx(1, "exit reason %u of the guest at rip %#llx", run->exit_reason,
		     guest_regs(&r->guest).rip);
	if (run->io.direction != KVM_EXIT_IO_IN)
		return;
	if (r->role == KVM_FT_RECORD)
		value = random_next(&v->random);
	replay_value(r, 7, &value, sizeof(value));
	memcpy((uint8_t *)run + run->io.data_offset, &value, sizeof(value));
	v->values++;
}

static void meanwhile(struct replay *r)
{
	struct vmm *v = r->context;

	if (r->role == KVM_FT_RECORD)
		replay_kick(r);
	else if (v->seed % 8 == 0)
		replay_zap(r);
}

/* Another seed, another counter, other checks. */
static void choose(struct replay *r, uint64_t seed)
{
	static const int skids[] = { 0, 0, 7, 100, 1000 };
	uint64_t random = seed ^ 0x73657475;
	int skid = skids[random_between(&random, 0, ARRAY_SIZE(skids) - 1)];

	lab_pmu_set("skid", skid);
	lab_pmu_set("seed", seed);
	replay_set_skid(skid);
	r->seed = seed;
	r->every_us = random_between(&random, 10, 200);
	if (!random_between(&random, 0, 3))
		r->ram_hash_interval = KVM_FT_INTERVAL_MIN;
	if (!random_between(&random, 0, 3))
		r->mark_interval = KVM_FT_INTERVAL_MIN;
	r->warm_record = random_between(&random, 0, 1);
	r->warm_replay = random_between(&random, 0, 1);
}

/**
 * struct totals - what the programs did together
 * @entries: of the logs
 * @events: of the VMM
 * @values: of the VMM
 * @failed: programs that did not replay
 */
struct totals {
	uint64_t entries;
	unsigned int events;
	unsigned int values;
	unsigned int failed;
};

static const char *check_seed(uint64_t seed, struct totals *t)
{
	struct vmm v = { .seed = seed, .random = (uint64_t)time(NULL) * seed };
	struct replay r = {
		.mem_size = RANDOM_PROGRAM_MEMORY, .set_up = set_up, .on_exit = on_exit_io,
		.on_landmark = on_landmark, .meanwhile = meanwhile, .context = &v,
	};
	const char *difference;

	current_seed = seed;
	set_watchdog();
	choose(&r, seed);
	difference = replay_check(&r);
	current_seed = 0;
	t->entries += r.recorded.entries;
	t->events += v.events;
	t->values += v.values;
	return difference;
}

FIXTURE(random) {
};

FIXTURE_SETUP(random)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	atexit(report_seed);
}

FIXTURE_TEARDOWN(random)
{
	lab_pmu_set("skid", 0);
	replay_set_skid(-1);
}

/* The harness would allow 30 seconds for all of them. */
TEST_F_TIMEOUT(random, programs, 100000)
{
	uint64_t first = environment_number("FT_RANDOM_START", FIRST_SEED);
	uint64_t count = environment_number("FT_RANDOM_COUNT", environment_amount(SEEDS));
	struct totals t = { };
	uint64_t seed;

	for (seed = first; seed < first + count && t.failed < MAX_FAILURES; seed++) {
		const char *difference = check_seed(seed, &t);

		EXPECT_EQ(NULL, difference) {
			TH_LOG("seed %lu: %s", seed, difference);
			TH_LOG("again: FT_RANDOM_START=%lu FT_RANDOM_COUNT=1", seed);
			t.failed++;
		}
	}
	TH_LOG("seeds %lu to %lu: %u failed; %lu log entries, %u events, %u values",
	       first, seed - 1, t.failed, t.entries, t.events, t.values);
	/* Programs that do nothing show nothing. */
	if (count >= 20)
		EXPECT_LE(count * 5, t.entries);
}

REPLAY_KEEP_HOOKS
TEST_HARNESS_MAIN
