/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads and writes of whole blocks of an area, and nowhere else.  Functions that return
 * int: 0, or a negative errno with the text in a->problem.
 */
#ifndef ARBITER_AREA_H
#define ARBITER_AREA_H

#include "arbiter.h"

/* Sets the text; returns -error. */
__attribute__((format(printf, 3, 4)))
int area_fail(struct arbiter *a, int error, const char *format, ...);

/*
 * Opens what may be an area or become one, with O_RDWR and @flags; looks at nothing in
 * it.  area_close() is to be called in any case.
 */
int area_open(struct arbiter *a, const char *path, int flags);
void area_close(struct arbiter *a);

/* Whether what is open is an area: sets a->id. */
int area_read_header(struct arbiter *a);

/* In the buffer. */
static inline struct record *area_record(const struct arbiter *a, uint32_t block)
{
	return (struct record *)(a->buffer + block * ARBITER_BLOCK);
}

/* From the storage to the same place in the buffer. */
int area_read(struct arbiter *a, uint32_t block, uint32_t count);

/* The other way round; when it returns 0 they are on stable storage. */
int area_write(struct arbiter *a, uint32_t block, uint32_t count);

/*
 * Keeps other processes of this host from a block; -EBUSY if one has it.  The kernel
 * keeps the lock until the last write of a process that was killed has ended.
 */
int area_lock(struct arbiter *a, uint32_t block, uint32_t count);
void area_unlock(struct arbiter *a, uint32_t block, uint32_t count);

#endif
