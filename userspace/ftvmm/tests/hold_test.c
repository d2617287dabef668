// SPDX-License-Identifier: GPL-2.0-only
/*
 * Outputs wait until the log is acknowledged, and leave in order; there is a limit; a
 * secondary keeps the last ones.  Built with ASan and UBSan, which also sees outputs that
 * are forgotten; prints KTAP.
 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../hold.h"
#include "../wait.h"
#include "../../lib/tests/test.h"

#define MANY	(2 * HOLD_MAX)

struct output {
	struct held held;
	int number;
};

static int sent[MANY], sent_count;	/* by the thread that releases, but read later */
static int dropped;
static uint64_t here;			/* what position() says */
static int asked;

static void let_go(struct held *held, bool send)
{
	struct output *output = (struct output *)held;

	if (send)
		sent[__atomic_fetch_add(&sent_count, 1, __ATOMIC_SEQ_CST)] = output->number;
	else
		__atomic_fetch_add(&dropped, 1, __ATOMIC_SEQ_CST);
	free(output);
}

static uint64_t position(void *data)
{
	asked++;
	return *(uint64_t *)data;
}

static void put_sized(int number, size_t size)
{
	struct output *output = malloc(sizeof(*output));

	if (!output)
		abort();
	*output = (struct output){
		.held = { .size = size, .let_go = let_go },
		.number = number,
	};
	hold_put(&output->held, hold_position());
}

static void put(int number)
{
	put_sized(number, 100);
}

static void set_up(void)
{
	sent_count = 0;
	dropped = 0;
	asked = 0;
	here = 0;
}

/* Back to outputs that leave at once, from any state. */
static void tear_down(void)
{
	hold_drop();
	hold_begin(position, &here);
	hold_release_all();
}

static bool sent_in_order(int count)
{
	int i;

	for (i = 0; i < count && sent[i] == i; i++)
		;
	return i == count && sent_count == count;
}

/* Until another thread waits for room. */
static void await_full(void)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct hold_stats stats;

	for (hold_get_stats(&stats); !stats.full; hold_get_stats(&stats))
		nanosleep(&moment, NULL);
}

static void leaves_at_once_without_protection(void)
{
	EXPECT(!hold_is_on());
	put(0);
	put(1);
	EXPECT(sent_in_order(2));
	EXPECT(!asked);
}

static void waits_until_acknowledged(void)
{
	struct hold_stats stats;
	int i;

	hold_begin(position, &here);
	EXPECT(hold_is_on());
	for (i = 0; i < 4; i++) {
		here = 10 * (i + 1);
		put(i);
	}
	EXPECT(asked == 4 && !sent_count);
	hold_release(9);
	EXPECT(!sent_count);
	hold_release(10);
	EXPECT(sent_in_order(1));
	hold_release(39);
	EXPECT(sent_in_order(3));
	hold_get_stats(&stats);
	EXPECT(stats.waiting == 1 && stats.waiting_bytes == 100);
	EXPECT(stats.released == 3 && stats.released_bytes == 300);
	EXPECT(!stats.full && !stats.dropped);
	hold_release(40);
	EXPECT(sent_in_order(4) && !dropped);
}

static void counts_the_time_held(void)
{
	const struct timespec time = { .tv_nsec = 20000000 };
	struct hold_stats stats;

	hold_begin(position, &here);
	put(0);
	nanosleep(&time, NULL);
	put(1);
	hold_release(0);
	hold_get_stats(&stats);
	EXPECT(stats.released == 2);
	EXPECT(stats.held_max_us >= 20000 && stats.held_us >= stats.held_max_us);
	EXPECT(stats.held_us < 2 * stats.held_max_us);
}

static void all_leaves_unprotected(void)
{
	hold_begin(position, &here);
	here = UINT64_MAX;
	put(0);
	put(1);
	hold_release_all();
	EXPECT(sent_in_order(2) && !hold_is_on());
	put(2);
	EXPECT(sent_in_order(3));
}

static void nothing_leaves_a_loser(void)
{
	struct hold_stats stats;

	hold_begin(position, &here);
	put(0);
	hold_drop();
	EXPECT(dropped == 1 && hold_is_on());
	put(1);
	hold_release(UINT64_MAX);
	hold_release_all();
	put(2);
	EXPECT(dropped == 3 && !sent_count);
	hold_get_stats(&stats);
	EXPECT(stats.dropped == 3 && !stats.waiting && !stats.released);
}

static void *put_many(void *data)
{
	int i;

	(void)data;
	for (i = 0; i < MANY; i++)
		put(i);
	return NULL;
}

static pthread_t fill(void)
{
	struct hold_stats stats;
	pthread_t thread;

	hold_begin(position, &here);
	here = 5;
	pthread_create(&thread, NULL, put_many, NULL);
	await_full();
	hold_get_stats(&stats);
	EXPECT(stats.waiting == HOLD_MAX && !sent_count);
	return thread;
}

static void waits_for_room(void)
{
	struct hold_stats stats;
	pthread_t thread = fill();

	do {
		hold_release(5);
		hold_get_stats(&stats);
		EXPECT(stats.waiting <= HOLD_MAX);
	} while (stats.released < MANY);
	pthread_join(thread, NULL);
	EXPECT(sent_in_order(MANY) && !dropped);
	EXPECT(stats.full >= 1 && stats.full_us > 0);
}

static void does_not_overtake_at_the_end(void)
{
	pthread_t thread = fill();

	hold_release_all();
	pthread_join(thread, NULL);
	EXPECT(sent_in_order(MANY) && !dropped);
}

static void a_loser_does_not_wait(void)
{
	pthread_t thread = fill();

	hold_drop();
	pthread_join(thread, NULL);
	EXPECT(dropped == MANY && !sent_count);
}

static void *put_two(void *data)
{
	(void)data;
	put_sized(0, HOLD_BYTES + 1);
	put_sized(1, 1);
	return NULL;
}

static void a_single_one_may_be_large(void)
{
	struct hold_stats stats;
	pthread_t thread;

	hold_begin(position, &here);
	pthread_create(&thread, NULL, put_two, NULL);
	await_full();
	hold_get_stats(&stats);
	EXPECT(stats.waiting_bytes == HOLD_BYTES + 1);
	do {
		hold_release(0);
		hold_get_stats(&stats);
	} while (stats.released < 2);
	pthread_join(thread, NULL);
	EXPECT(sent_in_order(2));
}

static void a_secondary_keeps_the_last(void)
{
	struct hold_stats stats;
	int i;

	hold_secondary(position, &here);
	for (i = 0; i < HOLD_KEPT + 10; i++) {
		here = i;
		put(i);
	}
	EXPECT(dropped == 10 && !sent_count);
	hold_release(UINT64_MAX);
	hold_release_all();
	EXPECT(!sent_count);
	EXPECT(hold_go_live() == HOLD_KEPT);
	EXPECT(sent_count == HOLD_KEPT && sent[0] == 10 && sent[HOLD_KEPT - 1] == HOLD_KEPT + 9);
	EXPECT(!hold_is_on());
	hold_get_stats(&stats);
	EXPECT(!stats.waiting && !stats.waiting_bytes);
	put(0);
	EXPECT(sent_count == HOLD_KEPT + 1);
}

/* A switch that comes to nothing: the guest goes on, and what it sends then is kept. */
static void a_secondary_forgets_what_has_left(void)
{
	hold_secondary_released();
	hold_secondary(position, &here);
	put(0);
	put(1);
	hold_secondary_released();
	EXPECT(dropped == 2 && hold_is_on());
	put(2);
	EXPECT(hold_go_live() == 1 && sent_count == 1 && sent[0] == 2 && dropped == 2);
}

/* It is the secondary's alone. */
static void a_primary_holds_what_has_not_left(void)
{
	hold_begin(position, &here);
	put(0);
	hold_secondary_released();
	hold_release(0);
	EXPECT(sent_in_order(1) && !dropped);
}

static void a_secondary_keeps_few_bytes(void)
{
	hold_secondary(position, &here);
	put_sized(0, HOLD_BYTES / 2);
	put_sized(1, HOLD_BYTES / 2);
	EXPECT(!dropped);
	put_sized(2, 1);
	EXPECT(dropped == 1);
	EXPECT(hold_go_live() == 2 && sent[0] == 1 && sent[1] == 2);
}

static void a_secondary_forgets_the_old(void)
{
	const struct timespec time = {
		.tv_sec = HOLD_KEPT_MS / 1000,
		.tv_nsec = 100000000,
	};

	hold_secondary(position, &here);
	put(7);
	nanosleep(&time, NULL);
	put(0);
	EXPECT(hold_go_live() == 1 && dropped == 1 && sent_in_order(1));
}

/* The last one: nothing waits after that. */
static void ends_while_it_waits(void)
{
	pthread_t thread = fill();

	wait_end();
	pthread_join(thread, NULL);
	EXPECT(dropped == MANY - HOLD_MAX && !sent_count);
	hold_release(5);
	EXPECT(sent_in_order(HOLD_MAX));
}

static const struct test tests[] = {
	TEST(leaves_at_once_without_protection),
	TEST(waits_until_acknowledged),
	TEST(counts_the_time_held),
	TEST(all_leaves_unprotected),
	TEST(nothing_leaves_a_loser),
	TEST(waits_for_room),
	TEST(does_not_overtake_at_the_end),
	TEST(a_loser_does_not_wait),
	TEST(a_single_one_may_be_large),
	TEST(a_secondary_keeps_the_last),
	TEST(a_secondary_forgets_what_has_left),
	TEST(a_primary_holds_what_has_not_left),
	TEST(a_secondary_keeps_few_bytes),
	TEST(a_secondary_forgets_the_old),
	TEST(ends_while_it_waits),
};

int main(int argc, char **argv)
{
	return run_tests("hold", tests, ARRAY_SIZE(tests), argc, argv);
}
