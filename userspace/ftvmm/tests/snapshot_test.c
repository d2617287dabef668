// SPDX-License-Identifier: GPL-2.0-only
/*
 * Snapshots: what is saved comes back, and what is damaged, cut off, forged or of
 * another machine is refused.  Built with ASan and UBSan; prints KTAP.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../memory.h"
#include "../snapshot.h"
#include "../state.h"
#include "../../lib/tests/test.h"

#define MEMORY	(8ull << 20)
#define PAGE	4096u
#define LIMIT	100

/**
 * struct device - a device with one number, which is below LIMIT
 * @number: its state
 * @loaded: times that it was loaded
 */
static struct device {
	uint32_t number;
	int loaded;
} device;

static struct memory memory;
static struct state saved;
static int file = -1;

static int loaded(void *data)
{
	struct device *d = data;

	d->loaded++;
	return 0;
}

static bool valid(const void *data)
{
	uint32_t number;

	memcpy(&number, data, sizeof(number));
	return number < LIMIT;
}

static uint64_t size_of_file(void)
{
	return lseek(file, 0, SEEK_END);
}

/* A machine with a device and some memory, and its snapshot. */
static void set_up(void)
{
	struct snapshot_writer w = { .name = "snapshot" };

	if (!saved.name) {
		saved = (struct state){
			.name = "device", .version = 3, .data = &device.number,
			.size = sizeof(device.number), .loaded = loaded, .valid = valid,
			.device = &device,
		};
		state_add(&saved);
	}
	if (memory_open(&memory, MEMORY))
		exit(1);
	file = memfd_create("snapshot", 0);
	w.fd = file;
	device = (struct device){ .number = 1 };
	EXPECT(!state_keep());
	device.number = 42;
	memory.base[5 * PAGE] = 1;
	memory.base[6 * PAGE + 7] = 2;
	memory.base[MEMORY - 1] = 3;
	EXPECT(!snapshot_begin(&w) && !state_save(&w) && !memory_save(&memory, &w) &&
	       !snapshot_end(&w));
	EXPECT(w.bytes == size_of_file());
}

static void tear_down(void)
{
	memory_close(&memory);
	close(file);
}

/* As a VMM does it.  Returns 0, or -1. */
static int load(void)
{
	struct snapshot_reader r = { .fd = file, .name = "snapshot" };
	int taken;

	memory_close(&memory);
	if (memory_open(&memory, MEMORY))
		exit(1);
	lseek(file, 0, SEEK_SET);
	if (snapshot_open(&r))
		return -1;
	for (;;) {
		if (snapshot_next(&r))
			return -1;
		if (!strcmp(r.section.name, SNAPSHOT_END))
			return snapshot_finish(&r) || state_loaded() ? -1 : 0;
		taken = memory_take(&memory, &r);
		if (!taken)
			taken = state_take(&r);
		if (taken <= 0)
			return -1;
	}
}

/* A program whose load was refused ends; this one goes on. */
static int load_once(void)
{
	int err = load();

	saved.taken = 0;
	return err;
}

static void restores(void)
{
	device.number = 7;
	EXPECT(!load_once());
	EXPECT(device.number == 42 && device.loaded == 1);
	EXPECT(memory.base[5 * PAGE] == 1 && memory.base[6 * PAGE + 7] == 2 &&
	       memory.base[MEMORY - 1] == 3 && !memory.base[0]);
	/* What a reset goes back to came, too. */
	EXPECT(!state_restore() && device.number == 1);
	/* Pages of zeros are not in it. */
	EXPECT(size_of_file() < 5 * PAGE);
}

static void *save_memory(void *data)
{
	return memory_save(&memory, data) ? data : NULL;
}

static void drain(int fd, size_t size)
{
	static char piece[PAGE];
	ssize_t n = 0;

	for (; size && (n = read(fd, piece, size < sizeof(piece) ? size : sizeof(piece))) > 0;)
		size -= n;
	EXPECT(!size);
}

/* Through a pipe that is read from as far as this: no more can have been written. */
static void counts_as_it_goes(void)
{
	const uint64_t room = 1 << 20, first = 4 * room;
	struct snapshot_writer w = { .name = "snapshot" };
	uint64_t bytes, done;
	pthread_t thread;
	void *failure;
	int fds[2];

	memset(memory.base, 1, MEMORY - room);
	memset(memory.base + MEMORY - room, 0, room);
	if (pipe(fds))
		exit(1);
	w.fd = fds[1];
	if (pthread_create(&thread, NULL, save_memory, &w))
		exit(1);
	drain(fds[0], first);
	bytes = snapshot_count(&w.bytes);
	done = snapshot_count(&w.memory);
	EXPECT(bytes >= first - 2 * room && bytes <= first + room);
	EXPECT(done >= first - 2 * room && done <= first + room);
	drain(fds[0], MEMORY - room - first + 7 * sizeof(struct snapshot_section));
	EXPECT(!pthread_join(thread, &failure) && !failure);
	EXPECT(w.memory == MEMORY);
	EXPECT(w.bytes == MEMORY - room + 7 * sizeof(struct snapshot_section));
	close(fds[0]);
	close(fds[1]);
}

static void refuses_what_was_cut_off(void)
{
	uint64_t size;

	for (size = size_of_file(); size; size -= size > 509 ? 509 : size) {
		if (ftruncate(file, size - 1))
			exit(1);
		EXPECT(load_once() == -1);
	}
}

static void refuses_damage(void)
{
	uint64_t at, size;
	uint8_t byte;

	size = size_of_file();
	for (at = 0; at < size; at += at < 600 ? 1 : 97) {
		EXPECT(pread(file, &byte, 1, at) == 1);
		byte ^= 1 << at % 8;
		EXPECT(pwrite(file, &byte, 1, at) == 1);
		EXPECT(load_once() == -1);
		byte ^= 1 << at % 8;
		EXPECT(pwrite(file, &byte, 1, at) == 1);
	}
	EXPECT(!load_once());
}

/* A snapshot of one section, with the right hash. */
static int load_section(const char *name, uint32_t version, uint64_t at, const void *data,
			uint64_t size)
{
	struct snapshot_writer w = { .name = "snapshot", .fd = file };

	if (ftruncate(file, 0))
		exit(1);
	lseek(file, 0, SEEK_SET);
	EXPECT(!snapshot_begin(&w) && !snapshot_write(&w, name, version, at, data, size) &&
	       !snapshot_end(&w));
	return load_once();
}

static void refuses_forgeries(void)
{
	static const uint8_t pages[2 * PAGE];
	const uint32_t good = 5, bad = LIMIT;

	EXPECT(load_section("device", 3, 0, &bad, sizeof(bad)) == -1);
	EXPECT(load_section("device", 3, 1, &bad, sizeof(bad)) == -1);
	EXPECT(load_section("device", 3, 2, &good, sizeof(good)) == -1);
	EXPECT(load_section("device", 2, 0, &good, sizeof(good)) == -1);
	EXPECT(load_section("device", 3, 0, pages, sizeof(pages)) == -1);
	/* Only one of its two sections came. */
	EXPECT(load_section("device", 3, 0, &good, sizeof(good)) == -1);
	EXPECT(load_section("nobody", 1, 0, &good, sizeof(good)) == -1);
	EXPECT(load_section("memory", 1, MEMORY, pages, PAGE) == -1);
	EXPECT(load_section("memory", 1, MEMORY - PAGE, pages, 2 * PAGE) == -1);
	EXPECT(load_section("memory", 1, -(uint64_t)PAGE, pages, 2 * PAGE) == -1);
	EXPECT(load_section("memory", 1, 7, pages, PAGE) == -1);
	EXPECT(load_section("memory", 1, 0, pages, 7) == -1);
	EXPECT(load_section("memory", 2, 0, pages, PAGE) == -1);
}

static const struct test tests[] = {
	TEST(restores), TEST(counts_as_it_goes),
	TEST(refuses_what_was_cut_off),
	TEST(refuses_damage),
	TEST(refuses_forgeries),
};

int main(int argc, char **argv)
{
	return run_tests("snapshot", tests, ARRAY_SIZE(tests), argc, argv);
}
