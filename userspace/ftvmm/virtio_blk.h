/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtio block device, on a disk image. */
#ifndef FTVMM_VIRTIO_BLK_H
#define FTVMM_VIRTIO_BLK_H

#include "disk.h"
#include "virtio.h"

/*
 * Bytes that a disk's requests read and write at a time: the host has as many in its memory.
 * What is more waits for completions.
 */
#define VIRTIO_BLK_BUDGET	(64u << 20)

enum virtio_blk_busy {
	BLK_FREE,
	BLK_BEGUN,	/* the host has it */
	BLK_WAITS,	/* until there is room for its bytes */
	BLK_STATES
};

/**
 * struct virtio_blk_request - one that the driver waits for
 * @head: of its chain. All that is not here is read from the chain again
 * @busy: enum virtio_blk_busy
 * @operation: enum disk_operation
 * @turn: of one that waits: those with lower numbers are begun first
 * @bytes: that it reads or writes; of other operations 0
 */
struct virtio_blk_request {
	uint16_t head;
	uint8_t busy;
	uint8_t operation;
	uint32_t turn;
	uint32_t bytes;
};

/**
 * struct virtio_blk_state - requests that the driver waits for
 * @generation: a new number after each reset; completions of an earlier one are
 *	ignored
 * @turn: of the next request that has to wait
 * @request: by number
 *
 * Which requests are begun, and when, follows from this alone, and it changes with what the
 * guest does and with completions, which are events: a replay begins the same at the same
 * points. So it copies what is written from guest memory at the same points, too.
 */
struct virtio_blk_state {
	uint32_t generation;
	uint32_t turn;
	struct virtio_blk_request request[DISK_REQUESTS];
};

/**
 * struct virtio_blk_output - of a request that waits, if it is an output (hold.h)
 * @held: it is one
 * @position: of the log, when the driver made it
 * @epoch: hold_epoch() then
 */
struct virtio_blk_output {
	bool held;
	uint64_t position;
	unsigned int epoch;
};

/**
 * struct virtio_blk - the block device
 * @disk: the image
 * @virtio: what all have
 * @position: of the log, for what the last notification has put out
 * @has_position: it was asked for
 * @generations: the last number that was given
 * @bytes: of the requests that are begun; follows from @state
 * @waiting: requests that wait; likewise
 * @output: of those
 * @state: saved
 * @saved: its place in the list
 * @label: its name there
 * @name: of the device
 */
struct virtio_blk {
	struct disk disk;
	struct virtio virtio;
	uint64_t position;
	bool has_position;
	uint32_t generations;
	uint64_t bytes;
	unsigned int waiting;
	struct virtio_blk_output output[DISK_REQUESTS];
	struct virtio_blk_state state;
	struct state saved;
	char label[32];
	char name[16];
};

/**
 * virtio_blk_open() - make a block device
 * @blk: must stay; its disk is open
 * @pci: the bus
 * @index: which one it is
 *
 * Return: 0, or -1 with the reason told.
 */
int virtio_blk_open(struct virtio_blk *blk, struct pci *pci, unsigned int index);

/**
 * virtio_blk_go_live() - from now on requests are for the image
 * @blk: of a secondary; its disk was opened by disk_open_secondary()
 *
 * Those that the guest waits for, because the log had no completion of them, are issued
 * again. Whether the primary has done them does not matter: the guest must not look at what
 * is read, nor change what is written, before the completion, and it waits for that before
 * it writes to the same place again. While the guest stands still.
 *
 * Return: how many were.
 */
unsigned int virtio_blk_go_live(struct virtio_blk *blk);

#endif
