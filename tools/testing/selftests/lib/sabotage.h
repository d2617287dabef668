/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of the sabotage tests, recorded, and replayed with something done to it
 * or to its log.
 *
 * Each round of the guest folds a buffer and most of its registers, a handler's
 * traces included, into a number, and goes round a loop that often: what changes
 * one bit of them changes the progress at the RDTSC that follows.
 */
#ifndef SELFTESTS_SABOTAGE_H
#define SELFTESTS_SABOTAGE_H

#include "log_copy.h"
#include "replay.h"

#define SABOTAGE_MEM		0x120000UL	/* little, since each hash covers it all */
#define SABOTAGE_ROUNDS		24
#define SABOTAGE_BUFFER		0x110000
#define SABOTAGE_BUFFER_SIZE	512

/**
 * struct sabotage_plan - what is done to the guest on the replay's side
 * @act: what; NULL for nothing
 * @round: when
 * @where: address, or number of a register
 * @bit: which bit of it
 * @seen: rounds so far
 * @exits: exits to the VMM so far
 * @entries: consumed when it was done
 */
struct sabotage_plan {
	void (*act)(struct replay *r);
	unsigned int round;
	uint64_t where;
	unsigned int bit;
	unsigned int seen;
	unsigned int exits;
	uint64_t entries;
};

/**
 * struct sabotage - a recording, and what is tried on it
 * @r: the guest
 * @plan: for the next replay
 * @log: what the recording's log has in it
 * @good: that log
 * @random: state of the random numbers
 * @choices: how many sabotages of a kind are to be tried
 */
struct sabotage {
	struct replay r;
	struct sabotage_plan plan;
	struct log_copy log;
	int good;
	uint64_t random;
	unsigned int choices;
};

/*
 * Records, in checking mode unless @unchecked.  KVM_FT_TEST_SEED and
 * KVM_FT_TEST_CHOICES in the environment choose other sabotages, and more.
 */
void sabotage_begin(struct sabotage *s, int unchecked);

/*
 * A log that has no more entries than these is of a guest that was hardly interrupted.
 * On a slow host the timer ticks slower, and the VMM's events are the same.
 */
unsigned int sabotage_few_entries(void);

/* Replays a log with the plan, and returns as replay_replay(); the VM stays. */
uint32_t sabotage_replay(struct sabotage *s, int log);

/*
 * Replays the good log without a plan: nothing of all that may be left behind.
 * Returns what differs, NULL if nothing; and releases everything.
 */
const char *sabotage_end(struct sabotage *s);

#endif
