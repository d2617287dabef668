// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "contest.h"

enum contest_action contest_start(struct contest *c, uint64_t generation, unsigned int side)
{
	memset(c, 0, sizeof(*c));
	c->side = side;
	c->mine.generation = generation;
	c->phase = CONTEST_LOOKED;
	return CONTEST_READ;
}

static enum contest_action refuse(struct contest *c, const char *reason)
{
	c->reason = reason;
	return CONTEST_REFUSED;
}

static enum contest_action write_then(struct contest *c, enum contest_phase phase)
{
	c->phase = phase;
	return CONTEST_WRITE;
}

/* The lowest ballot of a side that is above another. */
static uint64_t ballot_above(uint64_t ballot, unsigned int side)
{
	return (ballot / 2 + 1) * 2 + side;
}

/* What this side knew before it crashed is in its record: it must not be forgotten. */
static enum contest_action promise(struct contest *c, const struct contest_record *own,
				   const struct contest_record *other)
{
	uint64_t highest = own->promised > other->promised ? own->promised : other->promised;

	c->mine = *own;
	c->mine.promised = ballot_above(highest, c->side);
	return write_then(c, CONTEST_PROMISED);
}

/* Whoever may have won already must be the winner of this ballot, too. */
static enum contest_action accept(struct contest *c, const struct contest_record *other)
{
	if (other->accepted > c->mine.accepted)
		c->mine.winner = other->winner;
	else if (!c->mine.accepted)
		c->mine.winner = c->side;
	c->mine.accepted = c->mine.promised;
	return write_then(c, CONTEST_ACCEPTED);
}

static enum contest_action pause_contest(struct contest *c)
{
	c->phase = CONTEST_PAUSED;
	return CONTEST_PAUSE;
}

static enum contest_action judge(struct contest *c, const struct contest_record *seen)
{
	const struct contest_record *own = &seen[c->side], *other = &seen[!c->side];
	uint64_t generation = c->mine.generation;

	if (own->generation > generation || other->generation > generation)
		return CONTEST_LOST;
	if (own->generation < generation || other->generation < generation)
		return refuse(c, "its records are of an older generation");
	if (c->phase == CONTEST_LOOKED)
		return promise(c, own, other);
	if (memcmp(own, &c->mine, sizeof(*own)))
		return refuse(c, "somebody else has written this side's record");
	if (other->promised > c->mine.promised)
		return pause_contest(c);
	if (c->phase == CONTEST_SAW_PROMISES)
		return accept(c, other);
	return c->mine.winner == c->side ? CONTEST_WON : CONTEST_LOST;
}

enum contest_action contest_next(struct contest *c, const struct contest_record *seen)
{
	switch (c->phase) {
	case CONTEST_PROMISED:
		c->phase = CONTEST_SAW_PROMISES;
		return CONTEST_READ;
	case CONTEST_ACCEPTED:
		c->phase = CONTEST_SAW_ACCEPTED;
		return CONTEST_READ;
	case CONTEST_PAUSED:
		c->phase = CONTEST_LOOKED;
		return CONTEST_READ;
	default:
		return judge(c, seen);
	}
}
