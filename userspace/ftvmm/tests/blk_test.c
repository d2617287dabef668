// SPDX-License-Identifier: GPL-2.0-only
/*
 * The disk of a secondary: nothing is written while it replays, and when it goes live what
 * the guest waits for is done, and told once.  Needs io_uring.  Built with ASan and UBSan;
 * prints KTAP.
 */
#include <linux/virtio_blk.h>

#include "message.h"
#include "blk_fake.h"

/* A request for sector 0, of @bytes of data, as chain 0. */
static void request(struct virtio_blk *blk, uint32_t type, unsigned int bytes)
{
	const struct virtio_blk_outhdr header = { .type = type };
	uint16_t flags = VRING_DESC_F_NEXT | (type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0);

	memcpy(memory.base + FAKE_BUFFERS, &header, sizeof(header));
	memory.base[STATUS] = 0xff;
	*desc(0, 0) = (struct vring_desc){ FAKE_BUFFERS, sizeof(header), VRING_DESC_F_NEXT,
					   bytes ? 1 : 2 };
	*desc(0, 1) = (struct vring_desc){ DATA, bytes, flags, 2 };
	*desc(0, 2) = (struct vring_desc){ STATUS, 1, VRING_DESC_F_WRITE, 0 };
	offer(0, 0);
	blk->virtio.notified(blk, 0);
}

static bool told_once(uint8_t status)
{
	finish_requests(&secondary.disk);
	return used(0)->idx == 1 && memory.base[STATUS] == status;
}

static void writes_again(void)
{
	memset(memory.base + DATA, 'w', DISK_SECTOR);
	request(&secondary, VIRTIO_BLK_T_OUT, DISK_SECTOR);
	finish_requests(&secondary.disk);
	EXPECT(first_byte() == 0 && !used(0)->idx);
	EXPECT(virtio_blk_go_live(&secondary) == 1);
	EXPECT(told_once(VIRTIO_BLK_S_OK) && first_byte() == 'w');
	EXPECT(told_once(VIRTIO_BLK_S_OK));
}

/* Both sides ask for the log's position at the same points: it has an entry for each. */
static void asks_on_both_sides(void)
{
	asked = 0;
	hold_secondary(position, NULL);
	request(&secondary, VIRTIO_BLK_T_IN, DISK_SECTOR);
	EXPECT(!asked);
	request(&secondary, VIRTIO_BLK_T_OUT, DISK_SECTOR);
	EXPECT(asked == 1);
	offer(0, 0);
	request(&secondary, VIRTIO_BLK_T_OUT, DISK_SECTOR);
	EXPECT(asked == 2);
	hold_go_live();
	if (disk_open(&primary.disk, &option, &loop, TAG) || virtio_blk_open(&primary, NULL, 0))
		exit(1);
	asked = 0;
	memset(avail(0), 0, sizeof(*avail(0)));
	hold_begin(position, NULL);
	request(&primary, VIRTIO_BLK_T_IN, DISK_SECTOR);
	EXPECT(!asked);
	request(&primary, VIRTIO_BLK_T_OUT, DISK_SECTOR);
	EXPECT(asked == 1);
	offer(0, 0);
	request(&primary, VIRTIO_BLK_T_OUT, DISK_SECTOR);
	EXPECT(asked == 2);
	hold_release_all();
	finish_requests(&primary.disk);
	EXPECT(used(0)->idx == 4);
	disk_close(&primary.disk);
}

/* Packets are kept until all devices are live, disk requests are not. */
static void writes_before_packets_leave(void)
{
	asked = 0;
	hold_secondary(position, NULL);
	memset(memory.base + DATA, 'k', DISK_SECTOR);
	request(&secondary, VIRTIO_BLK_T_OUT, DISK_SECTOR);
	EXPECT(asked == 1 && virtio_blk_go_live(&secondary) == 1);
	EXPECT(told_once(VIRTIO_BLK_S_OK) && first_byte() == 'k');
	EXPECT(asked == 1 && !hold_go_live());
}

/* The request was made before the secondary was: it knows it by the state alone. */
static void writes_again_what_was_saved(void)
{
	if (disk_open(&primary.disk, &option, &loop, TAG) || virtio_blk_open(&primary, NULL, 0))
		exit(1);
	memset(memory.base + DATA, 's', DISK_SECTOR);
	hold_begin(position, NULL);
	request(&primary, VIRTIO_BLK_T_OUT, DISK_SECTOR);
	/* From here on completions are for the secondary. */
	EXPECT(!virtio_blk_open(&secondary, NULL, 0));
	memcpy(secondary.saved.data, primary.saved.data, secondary.saved.size);
	secondary.virtio.queue[0].s = primary.virtio.queue[0].s;
	EXPECT(!secondary.saved.loaded(&secondary));
	hold_drop();
	finish_requests(&primary.disk);
	EXPECT(first_byte() == 0 && !used(0)->idx);
	hold_begin(position, NULL);
	hold_release_all();
	disk_close(&primary.disk);
	EXPECT(virtio_blk_go_live(&secondary) == 1);
	EXPECT(told_once(VIRTIO_BLK_S_OK) && first_byte() == 's');
}

static void reads_again(void)
{
	int file = open(path, O_WRONLY);

	EXPECT(pwrite(file, "r", 1, DISK_SECTOR - 1) == 1);
	close(file);
	request(&secondary, VIRTIO_BLK_T_IN, DISK_SECTOR);
	EXPECT(virtio_blk_go_live(&secondary) == 1);
	EXPECT(told_once(VIRTIO_BLK_S_OK) && memory.base[DATA + DISK_SECTOR - 1] == 'r');
	EXPECT(used(0)->ring[0].len == DISK_SECTOR + 1);
}

static void flushes_again(void)
{
	request(&secondary, VIRTIO_BLK_T_FLUSH, 0);
	EXPECT(virtio_blk_go_live(&secondary) == 1);
	EXPECT(told_once(VIRTIO_BLK_S_OK));
}

/* The log says that the primary has done it. */
static void does_not_repeat_what_is_complete(void)
{
	const struct disk_done done = { .last = 1 };

	memset(memory.base + DATA, 'x', DISK_SECTOR);
	request(&secondary, VIRTIO_BLK_T_OUT, DISK_SECTOR);
	inputs_replay(TAG, &done, sizeof(done));
	EXPECT(used(0)->idx == 1 && memory.base[STATUS] == VIRTIO_BLK_S_OK);
	EXPECT(!virtio_blk_go_live(&secondary));
	EXPECT(told_once(VIRTIO_BLK_S_OK) && first_byte() == 0);
}

static void is_an_ordinary_disk_then(void)
{
	EXPECT(!virtio_blk_go_live(&secondary));
	memset(memory.base + DATA, 'o', DISK_SECTOR);
	request(&secondary, VIRTIO_BLK_T_OUT, DISK_SECTOR);
	EXPECT(told_once(VIRTIO_BLK_S_OK) && first_byte() == 'o');
}

static void fails_what_was_changed(void)
{
	const struct virtio_blk_outhdr header = {
		.type = VIRTIO_BLK_T_OUT,
		.sector = SECTORS,
	};

	request(&secondary, VIRTIO_BLK_T_OUT, DISK_SECTOR);
	memcpy(memory.base + FAKE_BUFFERS, &header, sizeof(header));
	EXPECT(virtio_blk_go_live(&secondary) == 1);
	EXPECT(told_once(VIRTIO_BLK_S_IOERR) && first_byte() == 0);
}

static void bears_a_forged_state(void)
{
	secondary.state.request[DISK_REQUESTS - 1].busy = BLK_BEGUN;
	secondary.state.request[DISK_REQUESTS - 1].head = 0xffff;
	EXPECT(!virtio_blk_go_live(&secondary));
	EXPECT(secondary.virtio.queue[0].s.broken);
	finish_requests(&secondary.disk);
	EXPECT(!used(0)->idx);
}

static char complaint[256];

static void keep_complaint(void *data, const char *text, const char *remedy)
{
	(void)data;
	(void)remedy;
	snprintf(complaint, sizeof(complaint), "%s", text);
}

/* Completions are for others to rely on, and a copy of the disk is no use. */
static void opens_what_can_go_on(void)
{
	struct disk disk;

	EXPECT(fcntl(secondary.disk.fd, F_GETFL) & O_DSYNC);
	message_divert(keep_complaint, NULL);
	option.size++;
	EXPECT(disk_open_secondary(&disk, &option, &loop, TAG));
	EXPECT(strstr(complaint, "the disk on the primary 32769"));
	disk_close(&disk);
	option.size--;
	option.shared = false;
	unlink(path);
	snprintf(path, sizeof(path), "/tmp/blk_test.XXXXXX");
	EXPECT(!ftruncate(mkstemp(path), SECTORS * DISK_SECTOR));
	EXPECT(disk_open_secondary(&disk, &option, &loop, TAG));
	EXPECT(!strncmp(complaint, "DISK_NOT_SHARED: ", 17));
	disk_close(&disk);
	option.read_only = true;
	EXPECT(!disk_open_secondary(&disk, &option, &loop, TAG));
	EXPECT(!(fcntl(disk.fd, F_GETFL) & O_ACCMODE));
	disk_close(&disk);
	message_divert(NULL, NULL);
}

static const struct test tests[] = {
	TEST(writes_again),
	TEST(writes_again_what_was_saved),
	TEST(asks_on_both_sides),
	TEST(writes_before_packets_leave),
	TEST(reads_again),
	TEST(flushes_again),
	TEST(does_not_repeat_what_is_complete),
	TEST(is_an_ordinary_disk_then),
	TEST(fails_what_was_changed),
	TEST(bears_a_forged_state),
	TEST(opens_what_can_go_on),
};

int main(int argc, char **argv)
{
	return run_tests("blk", tests, ARRAY_SIZE(tests), argc, argv);
}
