/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who may run a VM when its primary and its secondary have lost each other: one atomic
 * decision for each generation of its protection, through plain reads and writes of
 * storage that both hosts share.  Documentation/arbiter.rst is the manual.
 *
 * The primary (side 0), before it lets a secondary begin:
 *
 *   arbiter_open(&a, path, vm);
 *   arbiter_begin(&a, generation);     more than arbiter_newest() has ever said
 *
 * The secondary (side 1), when it begins:
 *
 *   arbiter_open(&a, path, vm);
 *   arbiter_check(&a, generation);     a secondary that could not contend is none
 *
 * Either, when it has lost the other:
 *
 *   while ((answer = arbiter_decide(&a, generation, side)) < 0)
 *       wait, a.problem says what for; run and stop nothing meanwhile
 *   ARBITER_WON: run the guest.  ARBITER_LOST: stop it, for good.
 *
 * Rules for callers:
 * - On each side, one process at a time contends for a generation.  On one host the
 *   library sees to it (-EBUSY).
 * - A primary must have won generation G before it begins G + 1, unless no secondary of
 *   G ever existed or all of them are known to be dead.
 * - Calls block as long as the storage does: a few reads and writes each.  They are for a
 *   thread of their own if that matters, one at a time for each struct arbiter.
 */
#ifndef ARBITER_ARBITER_H
#define ARBITER_ARBITER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "record.h"

enum { ARBITER_PRIMARY, ARBITER_SECONDARY };

/* What arbiter_decide() answers, if not a negative errno. */
enum { ARBITER_LOST, ARBITER_WON };

/**
 * struct arbiter - an open area, and the VM that it is for; the members are for reading
 * @fd: -1 if not open
 * @direct: I/O bypasses the host's cache
 * @vm: the VM
 * @id: of the area
 * @slot: the VM's, or ARBITER_SLOTS if not known yet
 * @cancel: set it, and let it become true, to have a call return -ECANCELED before its
 *	next read, write or pause; NULL after arbiter_open()
 * @path: for messages
 * @buffer: a copy of the area, of which only what was read last is current
 * @problem: what the last call that failed has to say, with the remedy
 */
struct arbiter {
	int fd;
	bool direct;
	uint8_t vm[ARBITER_ID];
	uint8_t id[ARBITER_ID];
	uint32_t slot;
	const atomic_bool *cancel;
	char *path;
	uint8_t *buffer;
	char problem[512];
};

/*
 * Functions that return int: 0 or what is said here, or a negative errno, with the text
 * in @problem.  Of all:
 *   -EIO and other errors of the storage: it may be back later
 *   -EBADMSG: something in the area is damaged; nothing is decided by guessing
 *   -ECANCELED: see @cancel
 * All may be called again after any error, or after a crash.
 */

/**
 * arbiter_open() - open an area
 * @a: arbiter_close() is to be called in any case
 * @path: a block device or a regular file that has been formatted
 * @vm: 16 bytes that no other VM has; not all zeros
 *
 * Return: -EINVAL if @path is neither, -ENODATA if it was never formatted, -EPROTO if
 * that was done by another version.
 */
int arbiter_open(struct arbiter *a, const char *path, const uint8_t vm[ARBITER_ID]);

/* May be called for one that was never open, but has @fd -1. */
void arbiter_close(struct arbiter *a);

/**
 * arbiter_newest() - tell what generation was begun last
 * @a: the area
 * @generation: becomes 0 if the VM has no slot
 *
 * Return: 0, or an error of those above.
 */
int arbiter_newest(struct arbiter *a, uint64_t *generation);

/**
 * arbiter_begin() - make a new generation the one to be decided about
 * @a: the area
 * @generation: more than the newest; what was not decided about these is lost
 *
 * Gives the VM a slot if it has none.  Only where the VM runs.
 *
 * Return: -ENOSPC if all slots are in use, -ESTALE if @generation is not new, -EAGAIN if
 * another VM took the slot at the same time: call again.
 */
int arbiter_begin(struct arbiter *a, uint64_t generation);

/* Whether a side could contend: -ENOENT, -ESTALE as arbiter_decide(). */
int arbiter_check(struct arbiter *a, uint64_t generation);

/**
 * arbiter_has_accepted() - has a side come so far that the other can lose only?
 * @a: the area
 * @generation: that was begun
 * @side: ARBITER_PRIMARY or ARBITER_SECONDARY
 *
 * One read.  It has accepted itself, unless it found that the other side had accepted before:
 * a contender that has not begun yet when this says 1 of the other side will lose.
 *
 * Return: 1 if it has accepted a winner, 0 if not; or an error as arbiter_check().
 */
int arbiter_has_accepted(struct arbiter *a, uint64_t generation, unsigned int side);

/**
 * arbiter_decide() - contend
 * @a: the area
 * @generation: that was begun
 * @side: ARBITER_PRIMARY or ARBITER_SECONDARY
 *
 * At most 8 ballots of at most 3 reads and 2 writes.  A read that finds a damaged record,
 * which may be due to a write at the same time, is repeated up to 3 times.
 *
 * Return: ARBITER_WON, and the other side can never win this generation; or ARBITER_LOST,
 * also if a newer one was begun; or -ENOENT if the VM has no slot, or no longer; -ESTALE
 * if @generation was not begun, or a contender of an older one has overwritten a record;
 * -EBUSY if another process of this host contends on this side; -EAGAIN if the other side
 * contended all the time: call again.
 */
int arbiter_decide(struct arbiter *a, uint64_t generation, unsigned int side);

/**
 * arbiter_release() - give the slot back
 * @a: the area
 *
 * For who runs the VM alone.  Whoever contends after that gets -ENOENT, not an answer.
 *
 * Return: 0, also if there was none; or -EBUSY.
 */
int arbiter_release(struct arbiter *a);

#endif
