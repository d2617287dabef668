// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <xxhash.h>

#include "area.h"

#define BALLOTS		8
#define READS_AGAIN	3
#define PAUSE_NS	2000000ull	/* doubled with each ballot */
#define AGAIN_NS	1000000ull

int arbiter_open(struct arbiter *a, const char *path, const uint8_t vm[ARBITER_ID])
{
	static const uint8_t nobody[ARBITER_ID];
	int err = area_open(a, path, 0);

	memcpy(a->vm, vm, sizeof(a->vm));
	if (err)
		return err;
	if (!memcmp(vm, nobody, sizeof(nobody)))
		return area_fail(a, EINVAL, "a VM's id cannot be all zeros");
	return area_read_header(a);
}

void arbiter_close(struct arbiter *a)
{
	area_close(a);
}

/* Up to that long.  A signal cuts it short, which does no harm. */
static int pause_up_to(struct arbiter *a, uint64_t ns)
{
	uint64_t random = 0;
	struct timespec time;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return area_fail(a, EIO, "the kernel gives no random numbers");
	ns = random % ns;
	time = (struct timespec){ .tv_nsec = ns };
	nanosleep(&time, NULL);
	return 0;
}

static bool is_own(const struct arbiter *a, const struct record *r)
{
	return !record_is_free(r) && !memcmp(r->vm, a->vm, sizeof(a->vm));
}

/* What is wrong with a block of the buffer; NULL if nothing, or if it is free. */
static const char *damage(const struct arbiter *a, uint32_t block)
{
	const struct record *r = area_record(a, block);

	return record_is_free(r) ? NULL : record_problem(r, block, a->id);
}

static int fail_damaged(struct arbiter *a, uint32_t block, const char *problem)
{
	uint32_t slot = (block - 1) / CONTEST_SIDES;

	return area_fail(a, EBADMSG,
			 "slot %u of %s is damaged, in its record %u: %s; 'ft-arbiter release %s %u' frees it",
			 slot, a->path, (block - 1) % CONTEST_SIDES, problem, a->path, slot);
}

/*
 * Reads records that are free or sound.  Storage that does not keep a read and a write of
 * a block apart may return a mixture: its hash tells, and a later read is as good.
 */
static int read_sound(struct arbiter *a, uint32_t block, uint32_t count)
{
	const char *problem = NULL;
	uint32_t at;
	int err, again;

	for (again = 0; again <= READS_AGAIN; again++) {
		err = again ? pause_up_to(a, AGAIN_NS) : 0;
		if (!err)
			err = area_read(a, block, count);
		if (err)
			return err;
		for (at = block; at < block + count; at++) {
			problem = damage(a, at);
			if (problem)
				break;
		}
		if (!problem)
			return 0;
	}
	return fail_damaged(a, at, problem);
}

/**
 * struct slots - where a VM could be
 * @whole: the slot whose records are both the VM's; ARBITER_SLOTS for none
 * @count: of such slots
 * @half: one that it has half of, the other half being free
 * @free: one that is free
 */
struct slots {
	uint32_t whole, count, half, free;
};

static void look_at_slot(const struct arbiter *a, uint32_t slot, struct slots *slots)
{
	unsigned int side, own = 0, free = 0;

	for (side = 0; side < CONTEST_SIDES; side++) {
		uint32_t block = record_block(slot, side);
		const struct record *r = area_record(a, block);

		if (record_is_free(r))
			free++;
		else if (!damage(a, block) && is_own(a, r))
			own++;
	}
	if (own == CONTEST_SIDES) {
		slots->whole = slot;
		slots->count++;
	} else if (own && free) {
		slots->half = slot;
	} else if (free == CONTEST_SIDES && slots->free == ARBITER_SLOTS) {
		slots->free = slot;
	}
}

/*
 * Damage elsewhere is no matter of this VM, unless it has no slot.  Where the search
 * begins depends on the VM: two that look at the same time hardly choose the same.
 */
static int look_at_slots(struct arbiter *a, struct slots *slots)
{
	uint32_t first = XXH64(a->vm, sizeof(a->vm), 0) % ARBITER_SLOTS, i;
	int err = read_sound(a, 1, ARBITER_BLOCKS - 1);

	*slots = (struct slots){ ARBITER_SLOTS, 0, ARBITER_SLOTS, ARBITER_SLOTS };
	if (err && err != -EBADMSG)
		return err;
	for (i = 0; i < ARBITER_SLOTS; i++)
		look_at_slot(a, (first + i) % ARBITER_SLOTS, slots);
	if (slots->count > 1)
		return area_fail(a, EBADMSG,
				 "the VM has more than one slot in %s: 'ft-arbiter show %s' lists them, release the old",
				 a->path, a->path);
	return slots->count ? 0 : err;
}

static int fail_no_slot(struct arbiter *a)
{
	a->slot = ARBITER_SLOTS;
	return area_fail(a, ENOENT,
			 "the VM has no slot in %s: its protection was not begun, has ended, or another VM has overwritten it",
			 a->path);
}

static int find_slot(struct arbiter *a)
{
	struct slots slots;
	int err;

	if (a->slot != ARBITER_SLOTS)
		return 0;
	err = look_at_slots(a, &slots);
	if (err)
		return err;
	a->slot = slots.whole;
	return a->slot == ARBITER_SLOTS ? fail_no_slot(a) : 0;
}

/* The VM's records, if both are. */
static int read_slot(struct arbiter *a, struct contest_record seen[CONTEST_SIDES])
{
	int err = read_sound(a, record_block(a->slot, 0), CONTEST_SIDES);
	unsigned int side;

	if (err)
		return err;
	for (side = 0; side < CONTEST_SIDES; side++) {
		const struct record *r = area_record(a, record_block(a->slot, side));

		if (!is_own(a, r))
			return fail_no_slot(a);
		seen[side] = r->contest;
	}
	return 0;
}

static int write_record(struct arbiter *a, unsigned int side, const struct contest_record *mine)
{
	uint32_t block = record_block(a->slot, side);
	struct record *r = area_record(a, block);

	memset(r, 0, ARBITER_BLOCK);
	record_encode(r, block, a->id, a->vm, mine);
	return area_write(a, block, 1);
}

int arbiter_newest(struct arbiter *a, uint64_t *generation)
{
	struct contest_record seen[CONTEST_SIDES];
	int err = find_slot(a);

	*generation = 0;
	if (!err)
		err = read_slot(a, seen);
	if (err)
		return err == -ENOENT ? 0 : err;
	*generation = seen[0].generation > seen[1].generation ? seen[0].generation :
								seen[1].generation;
	return 0;
}

static bool is_begun(const struct contest_record *r, uint64_t generation)
{
	return r->generation == generation && !r->promised;
}

/*
 * Writes those of the new records that a call that was interrupted has not written
 * already: whoever was told that the generation has begun may be contending by now.
 */
static int write_new(struct arbiter *a, uint64_t generation)
{
	const struct contest_record new = { .generation = generation };
	bool written[CONTEST_SIDES];
	unsigned int side;
	int err = 0;

	for (side = 0; side < CONTEST_SIDES; side++) {
		const struct record *r = area_record(a, record_block(a->slot, side));

		written[side] = is_own(a, r) && is_begun(&r->contest, generation);
		if (is_own(a, r) && !written[side] && r->contest.generation >= generation)
			return area_fail(a, ESTALE,
					 "generation %llu is not new: %llu is the VM's in %s",
					 (unsigned long long)generation,
					 (unsigned long long)r->contest.generation, a->path);
	}
	for (side = 0; !err && side < CONTEST_SIDES; side++)
		if (!written[side])
			err = write_record(a, side, &new);
	return err;
}

static int fail_taken(struct arbiter *a)
{
	a->slot = ARBITER_SLOTS;
	return area_fail(a, EAGAIN, "somebody else is writing the same slot of %s: try again",
			 a->path);
}

/* Whether nobody else has written here before, or at the same time. */
static int check_new(struct arbiter *a, uint64_t generation)
{
	struct contest_record seen[CONTEST_SIDES];
	int err = read_slot(a, seen);

	if (err == -ENOENT)
		return fail_taken(a);
	if (!err && !(is_begun(&seen[0], generation) && is_begun(&seen[1], generation)))
		return fail_taken(a);
	return err;
}

/* The slot was chosen without a lock: it is looked at again. */
static int begin_in_slot(struct arbiter *a, uint64_t generation)
{
	uint32_t block = record_block(a->slot, 0);
	unsigned int side;
	int err = read_sound(a, block, CONTEST_SIDES);

	for (side = 0; !err && side < CONTEST_SIDES; side++) {
		const struct record *r = area_record(a, block + side);

		if (!record_is_free(r) && !is_own(a, r))
			err = fail_taken(a);
	}
	if (!err)
		err = write_new(a, generation);
	return err ? err : check_new(a, generation);
}

static int choose_slot(struct arbiter *a)
{
	struct slots slots;
	int err = look_at_slots(a, &slots);

	if (err)
		return err;
	a->slot = slots.count ? slots.whole :
		  slots.half != ARBITER_SLOTS ? slots.half : slots.free;
	if (a->slot == ARBITER_SLOTS)
		return area_fail(a, ENOSPC,
				 "all %u slots of %s are in use: 'ft-arbiter show %s' tells by whom, 'ft-arbiter release' frees one",
				 ARBITER_SLOTS, a->path, a->path);
	return 0;
}

static int begin(struct arbiter *a, uint64_t generation)
{
	uint32_t block;
	int err = choose_slot(a);

	if (err)
		return err;
	block = record_block(a->slot, 0);
	err = area_lock(a, block, CONTEST_SIDES);
	if (err)
		return err;
	err = begin_in_slot(a, generation);
	area_unlock(a, block, CONTEST_SIDES);
	return err;
}

int arbiter_begin(struct arbiter *a, uint64_t generation)
{
	int err;

	if (!generation)
		return area_fail(a, EINVAL, "generations are numbered from 1");
	/* Who chooses a slot on this host holds the header. */
	err = area_lock(a, 0, 1);
	if (err)
		return err;
	err = begin(a, generation);
	area_unlock(a, 0, 1);
	return err;
}

static int fail_generation(struct arbiter *a, uint64_t generation, const char *reason)
{
	return area_fail(a, ESTALE, "generation %llu cannot be decided in slot %u of %s: %s",
			 (unsigned long long)generation, a->slot, a->path, reason);
}

/* Both sides' records, if they are of that generation. */
static int read_generation(struct arbiter *a, uint64_t generation,
			   struct contest_record seen[CONTEST_SIDES])
{
	int err = find_slot(a);

	if (!err)
		err = read_slot(a, seen);
	if (err)
		return err;
	if (seen[0].generation != generation || seen[1].generation != generation)
		return fail_generation(a, generation, "its records are of another");
	return 0;
}

int arbiter_check(struct arbiter *a, uint64_t generation)
{
	struct contest_record seen[CONTEST_SIDES];

	return read_generation(a, generation, seen);
}

int arbiter_has_accepted(struct arbiter *a, uint64_t generation, unsigned int side)
{
	struct contest_record seen[CONTEST_SIDES];
	int err;

	if (side >= CONTEST_SIDES)
		return area_fail(a, EINVAL, "sides are 0 and 1");
	err = read_generation(a, generation, seen);
	return err ?: seen[side].accepted != 0;
}

static int contend(struct arbiter *a, uint64_t generation, unsigned int side)
{
	struct contest_record seen[CONTEST_SIDES];
	struct contest c;
	enum contest_action action = contest_start(&c, generation, side);
	int err = 0, ballots = 0;

	while (!err) {
		switch (action) {
		case CONTEST_READ:
			err = read_slot(a, seen);
			break;
		case CONTEST_WRITE:
			err = write_record(a, side, &c.mine);
			break;
		case CONTEST_PAUSE:
			if (++ballots == BALLOTS)
				return area_fail(a, EAGAIN, "the other side contends: try again");
			err = pause_up_to(a, PAUSE_NS << ballots);
			break;
		case CONTEST_WON:
			return ARBITER_WON;
		case CONTEST_LOST:
			return ARBITER_LOST;
		case CONTEST_REFUSED:
			return fail_generation(a, generation, c.reason);
		}
		if (!err)
			action = contest_next(&c, seen);
	}
	return err;
}

int arbiter_decide(struct arbiter *a, uint64_t generation, unsigned int side)
{
	uint32_t block;
	int answer;

	if (!generation || side >= CONTEST_SIDES)
		return area_fail(a, EINVAL, "generations are numbered from 1, sides are 0 and 1");
	answer = find_slot(a);
	if (answer)
		return answer;
	block = record_block(a->slot, side);
	answer = area_lock(a, block, 1);
	if (answer)
		return answer;
	answer = contend(a, generation, side);
	area_unlock(a, block, 1);
	return answer;
}

int arbiter_release(struct arbiter *a)
{
	struct contest_record seen[CONTEST_SIDES];
	uint32_t block;
	int err = find_slot(a);

	if (!err)
		err = read_slot(a, seen);
	if (err)
		return err == -ENOENT ? 0 : err;
	block = record_block(a->slot, 0);
	err = area_lock(a, block, CONTEST_SIDES);
	if (err)
		return err;
	memset(area_record(a, block), 0, CONTEST_SIDES * ARBITER_BLOCK);
	err = area_write(a, block, CONTEST_SIDES);
	area_unlock(a, block, CONTEST_SIDES);
	a->slot = ARBITER_SLOTS;
	return err;
}
