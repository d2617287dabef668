/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A raw disk image: the back end of virtio-blk.  Requests go to the host's kernel
 * through io_uring, and come back as events.
 *
 * Guest memory is never a target or a source of I/O: what is written was copied
 * before, and what is read arrives in events.  So it does not matter when exactly
 * the host reads or writes.
 *
 * What a protected guest writes to a disk that other hosts reach is an output: it waits
 * in hold.h first.
 */
#ifndef FTVMM_DISK_H
#define FTVMM_DISK_H

#include <liburing.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "inputs.h"
#include "loop.h"
#include "options.h"

#define DISK_SECTOR	512
#define DISK_REQUESTS	256	/* at a time */

enum disk_operation {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,
	DISK_DISCARD,
	DISK_ZERO,		/* what is read there after is zeros */
};

/**
 * struct disk_done - the data of an event of INPUT_DISK
 * @request: the number that disk_submit() was called with
 * @generation: likewise
 * @error: 0, or a positive errno; then there is no @data
 * @offset: of @data in what was read
 * @last: no more events of this request follow
 * @pad: 0
 * @data: what was read; its size is that of the rest of the event
 */
struct disk_done {
	uint32_t request;
	uint32_t generation;
	uint32_t error;
	uint32_t offset;
	uint32_t last;
	uint32_t pad;
	uint8_t data[];
};

/* The most that is read in one event. */
#define DISK_CHUNK	(INPUT_MAX - sizeof(struct disk_done))

/**
 * struct disk - an image
 * @fd: its descriptor; -1 in a replay without an image
 * @replayed: it is that of a replay, or of a secondary: nothing is read, nothing completes
 *	but what the log says, and what is written is written at once, if @shared does
 *	not forbid it
 * @size: in bytes
 * @read_only: it cannot be written to
 * @shared: other hosts use it, too; a replay does not write to it
 * @tag: of the events
 * @under_way: requests that the host works on, or is yet to be given
 * @lock: for filling @ring
 * @ring: filled by the vCPU's thread, and with what was held back by the main loop, which
 *	empties it
 * @completed: an eventfd, in the main loop
 */
struct disk {
	int fd;
	bool replayed;
	uint64_t size;
	bool read_only;
	bool shared;
	uint32_t tag;
	unsigned int under_way;
	pthread_mutex_t lock;
	struct io_uring ring;
	struct watch completed;
};

/**
 * disk_open() - open an image
 * @disk: must stay
 * @option: path of a file or block device, and how to use it; its size is rounded down
 *	to sectors
 * @loop: the main loop
 * @tag: of the events
 *
 * The image is locked, so that no other VMM of this kind uses it, too: but for those
 * that also say it is shared. Locks may be seen by other hosts, as with NFS, and the
 * secondary has to open it as well; which side writes is not decided by the lock.
 *
 * Return: 0, or -1 with the reason told.
 */
int disk_open(struct disk *disk, const struct disk_option *option, struct loop *loop,
	      uint32_t tag);

/**
 * disk_open_replay() - open the disk of a replay
 * @disk: must stay
 * @option: size, and whether it is read-only, as it was recorded; the path of an image
 *	as the disk was when recording began, to be written to, or NULL. If it is shared
 *	it is only opened
 * @tag: of the events
 *
 * Return: 0, or -1 with the reason told.
 */
int disk_open_replay(struct disk *disk, const struct disk_option *option, uint32_t tag);

/**
 * disk_open_secondary() - open the disk of a secondary, which may go live
 * @disk: must stay
 * @option: as for disk_open(), and the size that the disk has on the primary
 * @loop: the main loop
 * @tag: of the events
 *
 * All that is needed to go live is opened, so that what is amiss shows now. Until then it is
 * as in a replay, and nothing is read or written. An image that can be written must be
 * shared; one that cannot may be a copy of the primary's: the size is compared, the content
 * is not.
 *
 * Return: 0, or -1 with the reason told.
 */
int disk_open_secondary(struct disk *disk, const struct disk_option *option, struct loop *loop,
			uint32_t tag);

/*
 * From now on requests are for the image: this side has won, so the other does not begin any
 * more. What it has begun may still be in its host's kernel, or on the way; that it does not
 * come later is the storage's part, which has to fence the other host off (see
 * Documentation/vmm.rst).  While the guest stands still.
 */
void disk_go_live(struct disk *disk);

void disk_close(struct disk *disk);

/**
 * disk_submit() - begin a request
 * @disk: the image
 * @request: a number for it
 * @generation: likewise
 * @operation: what to do
 * @offset: in bytes; not for a flush
 * @size: in bytes; at most INT_MAX for reading and writing
 * @data: what to write, malloc()ed, freed when it is done; else NULL
 * @position: it is an output, which waits until so much is committed (hold.h); NULL if not
 *
 * The vCPU's thread. If the host cannot begin it, that is told by an event, too.
 */
void disk_submit(struct disk *disk, uint32_t request, uint32_t generation,
		 enum disk_operation operation, uint64_t offset, uint64_t size, void *data,
		 const uint64_t *position);

/* A request has failed that was not even begun: an event.  @error: a positive errno. */
void disk_fail(struct disk *disk, uint32_t request, uint32_t generation, int error);

/*
 * Returns when the host works on no request any more, so that nothing is written after
 * that; or when the vCPU's thread is to end.  The vCPU's thread.
 */
void disk_drain(struct disk *disk);

/* It works on none now.  Any thread. */
bool disk_is_idle(const struct disk *disk);

#endif
