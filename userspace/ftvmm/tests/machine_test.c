// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a replay or a secondary is told on its command line, against the machine that the
 * snapshot is of.  Built with ASan and UBSan; prints KTAP.
 */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../machine_config.h"
#include "../../lib/message.h"
#include "../../lib/tests/test.h"

static char complaint[256];
static int file;

/* The snapshot of a guest with two disks and a network device. */
static void set_up(void)
{
	const struct options guest = {
		.memory = 64ull << 20,
		.console = CONSOLE_VIRTIO,
		.hash_interval = 200000,
		.tsc_khz = 2000000,
		.secondary = -1,
		.disk = { { .path = "a", .size = 512 },
			  { .path = "b", .size = 1024, .read_only = true } },
		.disks = 2,
		.net = { { .tap = "tap0", .mac = { 2, 4, 6, 8, 10, 12 } } },
		.nets = 1,
	};
	struct snapshot_writer to = { .name = "the snapshot" };

	file = memfd_create("snapshot", 0);
	to.fd = file;
	message_catch(complaint, sizeof(complaint));
	EXPECT(!snapshot_begin(&to) && !machine_config_save(&guest, 7, true, &to));
}

static void tear_down(void)
{
	close(file);
}

static int load(struct options *options)
{
	struct snapshot_reader from = { .name = "the snapshot", .fd = file };

	lseek(file, 0, SEEK_SET);
	return snapshot_open(&from) || machine_config_load(options, &from);
}

static void a_replay_has_the_machine(void)
{
	struct options o = { .replay = "here", .secondary = -1, .disk[0].path = "copy",
			     .disks = 1 };

	EXPECT(!load(&o));
	EXPECT(o.memory == 64ull << 20 && o.console == CONSOLE_VIRTIO && o.tsc_khz == 2000000);
	EXPECT(o.hash_interval == 200000 && o.recorded_checking && o.generation == 7);
	EXPECT(o.disks == 2 && !strcmp(o.disk[0].path, "copy") && !o.disk[1].path);
	EXPECT(o.disk[0].size == 512 && !o.disk[0].read_only && o.disk[1].read_only);
	EXPECT(o.nets == 1 && o.net[0].mac[5] == 12);
}

/* What the user wants to be only read must not be written to. */
static void a_disk_that_is_written_to_is_not_read_only(void)
{
	struct options o = { .replay = "here", .secondary = -1, .disks = 1,
			     .disk[0] = { .path = "copy", .read_only = true } };

	EXPECT(load(&o));
	EXPECT(strstr(complaint, "--disk copy,ro: the guest writes to it"));
}

static void a_replay_has_no_disk_too_many(void)
{
	struct options o = { .replay = "here", .secondary = -1, .disks = 3 };

	EXPECT(load(&o));
	EXPECT(strstr(complaint, "3 disks are given, but the guest of the snapshot has 2"));
}

static void a_secondary_has_all_disks_and_nets(void)
{
	struct options o = { .secondary = 3, .disks = 2,
			     .disk = { { .path = "a", .shared = true },
				       { .path = "b", .read_only = true } } };

	EXPECT(load(&o));
	EXPECT(strstr(complaint, "name them all"));
	o.nets = 1;
	EXPECT(!load(&o));
	EXPECT(o.disk[0].shared && !o.disk[0].read_only && o.disk[1].read_only);
}

static const struct test tests[] = {
	TEST(a_replay_has_the_machine),
	TEST(a_disk_that_is_written_to_is_not_read_only),
	TEST(a_replay_has_no_disk_too_many),
	TEST(a_secondary_has_all_disks_and_nets),
};

int main(int argc, char **argv)
{
	return run_tests("machine", tests, ARRAY_SIZE(tests), argc, argv);
}
