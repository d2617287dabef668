/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One decision between two sides that share two records on a disk: the algorithm,
 * without any I/O, so that a test can run it through every order of events.
 *
 * It is Disk Paxos (E. Gafni, L. Lamport, "Disk Paxos", Distributed Computing 16,
 * 2003) for one disk and two processes.  Each side writes its own record only, and
 * proposes itself.  Documentation/arbiter.rst has the argument why it is safe.
 */
#ifndef ARBITER_CONTEST_H
#define ARBITER_CONTEST_H

#include <stdint.h>

#define CONTEST_SIDES	2

/* No side gets so far: above it, a record is damaged.  Leaves room to count on. */
#define CONTEST_BALLOT_MAX	0x4000000000000000ull

/**
 * struct contest_record - what a side has on the disk
 * @generation: which decision it is about: 1 or more
 * @promised: the highest ballot that the side has begun; 0 for none
 * @accepted: the ballot in which it accepted @winner; 0 for none
 * @winner: a side, if @accepted
 *
 * A side's ballots are the even or the odd numbers from 2: those that leave the side's
 * number when divided by two.
 */
struct contest_record {
	uint64_t generation;
	uint64_t promised;
	uint64_t accepted;
	uint64_t winner;
};

/**
 * enum contest_action - what a contender has to do next
 * @CONTEST_READ: read both records, in any order
 * @CONTEST_WRITE: write contest.mine to the record of this side; done when it is stable
 * @CONTEST_PAUSE: the other side is contending too: give it a moment that is random
 * @CONTEST_WON: the end: this side has won, the other can never
 * @CONTEST_LOST: the end: the other side has won, or a newer generation was begun
 * @CONTEST_REFUSED: the end, without a decision: contest.reason says why
 */
enum contest_action {
	CONTEST_READ,
	CONTEST_WRITE,
	CONTEST_PAUSE,
	CONTEST_WON,
	CONTEST_LOST,
	CONTEST_REFUSED,
};

/* What a contender has just done. */
enum contest_phase {
	CONTEST_LOOKED,
	CONTEST_PROMISED,
	CONTEST_SAW_PROMISES,
	CONTEST_ACCEPTED,
	CONTEST_SAW_ACCEPTED,
	CONTEST_PAUSED,
};

/**
 * struct contest - a contender; lost when it crashes, which does no harm
 * @side: 0 or 1
 * @phase: what it is doing
 * @mine: to be written by CONTEST_WRITE
 * @reason: of CONTEST_REFUSED: a text
 */
struct contest {
	unsigned int side;
	enum contest_phase phase;
	struct contest_record mine;
	const char *reason;
};

/**
 * contest_start() - begin, or begin again after a crash
 * @c: the contender
 * @generation: of the decision; both records have been made for it
 * @side: 0 or 1
 *
 * There must be no other contender of this side at work.
 *
 * Return: the first action.
 */
enum contest_action contest_start(struct contest *c, uint64_t generation, unsigned int side);

/**
 * contest_next() - go on when an action is done
 * @c: the contender
 * @seen: after CONTEST_READ: the records of sides 0 and 1; else unused
 *
 * Return: the next action.  After an end there is none.
 */
enum contest_action contest_next(struct contest *c, const struct contest_record *seen);

#endif
