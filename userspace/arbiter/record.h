/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is on the disk: blocks of ARBITER_BLOCK bytes, of which the first RECORD_SIZE
 * have something in them, so that a block is written whole by disks with sectors of
 * either size, and no two writers share a sector.
 *
 *   block 0            the header
 *   block 1 + 2i + s   slot i: the record of side s
 *
 * Numbers are little-endian.  A slot whose blocks are all zeros is free.
 */
#ifndef ARBITER_RECORD_H
#define ARBITER_RECORD_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "contest.h"

#define ARBITER_BLOCK	4096u
#define ARBITER_SLOTS	64u
#define ARBITER_BLOCKS	(1 + CONTEST_SIDES * ARBITER_SLOTS)
#define ARBITER_BYTES	(ARBITER_BLOCKS * ARBITER_BLOCK)
#define ARBITER_VERSION	1u
#define ARBITER_ID	16u

#define RECORD_SIZE	512u

/**
 * struct record - a block, as it is on the disk
 * @magic: RECORD_MAGIC
 * @version: ARBITER_VERSION
 * @block: its number: a record that was copied is not taken for another
 * @area: drawn at random when the area was formatted
 * @vm: whose slot it is; zeros in the header
 * @contest: what the side says; zeros in the header
 * @zero: for later
 * @hash: XXH64 of what is before it
 */
struct record {
	uint8_t magic[8];
	uint32_t version;
	uint32_t block;
	uint8_t area[ARBITER_ID];
	uint8_t vm[ARBITER_ID];
	struct contest_record contest;
	uint8_t zero[RECORD_SIZE - 88];
	uint64_t hash;
};

static_assert(sizeof(struct record) == RECORD_SIZE, "the record of the disk");

/* Block number of a side's record. */
static inline uint32_t record_block(uint32_t slot, unsigned int side)
{
	return 1 + CONTEST_SIDES * slot + side;
}

/* Fills in a record for its block: all but @vm and @contest, which may be NULL. */
void record_encode(struct record *r, uint32_t block, const uint8_t *area, const uint8_t *vm,
		   const struct contest_record *contest);

bool record_is_free(const struct record *r);

/**
 * record_problem() - look for what is wrong with a record that is not free
 * @r: as read; nothing about it is believed
 * @block: where it was
 * @area: that it should be of; NULL if that is not known
 *
 * Return: a text, or NULL if it may be used.
 */
const char *record_problem(const struct record *r, uint32_t block, const uint8_t *area);

/* Whether it says that it is one at all. */
bool record_has_magic(const struct record *r);

#endif
