/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtio block device, on a disk image. */
#ifndef FTVMM_VIRTIO_BLK_H
#define FTVMM_VIRTIO_BLK_H

#include "disk.h"
#include "virtio.h"

/**
 * struct virtio_blk_state - requests that the host works on
 * @generation: a new number after each reset; completions of an earlier one are
 *	ignored
 * @request: by number: its chain, if it is in use.  All else about a request can be
 *	read from the chain again
 */
struct virtio_blk_state {
	uint32_t generation;
	struct {
		uint16_t head;
		uint16_t busy;
	} request[DISK_REQUESTS];
};

/**
 * struct virtio_blk - the block device
 * @disk: the image
 * @virtio: what all have
 * @position: of the log, for what the last notification has put out
 * @has_position: it was asked for
 * @generations: the last number that was given
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
