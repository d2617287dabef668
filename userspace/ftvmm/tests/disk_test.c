// SPDX-License-Identifier: GPL-2.0-only
/*
 * Disk requests under way, the end of them, and those that are held.  Needs io_uring.  Built
 * with ASan and UBSan; prints KTAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../disk.h"
#include "../hold.h"
#include "../inputs.h"
#include "message.h"
#include "../../lib/tests/test.h"

#define WRITES	64
#define SIZE	0x40000

static char path[32];
static struct loop loop;
static struct disk disk;
static struct watch ending;
static pthread_t thread;
static int completed;

static void no_kick(void *vcpu)
{
	(void)vcpu;
}

static void count(void *device, const void *data, uint32_t size)
{
	const struct disk_done *done = data;

	(void)device;
	EXPECT(size == sizeof(*done) && !done->error && done->last);
	completed++;
}

static void end(void *owner)
{
	(void)owner;
	loop.done = true;
}

static void *run_loop(void *data)
{
	(void)data;
	EXPECT(!loop_run(&loop));
	return NULL;
}

static void set_up(void)
{
	const struct disk_option option = { .path = path };
	int file;

	snprintf(path, sizeof(path), "/tmp/disk_test.XXXXXX");
	file = mkstemp(path);
	if (file < 0 || ftruncate(file, (off_t)WRITES * SIZE) || loop_open(&loop) ||
	    disk_open(&disk, &option, &loop, INPUT_TAG(INPUT_DISK, 0)))
		exit(1);
	close(file);
	inputs_set_kick(no_kick, NULL);
	inputs_handle(INPUT_TAG(INPUT_DISK, 0), count, NULL);
	ending = (struct watch){ .fd = eventfd(0, 0), .ready = end };
	if (loop_watch(&loop, &ending) || pthread_create(&thread, NULL, run_loop, NULL))
		exit(1);
	completed = 0;
}

static void tear_down(void)
{
	uint64_t one = 1;

	EXPECT(write(ending.fd, &one, sizeof(one)) == sizeof(one));
	pthread_join(thread, NULL);
	close(ending.fd);
	disk_close(&disk);
	loop_close(&loop);
	unlink(path);
}

static void drains(void)
{
	static char byte;
	int i;

	for (i = 0; i < WRITES; i++) {
		char *data = malloc(SIZE);

		memset(data, i + 1, SIZE);
		disk_submit(&disk, i, 0, DISK_WRITE, (uint64_t)i * SIZE, SIZE, data, NULL);
	}
	disk_drain(&disk);
	EXPECT(!disk.under_way);
	inputs_apply();
	EXPECT(completed == WRITES);
	for (i = 0; i < WRITES; i++)
		EXPECT(pread(disk.fd, &byte, 1, (i + 1) * SIZE - 1) == 1 && byte == i + 1);
}

static void drains_nothing(void)
{
	disk_drain(&disk);
	EXPECT(!disk.under_way);
}

static struct disk_done failure;

static void keep(void *device, const void *data, uint32_t size)
{
	(void)device;
	EXPECT(size == sizeof(failure));
	memcpy(&failure, data, sizeof(failure));
	completed++;
}

/* What the host cannot begin, or cannot do, is told in the same way: a replay has it, too. */
static void fails_by_an_event(void)
{
	inputs_handle(INPUT_TAG(INPUT_DISK, 0), keep, NULL);
	disk_fail(&disk, 7, 3, ENOMEM);
	EXPECT(!completed);
	inputs_apply();
	EXPECT(completed == 1 && failure.request == 7 && failure.generation == 3 &&
	       failure.error == ENOMEM && failure.last);
	disk_submit(&disk, 8, 4, DISK_READ, (uint64_t)WRITES * SIZE, SIZE, NULL, NULL);
	disk_drain(&disk);
	inputs_apply();
	EXPECT(completed == 2 && failure.request == 8 && failure.generation == 4 &&
	       failure.error == EIO && failure.last);
}

/*
 * What the ring says the next times: a negative errno, 0 as if it had taken nothing, or
 * TAKES_ALL_BUT_ONE, of which it does the rest.
 */
#define TAKES_ALL_BUT_ONE	1

static int refusals[4];
static int refusal_count;

/* How many of the next requests the kernel gives up. */
static int cancellations;
static int nothing_to_read;

/* The ring's last request becomes one that waits for ever, and is cancelled. */
static void cancel_last(struct io_uring *ring)
{
	struct io_uring_sqe *sqe = &ring->sq.sqes[(ring->sq.sqe_tail - 1) & *ring->sq.kring_mask];
	void *request = (void *)(uintptr_t)sqe->user_data;

	io_uring_prep_poll_add(sqe, nothing_to_read, POLLIN);
	io_uring_sqe_set_data(sqe, request);
	sqe = io_uring_get_sqe(ring);
	io_uring_prep_cancel(sqe, request, 0);
	io_uring_sqe_set_data(sqe, NULL);
	cancellations--;
}

/* As if the last were not there yet. */
static int submit_all_but_one(struct io_uring *ring)
{
	int taken;

	ring->sq.sqe_tail--;
	taken = io_uring_submit_and_wait(ring, 0);
	ring->sq.sqe_tail++;
	return taken;
}

/* In place of liburing's. */
int io_uring_submit(struct io_uring *ring)
{
	int refusal = TAKES_ALL_BUT_ONE + 1;

	if (cancellations)
		cancel_last(ring);
	if (refusal_count)
		refusal = refusals[--refusal_count];
	if (refusal == TAKES_ALL_BUT_ONE)
		return submit_all_but_one(ring);
	return refusal < TAKES_ALL_BUT_ONE ? refusal : io_uring_submit_and_wait(ring, 0);
}

static void submit_write(uint32_t number, char byte, const uint64_t *position)
{
	char *data = malloc(DISK_SECTOR);

	memset(data, byte, DISK_SECTOR);
	disk_submit(&disk, number, 0, DISK_WRITE, 0, DISK_SECTOR, data, position);
}

/* It fails, and is not done with a later one. */
static void expect_refusal(int refusal, int error)
{
	char byte = -1;

	completed = 0;
	refusals[0] = refusal;
	refusal_count = 1;
	submit_write(9, 'x', NULL);
	EXPECT(disk_is_idle(&disk) && !refusal_count);
	inputs_apply();
	EXPECT(completed == 1 && failure.request == 9 && failure.error == (uint32_t)error &&
	       failure.last);
	disk_submit(&disk, 10, 0, DISK_FLUSH, 0, 0, NULL, NULL);
	disk_drain(&disk);
	inputs_apply();
	EXPECT(completed == 2 && failure.request == 10 && !failure.error);
	EXPECT(pread(disk.fd, &byte, 1, 0) == 1 && !byte);
}

static void what_the_ring_refuses_fails(void)
{
	inputs_handle(INPUT_TAG(INPUT_DISK, 0), keep, NULL);
	expect_refusal(-ENOMEM, ENOMEM);
	expect_refusal(-EBUSY, EBUSY);
	expect_refusal(0, EAGAIN);
}

/* A request that was refused is still in the ring, before the one of which that is said. */
static void submit_behind_a_refused_one(uint32_t number, char byte)
{
	refusals[refusal_count++] = TAKES_ALL_BUT_ONE;
	refusals[refusal_count++] = -ENOMEM;
	submit_write(9, 'x', NULL);
	inputs_apply();
	EXPECT(failure.request == 9 && io_uring_sq_ready(&disk.ring) == 1);
	completed = 0;
	submit_write(number, byte, NULL);
	EXPECT(!refusal_count);
}

static void what_is_taken_in_part_is_submitted_again(void)
{
	char byte = -1;

	inputs_handle(INPUT_TAG(INPUT_DISK, 0), keep, NULL);
	submit_behind_a_refused_one(13, 'p');
	EXPECT(!io_uring_sq_ready(&disk.ring));
	disk_drain(&disk);
	inputs_apply();
	EXPECT(completed == 1 && failure.request == 13 && !failure.error);
	EXPECT(pread(disk.fd, &byte, 1, 0) == 1 && byte == 'p');
}

static void the_part_that_is_not_taken_fails(void)
{
	char byte = -1;

	inputs_handle(INPUT_TAG(INPUT_DISK, 0), keep, NULL);
	refusals[refusal_count++] = -ENOMEM;
	submit_behind_a_refused_one(14, 'q');
	EXPECT(disk_is_idle(&disk));
	inputs_apply();
	EXPECT(completed == 1 && failure.request == 14 && failure.error == ENOMEM);
	disk_submit(&disk, 15, 0, DISK_FLUSH, 0, 0, NULL, NULL);
	disk_drain(&disk);
	inputs_apply();
	EXPECT(completed == 2 && failure.request == 15 && !failure.error);
	EXPECT(pread(disk.fd, &byte, 1, 0) == 1 && !byte);
}

/* Each is tried again, but not for ever. */
static void expect_after(int times, uint32_t error)
{
	char byte = -1;

	completed = 0;
	cancellations = times;
	submit_write(12, 'z', NULL);
	disk_drain(&disk);
	inputs_apply();
	EXPECT(completed == 1 && failure.request == 12 && failure.error == error && failure.last);
	EXPECT(pread(disk.fd, &byte, 1, 0) == 1 && byte == (error ? 0 : 'z'));
	cancellations = 0;
}

static void what_the_kernel_gives_up_is_done(void)
{
	nothing_to_read = eventfd(0, EFD_CLOEXEC);
	inputs_handle(INPUT_TAG(INPUT_DISK, 0), keep, NULL);
	expect_after(100, ECANCELED);
	expect_after(3, 0);
	EXPECT(pwrite(disk.fd, "", 1, 0) == 1);
	close(nothing_to_read);
}

/* The second of three blocks; the others stay. */
static void expect_zeros_after(int times, enum disk_operation operation)
{
	int mode = operation == DISK_ZERO ? FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE;
	/* Not every file system can do it: tmpfs cannot write zeros. */
	bool can = !fallocate(disk.fd, mode | FALLOC_FL_KEEP_SIZE, 4096, 4096);
	uint32_t error = can ? 0 : EOPNOTSUPP;
	char bytes[3 * 4096];

	memset(bytes, 'n', sizeof(bytes));
	EXPECT(pwrite(disk.fd, bytes, sizeof(bytes), 0) == sizeof(bytes));
	completed = 0;
	cancellations = times;
	disk_submit(&disk, 16, 0, operation, 4096, 4096, NULL, NULL);
	disk_drain(&disk);
	inputs_apply();
	EXPECT(!cancellations && completed == 1 && failure.request == 16 && failure.error == error);
	EXPECT(pread(disk.fd, bytes, sizeof(bytes), 0) == sizeof(bytes));
	EXPECT(bytes[4095] == 'n' && bytes[4096] == (can ? 0 : 'n') &&
	       bytes[8191] == bytes[4096] && bytes[8192] == 'n');
}

static void discards_given_up_are_done(void)
{
	nothing_to_read = eventfd(0, EFD_CLOEXEC);
	inputs_handle(INPUT_TAG(INPUT_DISK, 0), keep, NULL);
	expect_zeros_after(0, DISK_DISCARD);
	expect_zeros_after(3, DISK_DISCARD);
	expect_zeros_after(0, DISK_ZERO);
	expect_zeros_after(3, DISK_ZERO);
	close(nothing_to_read);
}

static void what_is_interrupted_is_done(void)
{
	char byte = -1;

	inputs_handle(INPUT_TAG(INPUT_DISK, 0), keep, NULL);
	refusals[0] = -EINTR;
	refusals[1] = -EINTR;
	refusal_count = 2;
	submit_write(11, 'y', NULL);
	EXPECT(!refusal_count);
	disk_drain(&disk);
	inputs_apply();
	EXPECT(completed == 1 && failure.request == 11 && !failure.error);
	EXPECT(pread(disk.fd, &byte, 1, 0) == 1 && byte == 'y');
}

static uint64_t position(void *data)
{
	return *(uint64_t *)data;
}

static char read_byte;

static void keep_byte(void *device, const void *data, uint32_t size)
{
	const struct disk_done *done = data;

	count(device, data, sizeof(*done));
	if (size > sizeof(*done))
		read_byte = done->data[0];
}

/*
 * Reads at once, whatever is held.  A request is under way until its event has been posted, so
 * the event may be here before the loop's thread has counted the request as ended.
 */
static char first_byte(void)
{
	unsigned int others = __atomic_load_n(&disk.under_way, __ATOMIC_SEQ_CST);
	int before = completed;

	read_byte = -1;
	disk_submit(&disk, 255, 0, DISK_READ, 0, DISK_SECTOR, NULL, NULL);
	while (completed == before ||
	       __atomic_load_n(&disk.under_way, __ATOMIC_SEQ_CST) != others)
		inputs_apply();
	return read_byte;
}

static void outputs_are_held(void)
{
	static uint64_t here = 3;

	inputs_handle(INPUT_TAG(INPUT_DISK, 0), keep_byte, NULL);
	hold_begin(position, &here);
	submit_write(0, 'a', &here);
	disk_submit(&disk, 1, 0, DISK_FLUSH, 0, 0, NULL, &here);
	EXPECT(first_byte() == 0);
	EXPECT(disk.under_way == 2 && completed == 1);
	hold_release(2);
	EXPECT(first_byte() == 0 && disk.under_way == 2);
	hold_release(3);
	disk_drain(&disk);
	inputs_apply();
	EXPECT(completed == 4);
	EXPECT(first_byte() == 'a');
	hold_release_all();
}

static void others_are_not(void)
{
	static uint64_t here = 3;

	hold_begin(position, &here);
	submit_write(0, 'b', NULL);
	disk_drain(&disk);
	inputs_apply();
	EXPECT(completed == 1);
	hold_release_all();
}

/* Nothing is written, nothing is told, and nobody waits for it. */
static void a_loser_writes_nothing(void)
{
	static uint64_t here = 3;

	inputs_handle(INPUT_TAG(INPUT_DISK, 0), keep_byte, NULL);
	hold_begin(position, &here);
	submit_write(0, 'c', &here);
	hold_drop();
	submit_write(1, 'd', &here);
	disk_drain(&disk);
	inputs_apply();
	EXPECT(!completed);
	EXPECT(first_byte() == 0);
	hold_begin(position, &here);
	hold_release_all();
}

/* However often the guest asks for what the host cannot do. */
static void failures_do_not_fill_a_log(void)
{
	char log[] = "/tmp/disk_test.log.XXXXXX";
	int fd = mkstemp(log), i;
	char text[0x10000];
	ssize_t size;

	if (fd < 0 || message_open("test", log))
		exit(1);
	inputs_handle(INPUT_TAG(INPUT_DISK, 0), keep, NULL);
	for (i = 0; i < 1000; i++)
		disk_fail(&disk, 7, 3, EOPNOTSUPP);
	inputs_apply();
	EXPECT(completed == 1000);
	size = read(fd, text, sizeof(text));
	EXPECT(size > 0 && size < 0x1000);
	close(fd);
	unlink(log);
}

static const struct test tests[] = {
	TEST(fails_by_an_event),
	TEST(what_the_ring_refuses_fails),
	TEST(what_the_kernel_gives_up_is_done),
	TEST(discards_given_up_are_done),
	TEST(what_is_interrupted_is_done),
	TEST(what_is_taken_in_part_is_submitted_again),
	TEST(the_part_that_is_not_taken_fails),
	TEST(drains),
	TEST(drains_nothing),
	TEST(outputs_are_held),
	TEST(others_are_not),
	TEST(a_loser_writes_nothing),
	TEST(failures_do_not_fill_a_log),
};

int main(int argc, char **argv)
{
	return run_tests("disk", tests, ARRAY_SIZE(tests), argc, argv);
}
