// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pairs of processes that contend through one file, are killed at random moments and
 * start again: exactly one of each pair wins.  Built with ASan and UBSan; prints KTAP.
 *
 * KVM_FT_TEST_SEED and KVM_FT_TEST_ROUNDS (environment) choose what the parent draws and
 * how long it goes on; how the kernel mixes the processes is not repeated.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../lib/tests/test.h"
#include "../format.h"

#define PAIRS	12
#define ROUNDS	8
#define ASKS	8	/* of each process */
#define STARTS	4	/* of each contender in a round; nobody kills the last */

/**
 * struct contender - one side of a pair
 * @answers: bits 1 << ARBITER_WON, 1 << ARBITER_LOST; in memory that processes share
 * @error: the first that is not to be expected
 * @pid: 0 if it is not running
 * @starts: that it had
 */
struct contender {
	atomic_uint answers;
	atomic_int error;
	pid_t pid;
	int starts;
};

static struct contender (*pairs)[CONTEST_SIDES];
static char path[64];
static unsigned int seed, kills, rounds;

static unsigned int from_environment(const char *name, unsigned int otherwise)
{
	const char *text = getenv(name);

	return text ? strtoul(text, NULL, 0) : otherwise;
}

static void name_vm(uint8_t vm[ARBITER_ID], int pair)
{
	memset(vm, 0, ARBITER_ID);
	vm[0] = 1;
	vm[1] = pair;
}

static void sleep_up_to(unsigned int us)
{
	struct timespec time = { .tv_nsec = (rand_r(&seed) % us) * 1000l };

	nanosleep(&time, NULL);
}

/* Asks until there is an answer, and notes it. */
static void ask(struct contender *self, struct arbiter *a, uint64_t generation, unsigned int side)
{
	int answer;

	do {
		answer = arbiter_decide(a, generation, side);
	} while (answer == -EAGAIN);
	if (answer >= 0)
		atomic_fetch_or(&self->answers, 1u << answer);
	else
		self->error = answer;
	if (answer < 0)
		fprintf(stderr, "# generation %u side %u: %s\n", (unsigned int)generation, side,
			a->problem);
}

/* The child: asks several times, so that it is at work when it is killed. */
static void contend(struct contender *self, int pair, unsigned int side, uint64_t generation)
{
	uint8_t vm[ARBITER_ID];
	struct arbiter a;
	int i;

	name_vm(vm, pair);
	seed ^= getpid() * 2654435761u;	/* neighbours draw other numbers */
	if (arbiter_open(&a, path, vm))
		abort();
	for (i = 0; i < ASKS; i++) {
		sleep_up_to(3000);
		ask(self, &a, generation, side);
	}
	arbiter_close(&a);
	_exit(0);
}

static void start(int pair, unsigned int side, uint64_t generation)
{
	struct contender *c = &pairs[pair][side];
	pid_t pid;

	c->starts++;
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		abort();
	if (!pid)
		contend(c, pair, side, generation);
	c->pid = pid;	/* by the parent alone: the memory is shared */
}

/* Waits for an end, after a kill if there was one, and starts it again if it may. */
static void end_and_restart(int pair, unsigned int side, uint64_t generation)
{
	struct contender *c = &pairs[pair][side];
	int status;

	if (waitpid(c->pid, &status, 0) != c->pid)
		abort();
	EXPECT(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL : !WEXITSTATUS(status));
	kills += WIFSIGNALED(status);
	c->pid = 0;
	if (c->starts < STARTS)
		start(pair, side, generation);
}

static void disturb(uint64_t generation)
{
	int i;

	for (i = 0; i < PAIRS * CONTEST_SIDES * (STARTS - 1); i++) {
		int pair = rand_r(&seed) % PAIRS;
		unsigned int side = rand_r(&seed) % CONTEST_SIDES;

		if (pairs[pair][side].starts == STARTS)
			continue;
		if (pairs[pair][side].pid <= 0)
			abort();
		sleep_up_to(700);
		if (rand_r(&seed) % 4)
			kill(pairs[pair][side].pid, SIGKILL);
		end_and_restart(pair, side, generation);
	}
}

static void check(int pair, uint64_t generation)
{
	const unsigned int won = 1 << ARBITER_WON, lost = 1 << ARBITER_LOST;
	struct contender *c = pairs[pair];
	uint8_t vm[ARBITER_ID];
	struct arbiter a;

	EXPECT(!c[0].error && !c[1].error);
	EXPECT((c[0].answers == won && c[1].answers == lost) ||
	       (c[0].answers == lost && c[1].answers == won));
	name_vm(vm, pair);
	EXPECT(!arbiter_open(&a, path, vm));
	EXPECT(arbiter_decide(&a, generation, 0) == (c[0].answers == won));
	if (generation > 1) {
		EXPECT(arbiter_decide(&a, generation - 1, 0) == ARBITER_LOST);
		EXPECT(arbiter_decide(&a, generation - 1, 1) == ARBITER_LOST);
	}
	arbiter_close(&a);
}

/* Each pair once, all at the same time.  Returns how often side 0 has won. */
static int play_round(uint64_t generation)
{
	int pair, wins = 0;
	unsigned int side;

	memset(pairs, 0, PAIRS * sizeof(*pairs));
	for (pair = 0; pair < PAIRS; pair++) {
		uint8_t vm[ARBITER_ID];
		struct arbiter a;

		name_vm(vm, pair);
		EXPECT(!arbiter_open(&a, path, vm) && !arbiter_begin(&a, generation));
		arbiter_close(&a);
		side = rand_r(&seed) % CONTEST_SIDES;
		start(pair, side, generation);
		start(pair, !side, generation);
		sleep_up_to(8000);
		side = rand_r(&seed) % CONTEST_SIDES;
		kill(pairs[pair][side].pid, SIGKILL);
		end_and_restart(pair, side, generation);
	}
	disturb(generation);
	for (pair = 0; pair < PAIRS; pair++) {
		for (side = 0; side < CONTEST_SIDES; side++)
			while (pairs[pair][side].pid)
				end_and_restart(pair, side, generation);
		check(pair, generation);
		wins += pairs[pair][0].answers == 1 << ARBITER_WON;
	}
	return wins;
}

static void set_up(void)
{
	pairs = mmap(NULL, PAIRS * sizeof(*pairs), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pairs == MAP_FAILED)
		abort();
	seed = from_environment("KVM_FT_TEST_SEED", time(NULL));
	rounds = from_environment("KVM_FT_TEST_ROUNDS", ROUNDS);
	kills = 0;
	printf("# seed %u\n", seed);
}

static void tear_down(void)
{
	munmap(pairs, PAIRS * sizeof(*pairs));
	unlink(path);
}

static void contend_in(const char *folder)
{
	struct arbiter a;
	unsigned int wins = 0, i;
	int file;

	snprintf(path, sizeof(path), "%s/kvm-ft-contenders-XXXXXX", folder);
	file = mkstemp(path);
	if (file < 0)
		abort();
	close(file);
	EXPECT(!arbiter_format(&a, path, false));
	printf("# %s, %s\n", path, a.direct ? "direct" : "cached");
	arbiter_close(&a);
	for (i = 1; i <= rounds; i++)
		wins += play_round(i);
	printf("# %u pairs, %u kills, side 0 won %u\n", rounds * PAIRS, kills, wins);
	EXPECT(kills);
	/* Either side wins at times, or the rounds were no contest. */
	EXPECT(wins && wins < rounds * PAIRS);
}

static void one_of_each_pair_wins_on_disk(void)
{
	contend_in("/tmp");
}

/* In memory, where nothing waits for a disk (without O_DIRECT before Linux 6.6). */
static void one_of_each_pair_wins_in_memory(void)
{
	contend_in("/dev/shm");
}

static const struct test tests[] = {
	TEST(one_of_each_pair_wins_on_disk),
	TEST(one_of_each_pair_wins_in_memory),
};

int main(int argc, char **argv)
{
	return run_tests("contenders", tests, ARRAY_SIZE(tests), argc, argv);
}
