// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>
#include <time.h>

#include "hold.h"
#include "wait.h"

enum mode {
	STRAIGHT,	/* outputs leave at once */
	HOLD,		/* the primary's wait */
	KEEP,		/* the secondary's are kept */
	LOST,		/* there are none any more */
};

/* wait.c's lock may be held when this one is taken, so never the other way round. */
static struct {
	pthread_mutex_t lock;	/* protects all below; mode is written with it only */
	enum mode mode;
	unsigned int epoch;
	bool emptying;		/* once nothing waits any more, outputs leave at once */
	struct held *first;
	struct held *last;
	hold_position_fn *position;
	void *data;
	struct hold_stats stats;
} hold = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ull + time.tv_nsec;
}

static enum mode mode(void)
{
	return __atomic_load_n(&hold.mode, __ATOMIC_SEQ_CST);
}

/* Locked. */
static void set_mode(enum mode to)
{
	__atomic_store_n(&hold.mode, to, __ATOMIC_SEQ_CST);
	hold.emptying = false;
}

static void begin(enum mode to, hold_position_fn *position, void *data)
{
	pthread_mutex_lock(&hold.lock);
	hold.position = position;
	hold.data = data;
	hold.stats = (struct hold_stats){ 0 };
	__atomic_add_fetch(&hold.epoch, 1, __ATOMIC_SEQ_CST);
	set_mode(to);
	pthread_mutex_unlock(&hold.lock);
}

void hold_begin(hold_position_fn *position, void *data)
{
	begin(HOLD, position, data);
}

void hold_secondary(hold_position_fn *position, void *data)
{
	begin(KEEP, position, data);
}

/* Locked. */
static void append(struct held *held)
{
	held->next = NULL;
	if (hold.first)
		hold.last->next = held;
	else
		hold.first = held;
	hold.last = held;
	hold.stats.waiting++;
	hold.stats.waiting_bytes += held->size;
}

/* The first one.  Locked. */
static struct held *take(void)
{
	struct held *held = hold.first;

	hold.first = held->next;
	hold.stats.waiting--;
	hold.stats.waiting_bytes -= held->size;
	return held;
}

/* Locked. */
static void count_released(const struct held *held)
{
	uint64_t us = (now() - held->since) / 1000;

	hold.stats.released++;
	hold.stats.released_bytes += held->size;
	hold.stats.held_us += us;
	if (hold.stats.held_max_us < us)
		hold.stats.held_max_us = us;
}

/* Of @first, locked: */

static bool is_committed(const struct held *first, uint64_t committed)
{
	return hold.mode == HOLD && first->position <= committed;
}

static bool is_kept(const struct held *first, uint64_t limit)
{
	(void)first;
	(void)limit;
	return hold.mode == KEEP;
}

static bool is_too_much(const struct held *first, uint64_t limit)
{
	(void)first;
	return hold.mode == KEEP &&
	       (hold.stats.waiting > limit || hold.stats.waiting_bytes > HOLD_BYTES);
}

/* The first one, if it is as wanted; else NULL. */
static struct held *take_if(bool (*wanted)(const struct held *first, uint64_t limit),
			    uint64_t limit)
{
	struct held *held = NULL;

	pthread_mutex_lock(&hold.lock);
	if (hold.first && wanted(hold.first, limit))
		held = take();
	if (held && hold.mode == HOLD)
		count_released(held);
	pthread_mutex_unlock(&hold.lock);
	return held;
}

void hold_release(uint64_t committed)
{
	struct held *held;

	while ((held = take_if(is_committed, committed)))
		held->let_go(held, true);
	wait_wake();
}

static bool is_emptied(void)
{
	bool is_so;

	pthread_mutex_lock(&hold.lock);
	is_so = hold.mode != HOLD || !hold.first;
	if (is_so && hold.emptying)
		set_mode(STRAIGHT);
	pthread_mutex_unlock(&hold.lock);
	return is_so;
}

/* There is no room meanwhile: what is put later does not overtake, and this ends. */
void hold_release_all(void)
{
	pthread_mutex_lock(&hold.lock);
	hold.emptying = hold.mode == HOLD;
	pthread_mutex_unlock(&hold.lock);
	do {
		hold_release(UINT64_MAX);
	} while (!is_emptied());
	wait_wake();
}

/* All that there are, and how it goes on. */
static struct held *take_all(enum mode to)
{
	struct held *first;

	pthread_mutex_lock(&hold.lock);
	first = hold.first;
	hold.first = NULL;
	if (to == LOST)
		hold.stats.dropped += hold.stats.waiting;
	hold.stats.waiting = 0;
	hold.stats.waiting_bytes = 0;
	set_mode(to);
	pthread_mutex_unlock(&hold.lock);
	return first;
}

void hold_drop(void)
{
	struct held *held = take_all(LOST), *next;

	for (; held; held = next) {
		next = held->next;
		held->let_go(held, false);
	}
	wait_wake();
}

void hold_secondary_released(void)
{
	struct held *held;

	while ((held = take_if(is_kept, 0)))
		held->let_go(held, false);
}

unsigned int hold_go_live(void)
{
	struct held *held = take_all(STRAIGHT), *next;
	uint64_t last = held ? hold.last->since : 0;
	unsigned int sent = 0;

	for (; held; held = next) {
		bool is_recent = last - held->since <= HOLD_KEPT_MS * 1000000ull;

		next = held->next;
		sent += is_recent;
		held->let_go(held, is_recent);
	}
	return sent;
}

unsigned int hold_epoch(void)
{
	return __atomic_load_n(&hold.epoch, __ATOMIC_SEQ_CST);
}

bool hold_is_on(void)
{
	return mode() != STRAIGHT;
}

uint64_t hold_position(void)
{
	enum mode is = mode();

	return is == HOLD || is == KEEP ? hold.position(hold.data) : 0;
}

static bool has_room(void *data)
{
	const struct held *held = data;
	const struct hold_stats *s = &hold.stats;
	bool has;

	pthread_mutex_lock(&hold.lock);
	has = hold.mode != HOLD ||
	      (!hold.emptying &&
	       (!hold.first || (s->waiting < HOLD_MAX &&
				s->waiting_bytes + held->size <= HOLD_BYTES)));
	pthread_mutex_unlock(&hold.lock);
	return has;
}

/* False if the thread is to end. */
static bool wait_for_room(struct held *held)
{
	uint64_t since = now();
	bool has;

	if (has_room(held))
		return true;
	pthread_mutex_lock(&hold.lock);
	hold.stats.full++;
	pthread_mutex_unlock(&hold.lock);
	has = wait_until(has_room, held, 0);
	pthread_mutex_lock(&hold.lock);
	hold.stats.full_us += (now() - since) / 1000;
	pthread_mutex_unlock(&hold.lock);
	return has;
}

/* Returns what is to be done with outputs now; HOLD, KEEP: it was put in the queue. */
static enum mode put(struct held *held)
{
	bool has_room = wait_for_room(held);
	enum mode is;

	pthread_mutex_lock(&hold.lock);
	is = has_room ? hold.mode : LOST;
	if (is == HOLD || is == KEEP)
		append(held);
	hold.stats.dropped += is == LOST;
	pthread_mutex_unlock(&hold.lock);
	return is;
}

void hold_put(struct held *held, uint64_t position)
{
	enum mode is;

	held->position = position;
	held->since = now();
	is = put(held);
	if (is == STRAIGHT || is == LOST)
		held->let_go(held, is == STRAIGHT);
	while (is == KEEP && (held = take_if(is_too_much, HOLD_KEPT)))
		held->let_go(held, false);
}

void hold_get_stats(struct hold_stats *stats)
{
	pthread_mutex_lock(&hold.lock);
	*stats = hold.stats;
	pthread_mutex_unlock(&hold.lock);
}
