/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A disk of a secondary, with an image of its own, and the host's part: for the unit tests
 * of virtio_blk.c.
 */
#ifndef FTVMM_TEST_BLK_FAKE_H
#define FTVMM_TEST_BLK_FAKE_H

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "../hold.h"
#include "../inputs.h"
#include "../virtio_blk.h"
#include "../../lib/tests/test.h"
#include "virtio_fake.h"

#define SECTORS		64
#define DATA		(FAKE_BUFFERS + 0x1000)
#define STATUS		(FAKE_BUFFERS + 0x100)
#define TAG		INPUT_TAG(INPUT_DISK, 0)

static char path[32];
static struct loop loop;
static struct virtio_blk primary, secondary;
static struct disk_option option;

static void no_kick(void *vcpu)
{
	(void)vcpu;
}

static void set_up(void)
{
	int file;

	snprintf(path, sizeof(path), "/tmp/blk_test.XXXXXX");
	file = mkstemp(path);
	if (file < 0 || ftruncate(file, SECTORS * DISK_SECTOR) || loop_open(&loop))
		exit(1);
	close(file);
	option = (struct disk_option){
		.path = path,
		.size = SECTORS * DISK_SECTOR,
		.shared = true,
	};
	fake_memory();
	inputs_set_kick(no_kick, NULL);
	primary = (struct virtio_blk){ 0 };
	secondary = (struct virtio_blk){ 0 };
	if (disk_open_secondary(&secondary.disk, &option, &loop, TAG) ||
	    virtio_blk_open(&secondary, NULL, 0))
		exit(1);
}

static void tear_down(void)
{
	disk_close(&secondary.disk);
	loop_close(&loop);
	free(memory.base);
	unlink(path);
}

static int first_byte(void)
{
	int file = open(path, O_RDONLY);
	unsigned char byte;

	if (pread(file, &byte, 1, 0) != 1)
		abort();
	close(file);
	return byte;
}

/* The main loop's part, until the host works on nothing; then the vCPU's. */
static void finish_requests(struct disk *disk)
{
	struct pollfd ready = { .fd = disk->completed.fd, .events = POLLIN };

	while (disk->under_way) {
		EXPECT(poll(&ready, 1, 60000) == 1);
		disk->completed.ready(disk->completed.owner);
	}
	inputs_apply();
}

/* How often the log's position was asked for. */
static int asked;

static uint64_t position(void *data)
{
	(void)data;
	asked++;
	return 1;
}

#endif
