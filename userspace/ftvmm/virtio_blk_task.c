// SPDX-License-Identifier: GPL-2.0-only
#include "virtio_blk_task.h"

static bool is_inside(const struct disk *disk, uint64_t sector, uint64_t size)
{
	uint64_t sectors = disk->size / DISK_SECTOR;

	return size % DISK_SECTOR == 0 && sector <= sectors &&
	       size / DISK_SECTOR <= sectors - sector;
}

static uint8_t parse_range(const struct disk *disk, const struct chain *chain,
			   struct blk_task *task)
{
	struct virtio_blk_discard_write_zeroes range;

	if (chain_read(chain, BLK_HEADER, &range, sizeof(range)) != sizeof(range) ||
	    range.num_sectors > BLK_DISCARD_MAX ||
	    !is_inside(disk, range.sector, (uint64_t)range.num_sectors * DISK_SECTOR))
		return VIRTIO_BLK_S_IOERR;
	task->offset = range.sector * DISK_SECTOR;
	task->size = (uint64_t)range.num_sectors * DISK_SECTOR;
	if (task->operation == DISK_ZERO &&
	    (range.flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP))
		task->operation = DISK_DISCARD;	/* a hole reads as zeros, too */
	return VIRTIO_BLK_S_OK;
}

static uint8_t parse_transfer(const struct disk *disk, uint64_t sector, uint64_t size,
			      struct blk_task *task)
{
	if (!size || size > BLK_TRANSFER_MAX || !is_inside(disk, sector, size))
		return VIRTIO_BLK_S_IOERR;
	task->offset = sector * DISK_SECTOR;
	task->size = size;
	return VIRTIO_BLK_S_OK;
}

uint8_t blk_task_parse(struct blk_task *task, const struct disk *disk, const struct chain *chain)
{
	struct virtio_blk_outhdr header;

	if (chain_read(chain, 0, &header, BLK_HEADER) != BLK_HEADER || !chain->write_size)
		return VIRTIO_BLK_S_IOERR;
	if (disk->read_only && header.type != VIRTIO_BLK_T_IN)
		return VIRTIO_BLK_S_IOERR;
	switch (header.type) {
	case VIRTIO_BLK_T_IN:
		task->operation = DISK_READ;
		return parse_transfer(disk, header.sector, chain->write_size - 1, task);
	case VIRTIO_BLK_T_OUT:
		task->operation = DISK_WRITE;
		return parse_transfer(disk, header.sector, chain->read_size - BLK_HEADER, task);
	case VIRTIO_BLK_T_FLUSH:
		task->operation = DISK_FLUSH;
		return VIRTIO_BLK_S_OK;
	case VIRTIO_BLK_T_DISCARD:
		task->operation = DISK_DISCARD;
		return parse_range(disk, chain, task);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		task->operation = DISK_ZERO;
		return parse_range(disk, chain, task);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}

uint32_t blk_task_bytes(const struct blk_task *task)
{
	return task->operation == DISK_READ || task->operation == DISK_WRITE ? task->size : 0;
}
