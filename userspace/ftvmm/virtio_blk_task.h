/* SPDX-License-Identifier: GPL-2.0-only */
/* What the driver wants of a virtio block device: the chain of a request is read. */
#ifndef FTVMM_VIRTIO_BLK_TASK_H
#define FTVMM_VIRTIO_BLK_TASK_H

#include <linux/virtio_blk.h>

#include "disk.h"
#include "virtqueue.h"

#define BLK_HEADER		sizeof(struct virtio_blk_outhdr)
#define BLK_TRANSFER_MAX	(32u << 20)	/* bytes read or written by one */
#define BLK_DISCARD_MAX		0x400000	/* sectors discarded by one: 2 GiB */

/**
 * struct blk_task - a request as the driver has put it
 * @operation: what to do
 * @offset: in bytes
 * @size: in bytes
 */
struct blk_task {
	enum disk_operation operation;
	uint64_t offset;
	uint64_t size;
};

/**
 * blk_task_parse() - what the driver wants
 * @task: the result; zeros before
 * @disk: whose size and rights it must keep to
 * @chain: of the request
 *
 * Return: VIRTIO_BLK_S_OK if it can be begun; otherwise what the driver is told.
 */
uint8_t blk_task_parse(struct blk_task *task, const struct disk *disk, const struct chain *chain);

/* Of data, that it takes of the host's memory. */
uint32_t blk_task_bytes(const struct blk_task *task);

#endif
