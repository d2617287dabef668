// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <string.h>
#include <xxhash.h>

#include "record.h"

static const uint8_t magic[8] = "kvmftarb";

static uint64_t hash_of(const struct record *r)
{
	return XXH64(r, offsetof(struct record, hash), 0);
}

static bool is_zero(const void *data, size_t size)
{
	const uint8_t *bytes = data;

	while (size && !*bytes) {
		bytes++;
		size--;
	}
	return !size;
}

void record_encode(struct record *r, uint32_t block, const uint8_t *area, const uint8_t *vm,
		   const struct contest_record *contest)
{
	memset(r, 0, sizeof(*r));
	memcpy(r->magic, magic, sizeof(magic));
	r->version = ARBITER_VERSION;
	r->block = block;
	memcpy(r->area, area, sizeof(r->area));
	if (vm)
		memcpy(r->vm, vm, sizeof(r->vm));
	if (contest)
		r->contest = *contest;
	r->hash = hash_of(r);
}

bool record_is_free(const struct record *r)
{
	return is_zero(r, sizeof(*r));
}

bool record_has_magic(const struct record *r)
{
	return !memcmp(r->magic, magic, sizeof(magic));
}

static bool is_ballot_of(uint64_t ballot, unsigned int side)
{
	return !ballot || (ballot >= 2 && ballot < CONTEST_BALLOT_MAX && ballot % 2 == side);
}

static const char *contest_problem(const struct contest_record *c, unsigned int side)
{
	if (!c->generation)
		return "it has no generation";
	if (!is_ballot_of(c->promised, side) || !is_ballot_of(c->accepted, side))
		return "its side cannot have such a ballot";
	if (c->accepted > c->promised)
		return "it has accepted a ballot that it has not begun";
	if (c->winner >= CONTEST_SIDES || (c->winner && !c->accepted))
		return "there is no such winner";
	return NULL;
}

const char *record_problem(const struct record *r, uint32_t block, const uint8_t *area)
{
	if (!record_has_magic(r))
		return "it is no record of an arbiter";
	if (r->version != ARBITER_VERSION)
		return "it is of another version";
	if (r->hash != hash_of(r))
		return "its hash is another";
	if (r->block != block)
		return "it belongs to another block";
	if (area && memcmp(r->area, area, sizeof(r->area)))
		return "it is of the time before the area was last formatted";
	if (!is_zero(r->zero, sizeof(r->zero)))
		return "it has something where this version has nothing";
	if (block)
		return contest_problem(&r->contest, (block - 1) % CONTEST_SIDES);
	if (!is_zero(r->vm, sizeof(r->vm)) || !is_zero(&r->contest, sizeof(r->contest)))
		return "it has something where a header has nothing";
	return NULL;
}
