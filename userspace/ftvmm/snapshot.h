/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A snapshot: everything that is needed to have the same machine elsewhere, as a
 * stream that can go to a file or through a socket.
 *
 * It consists of sections, each with a head that says what follows, how much of it,
 * and its hash (XXH64). The last one is named "end"; a snapshot without it was cut
 * off. Numbers are little-endian. What is read is not trusted: sizes are compared
 * with what there is room for before anything is read or allocated.
 */
#ifndef FTVMM_SNAPSHOT_H
#define FTVMM_SNAPSHOT_H

#include <stdint.h>

#define SNAPSHOT_NAME	24
#define SNAPSHOT_END	"end"

/**
 * struct snapshot_section - the head of a section, as it is in the stream
 * @name: of what it has; terminated
 * @version: of its layout
 * @pad: 0
 * @at: which part of it
 * @size: bytes that follow
 * @hash: of the head with 0 for the hash, and of these bytes
 */
struct snapshot_section {
	char name[SNAPSHOT_NAME];
	uint32_t version;
	uint32_t pad;
	uint64_t at;
	uint64_t size;
	uint64_t hash;
};

/**
 * struct snapshot_writer - a snapshot being written
 * @fd: where it goes; not closed here
 * @name: of that, for messages
 * @bytes: written so far; other threads may look, see snapshot_count()
 * @memory: bytes of the guest's memory that are done with: written, or only zeros; likewise
 * @error: errno of what could not be written; 0 if nothing has failed
 */
struct snapshot_writer {
	int fd;
	const char *name;
	uint64_t bytes;
	uint64_t memory;
	int error;
};

/* One of the numbers above, in another thread than the one that writes. */
static inline uint64_t snapshot_count(const uint64_t *number)
{
	return __atomic_load_n(number, __ATOMIC_RELAXED);
}

/**
 * struct snapshot_reader - a snapshot being read
 * @fd: where it comes from; not closed here
 * @name: of that, for messages
 * @section: the head that was read last
 */
struct snapshot_reader {
	int fd;
	const char *name;
	struct snapshot_section section;
};

/* All functions return 0, or -1 with the reason told. */

/* Begins: the first section says what the stream is. */
int snapshot_begin(struct snapshot_writer *w);

int snapshot_write(struct snapshot_writer *w, const char *name, uint32_t version, uint64_t at,
		   const void *data, uint64_t size);

/* Writes the last section. */
int snapshot_end(struct snapshot_writer *w);

/* Reads the beginning: is it a snapshot? */
int snapshot_open(struct snapshot_reader *r);

/* Reads the next head to @r->section; snapshot_read() has to follow. */
int snapshot_next(struct snapshot_reader *r);

/* Reads what follows the head of the last section, which is nothing. */
int snapshot_finish(struct snapshot_reader *r);

/* Reads @r->section.size bytes, for which there is room at @data. */
int snapshot_read(struct snapshot_reader *r, void *data);

#endif
