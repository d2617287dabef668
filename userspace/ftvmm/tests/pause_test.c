// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that stands still, what it does meanwhile, and when it runs on.  Built with ASan
 * and UBSan; prints KTAP.
 */
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "../pause.h"
#include "../../lib/tests/test.h"

static struct pause standing;
static pthread_t thread;
static int done;		/* what the thread was called for */

static void set_up(void)
{
	if (pause_open(&standing))
		exit(1);
	done = 0;
}

static void tear_down(void)
{
	pause_close(&standing);
}

/* As the vCPU's does: each call is answered. */
static void *stand(void *data)
{
	(void)data;
	while (pause_wait(&standing)) {
		__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
		pause_tell(&standing);
	}
	return NULL;
}

/* Until the thread has told something. */
static void wait_until_told(void)
{
	struct pollfd told = { .fd = standing.told, .events = POLLIN };
	uint64_t count;

	EXPECT(poll(&told, 1, -1) == 1);
	EXPECT(read(standing.told, &count, sizeof(count)) == sizeof(count));
}

static bool was_told(void)
{
	struct pollfd told = { .fd = standing.told, .events = POLLIN };

	return poll(&told, 1, 0) == 1;
}

static void start_standing(void)
{
	pause_want(&standing, true);
	EXPECT(!pause_is_standing(&standing));
	if (pthread_create(&thread, NULL, stand, NULL))
		exit(1);
	wait_until_told();
	EXPECT(pause_is_standing(&standing));
}

static void run_on(void)
{
	pause_want(&standing, false);
	pthread_join(thread, NULL);
	EXPECT(!pause_is_standing(&standing));
}

static void stands_until_it_may_run(void)
{
	start_standing();
	run_on();
	EXPECT(!done && !was_told());
}

static void nobody_wants_it(void)
{
	EXPECT(!pause_wait(&standing));
	EXPECT(!pause_is_standing(&standing) && !was_told());
}

/* It stands all the time, and does not tell so again. */
static void does_what_it_is_called_for(void)
{
	int i;

	start_standing();
	for (i = 1; i <= 3; i++) {
		pause_call(&standing);
		wait_until_told();
		EXPECT(__atomic_load_n(&done, __ATOMIC_SEQ_CST) == i);
		EXPECT(pause_is_standing(&standing) && !was_told());
	}
	run_on();
	EXPECT(done == 3);
}

/* Who calls need not know whether the thread stands yet. */
static void a_call_before_is_not_lost(void)
{
	pause_call(&standing);
	start_standing();
	while (!__atomic_load_n(&done, __ATOMIC_SEQ_CST))
		wait_until_told();
	run_on();
	EXPECT(done == 1);
}

/* The thread that runs looks for itself what there is to do. */
static void a_call_while_it_runs_is_over(void)
{
	pause_call(&standing);
	EXPECT(!pause_wait(&standing));
	start_standing();
	run_on();
	EXPECT(!done);
}

static const struct test tests[] = {
	TEST(stands_until_it_may_run),
	TEST(nobody_wants_it),
	TEST(does_what_it_is_called_for),
	TEST(a_call_before_is_not_lost),
	TEST(a_call_while_it_runs_is_over),
};

int main(int argc, char **argv)
{
	return run_tests("pause", tests, ARRAY_SIZE(tests), argc, argv);
}
