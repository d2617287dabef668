// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contest in every order of events, within bounds: reads and writes of single
 * records of both sides, crashes before, during and after each, repeated calls, and
 * others who overwrite records.  Built with ASan and UBSan; prints KTAP.
 *
 * In each state that can be reached, no two answers may contradict each other, and
 * either side, left alone, must come to an end.  That the search can find something is
 * shown with algorithms that lack a part.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "../../lib/tests/test.h"
#include "../contest.h"

#define GENERATION	7
#define BOTH		3	/* records to be read */
#define SOLO_STEPS	40	/* more than a lone contender takes */

/* A part that the algorithm under test lacks, or that the storage does not keep to. */
enum sabotage {
	NOTHING,
	NO_FIRST_READ,
	NO_SECOND_READ,
	IGNORES_ACCEPTED,
	FORGETS,	/* does not read its own record when it starts */
	LATE_WRITES,	/* a write of before a crash arrives after the restart */
};

/**
 * struct bounds - of a search
 * @starts: times that each side starts: after a crash, or to ask again
 * @ballots: times that it tries in each of these
 * @older: records that a contender of an older generation may overwrite
 * @newer: records that the beginning of a newer generation may overwrite
 * @sabotage: what is wrong
 */
struct bounds {
	uint8_t starts, ballots, older, newer;
	enum sabotage sabotage;
};

/* A struct contest_record with small numbers; @age: 0 older, 1, 2 newer. */
struct small_record {
	uint8_t age, promised, accepted, winner;
};

/* All members are bytes: states are compared as memory. */
struct side {
	uint8_t up, action, phase, unread, starts, ballots;
	uint8_t won, lost, in_flight;
	struct small_record mine, seen[CONTEST_SIDES], flying;
};

struct state {
	struct small_record disk[CONTEST_SIDES];
	struct side side[CONTEST_SIDES];
	uint8_t older, newer;
};

enum event { START, READ_0, READ_1, WRITE, PAUSE, CRASH, CRASH_IN_FLIGHT, LAND, OLDER, NEWER,
	EVENTS };

static const char * const event_names[EVENTS] = {
	"starts", "reads record 0", "reads record 1", "writes", "pauses", "crashes",
	"crashes in a write", "has its last write land", "is overwritten by an older generation",
	"is overwritten by a newer generation",
};

/**
 * struct search - all states that were reached, in the order they were
 * @bounds: of the search
 * @states: @count of them, with room for @room
 * @from: the state before it
 * @by: and the event that led here: side * EVENTS + event
 * @index: open addressing: number of the state + 1, or 0
 * @count: states
 * @room: for states
 * @slots: of @index
 * @endings: of contests, by action
 * @violations: states in which something is wrong
 */
static struct search {
	const struct bounds *bounds;
	struct state *states;
	uint32_t *from, *index;
	uint8_t *by;
	size_t count, room, slots;
	size_t endings[CONTEST_REFUSED + 1];
	int violations;
} search;

static struct small_record shrink(const struct contest_record *r)
{
	return (struct small_record){
		.age = 1 + (r->generation > GENERATION) - (r->generation < GENERATION),
		.promised = r->promised, .accepted = r->accepted, .winner = r->winner,
	};
}

static struct contest_record grow(const struct small_record *r)
{
	return (struct contest_record){
		.generation = GENERATION - 1 + r->age,
		.promised = r->promised, .accepted = r->accepted, .winner = r->winner,
	};
}

static void reserve(void)
{
	size_t i;

	search.room = search.room ? search.room * 2 : 1 << 16;
	search.slots = search.room * 2;
	search.states = realloc(search.states, search.room * sizeof(*search.states));
	search.from = realloc(search.from, search.room * sizeof(*search.from));
	search.by = realloc(search.by, search.room);
	free(search.index);
	search.index = calloc(search.slots, sizeof(*search.index));
	if (!search.states || !search.from || !search.by || !search.index)
		abort();
	for (i = 0; i < search.count; i++) {
		size_t at = XXH64(&search.states[i], sizeof(struct state), 0) % search.slots;

		while (search.index[at])
			at = (at + 1) % search.slots;
		search.index[at] = i + 1;
	}
}

static void add(const struct state *state, size_t from, int side, enum event event)
{
	size_t at;

	if (search.count == search.room)
		reserve();
	at = XXH64(state, sizeof(*state), 0) % search.slots;
	for (; search.index[at]; at = (at + 1) % search.slots)
		if (!memcmp(&search.states[search.index[at] - 1], state, sizeof(*state)))
			return;
	search.states[search.count] = *state;
	search.from[search.count] = from;
	search.by[search.count] = side * EVENTS + event;
	search.index[at] = ++search.count;
}

static void explain(size_t number, const char *what)
{
	if (search.bounds->sabotage != NOTHING || search.violations++)
		return;
	printf("# %s; backwards:\n", what);
	for (; number; number = search.from[number])
		printf("#   side %d %s\n", search.by[number] / EVENTS,
		       event_names[search.by[number] % EVENTS]);
	failed = 1;
}

/* What is left of a side that is down. */
static void take_down(struct side *s)
{
	s->up = 0;
	s->action = 0;
	s->phase = 0;
	s->unread = 0;
	s->ballots = 0;
	memset(&s->mine, 0, sizeof(s->mine));
	memset(s->seen, 0, sizeof(s->seen));
}

static void take_action(struct side *s, const struct contest *c, enum contest_action action)
{
	s->action = action;
	s->phase = c->phase;
	s->mine = shrink(&c->mine);
	s->unread = action == CONTEST_READ ? BOTH : 0;
	if (action != CONTEST_PAUSE && action < CONTEST_WON)
		return;
	search.endings[action]++;
	s->won |= action == CONTEST_WON;
	s->lost |= action == CONTEST_LOST;
	if (action != CONTEST_PAUSE || !--s->ballots)
		take_down(s);
}

static void go_on(struct side *s, unsigned int number)
{
	struct contest c = { .side = number, .phase = s->phase, .mine = grow(&s->mine) };
	struct contest_record seen[CONTEST_SIDES] = { grow(&s->seen[0]), grow(&s->seen[1]) };

	take_action(s, &c, contest_next(&c, seen));
	/* Only an algorithm that skips a read has a use for the one before. */
	if (search.bounds->sabotage == NOTHING)
		memset(s->seen, 0, sizeof(s->seen));
}

static void start(struct side *s, unsigned int number, enum sabotage sabotage)
{
	enum contest_action action;
	struct contest c = { 0 };

	s->up = 1;
	s->ballots = search.bounds->ballots;
	if (sabotage != LATE_WRITES) {
		s->in_flight = 0;
		memset(&s->flying, 0, sizeof(s->flying));
	}
	action = contest_start(&c, GENERATION, number);
	take_action(s, &c, action);
}

static void read_record(struct state *state, unsigned int number, unsigned int which)
{
	enum sabotage sabotage = search.bounds->sabotage;
	struct side *s = &state->side[number];
	bool skipped = which != number &&
		       ((sabotage == NO_FIRST_READ && s->phase == CONTEST_SAW_PROMISES) ||
			(sabotage == NO_SECOND_READ && s->phase == CONTEST_SAW_ACCEPTED));

	if (!skipped)
		s->seen[which] = state->disk[which];
	if (sabotage == IGNORES_ACCEPTED && which != number)
		s->seen[which].accepted = 0;
	if (sabotage == FORGETS && which == number && s->phase == CONTEST_LOOKED)
		s->seen[which] = (struct small_record){ .age = 1 };
	s->unread &= ~(1 << which);
	if (!s->unread)
		go_on(s, number);
}

static void land(struct state *state, unsigned int number)
{
	struct side *s = &state->side[number];

	state->disk[number] = s->flying;
	s->in_flight = 0;
	memset(&s->flying, 0, sizeof(s->flying));
}

/* Returns whether the event can happen. */
static bool apply(struct state *state, unsigned int number, enum event event)
{
	struct side *s = &state->side[number];

	switch (event) {
	case START:
		if (s->up || !s->starts)
			return false;
		s->starts--;
		start(s, number, search.bounds->sabotage);
		return true;
	case READ_0:
	case READ_1:
		if (!s->up || !(s->unread & 1 << (event - READ_0)))
			return false;
		read_record(state, number, event - READ_0);
		return true;
	case WRITE:
		if (!s->up || s->action != CONTEST_WRITE)
			return false;
		state->disk[number] = s->mine;
		go_on(s, number);
		return true;
	case PAUSE:
		if (!s->up || s->action != CONTEST_PAUSE)
			return false;
		go_on(s, number);
		return true;
	case CRASH:
		if (!s->up)
			return false;
		take_down(s);
		return true;
	case CRASH_IN_FLIGHT:
		if (!s->up || s->action != CONTEST_WRITE || s->in_flight)
			return false;
		s->in_flight = 1;
		s->flying = s->mine;
		take_down(s);
		return true;
	case LAND:
		if (!s->in_flight)
			return false;
		land(state, number);
		return true;
	case OLDER:
		if (!state->older)
			return false;
		state->older--;
		state->disk[number] = (struct small_record){ .promised = 40 + number };
		return true;
	case NEWER:
		if (!state->newer)
			return false;
		state->newer--;
		state->disk[number] = (struct small_record){ .age = 2 };
		return true;
	default:
		return false;
	}
}

/* With older and newer generations about, a loss is no sign that the other has won. */
static bool agrees(const struct state *state)
{
	const struct side *a = &state->side[0], *b = &state->side[1];

	if (a->won && b->won)
		return false;
	if (search.bounds->newer)
		return true;
	return !(a->lost && b->lost) && !(a->won && a->lost) && !(b->won && b->lost);
}

static bool may_have_won(const struct state *state, unsigned int number)
{
	return (state->disk[0].accepted && state->disk[0].winner == number) ||
	       (state->disk[1].accepted && state->disk[1].winner == number);
}

/* The other side is dead for good.  Returns whether this one comes to its right. */
static bool ends_alone(struct state state, unsigned int number)
{
	struct side *s = &state.side[number];
	bool lost_it = may_have_won(&state, !number);
	int steps;

	s->won = 0;
	s->lost = 0;
	if (!s->up)
		start(s, number, NOTHING);
	/* What others do is not for ever: nor is the number of ballots the point here. */
	s->ballots = SOLO_STEPS;
	for (steps = 0; s->up && steps < SOLO_STEPS; steps++)
		if (!apply(&state, number, READ_1) && !apply(&state, number, READ_0) &&
		    !apply(&state, number, WRITE) && !apply(&state, number, PAUSE))
			return false;
	return s->won || (s->lost && lost_it);
}

static void check(size_t number)
{
	const struct state *state = &search.states[number];
	unsigned int side;

	if (!agrees(state))
		explain(number, "two answers contradict each other");
	if (search.bounds->sabotage != NOTHING || search.bounds->older || search.bounds->newer)
		return;
	for (side = 0; side < CONTEST_SIDES; side++) {
		struct state landed = *state;

		if (landed.side[!side].in_flight)
			land(&landed, !side);
		if (!ends_alone(*state, side) || !ends_alone(landed, side))
			explain(number, "a lone contender does not get an answer");
	}
}

/* Goes through all states; returns whether answers contradict each other in one. */
static bool explore(const struct bounds *bounds)
{
	struct state first = { .older = bounds->older, .newer = bounds->newer };
	bool contradiction = false;
	size_t number;
	int side, event;

	search = (struct search){ .bounds = bounds };
	for (side = 0; side < CONTEST_SIDES; side++) {
		first.disk[side].age = 1;
		first.side[side].starts = bounds->starts;
	}
	add(&first, 0, 0, START);
	for (number = 0; number < search.count; number++) {
		check(number);
		if (!agrees(&search.states[number])) {
			contradiction = true;
			break;
		}
		for (side = 0; side < CONTEST_SIDES; side++)
			for (event = 0; event < EVENTS; event++) {
				struct state next = search.states[number];

				if (apply(&next, side, event))
					add(&next, number, side, event);
			}
	}
	printf("# %zu states: %u starts of each side, %u ballots each; older %u, newer %u\n",
	       search.count, bounds->starts, bounds->ballots, bounds->older, bounds->newer);
	free(search.states);
	free(search.from);
	free(search.by);
	free(search.index);
	return contradiction;
}

static void set_up(void)
{
}

static void tear_down(void)
{
}

static void agrees_and_ends_in_every_order(void)
{
	static const struct bounds bounds = { .starts = 2, .ballots = 2 };

	EXPECT(!explore(&bounds));
	EXPECT(!search.violations);
	/* All that a contest can come to was seen. */
	EXPECT(search.endings[CONTEST_WON] && search.endings[CONTEST_LOST] &&
	       search.endings[CONTEST_PAUSE] && !search.endings[CONTEST_REFUSED]);
}

static void agrees_in_long_duels(void)
{
	static const struct bounds bounds = { .starts = 1, .ballots = 6 };

	EXPECT(!explore(&bounds));
	EXPECT(!search.violations);
}

static void survives_older_generations(void)
{
	static const struct bounds bounds = { .starts = 2, .ballots = 1, .older = 1 };

	EXPECT(!explore(&bounds));
	EXPECT(!search.violations);
	EXPECT(search.endings[CONTEST_REFUSED]);
}

static void survives_newer_generations(void)
{
	static const struct bounds bounds = { .starts = 2, .ballots = 1, .newer = 2 };

	EXPECT(!explore(&bounds));
	EXPECT(!search.violations);
}

static bool is_caught(enum sabotage sabotage)
{
	struct bounds bounds = { .starts = 2, .ballots = 1, .sabotage = sabotage };

	return explore(&bounds);
}

static void catches_broken_algorithms(void)
{
	EXPECT(!is_caught(NOTHING));
	EXPECT(is_caught(NO_FIRST_READ));
	EXPECT(is_caught(NO_SECOND_READ));
	EXPECT(is_caught(IGNORES_ACCEPTED));
	EXPECT(is_caught(FORGETS));
}

static void catches_broken_storage(void)
{
	EXPECT(is_caught(LATE_WRITES));
}

static const struct test tests[] = {
	TEST(agrees_and_ends_in_every_order),
	TEST(agrees_in_long_duels),
	TEST(survives_older_generations),
	TEST(survives_newer_generations),
	TEST(catches_broken_algorithms),
	TEST(catches_broken_storage),
};

int main(int argc, char **argv)
{
	return run_tests("contest", tests, ARRAY_SIZE(tests), argc, argv);
}
