// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "hold.h"
#include "message.h"
#include "wait.h"

#define DISK_TRIES	8	/* of a request that the kernel gives up */

/**
 * struct request - one that the host works on
 * @held: it is held back: the first member
 * @disk: the image
 * @number: of disk_submit()
 * @generation: likewise
 * @operation: likewise
 * @offset: likewise
 * @tries: how often the kernel has given it up
 * @size: likewise
 * @written: what is written
 * @events: what is read, ready to be posted
 * @buffers: how many of @iov there are
 * @iov: the data in @events
 */
struct request {
	struct held held;
	struct disk *disk;
	uint32_t number;
	uint32_t generation;
	enum disk_operation operation;
	uint64_t offset;
	unsigned int tries;
	uint64_t size;
	void *written;
	struct event *events;
	int buffers;
	struct iovec iov[];
};

static struct disk_done *done_of(struct event *event)
{
	return (struct disk_done *)event->data;
}

static void free_request(struct request *r)
{
	struct event *next;

	for (; r->events; r->events = next) {
		next = r->events->next;
		free(r->events);
	}
	free(r);
}

static struct event *new_event(struct disk *disk, const struct request *r, uint32_t room)
{
	struct event *event = event_new(disk->tag, sizeof(struct disk_done) + room);

	if (!event)
		return NULL;
	event->size = sizeof(struct disk_done) + room;
	*done_of(event) = (struct disk_done){
		.request = r->number,
		.generation = r->generation,
	};
	return event;
}

/* As many events as it takes for what is read; at least one.  False: no memory. */
static bool add_events(struct request *r)
{
	uint64_t size = r->operation == DISK_READ ? r->size : 0;
	struct event **at = &r->events;
	uint64_t offset = 0;
	int n = 0;

	do {
		uint32_t room = size - offset < DISK_CHUNK ? size - offset : DISK_CHUNK;
		struct event *event = new_event(r->disk, r, room);

		if (!event)
			return false;
		done_of(event)->offset = offset;
		offset += room;
		done_of(event)->last = offset == size;
		r->iov[n++] = (struct iovec){ done_of(event)->data, room };
		*at = event;
		at = &event->next;
	} while (offset < size);
	r->buffers = n;
	return true;
}

static void prepare(struct io_uring_sqe *sqe, struct request *r)
{
	int fd = r->disk->fd;

	switch (r->operation) {
	case DISK_READ:
		io_uring_prep_readv(sqe, fd, r->iov, r->buffers, r->offset);
		break;
	case DISK_WRITE:
		io_uring_prep_write(sqe, fd, r->written, r->size, r->offset);
		break;
	case DISK_FLUSH:
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
		break;
	case DISK_DISCARD:
		io_uring_prep_fallocate(sqe, fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					r->offset, r->size);
		break;
	case DISK_ZERO:
		io_uring_prep_fallocate(sqe, fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
					r->offset, r->size);
		break;
	}
	io_uring_sqe_set_data(sqe, r);
}

/* What the kernel returns if all was done: only reading and writing say how much that was. */
static uint64_t full_result(const struct request *r)
{
	return r->operation == DISK_READ || r->operation == DISK_WRITE ? r->size : 0;
}

/*
 * A replay.  At once: the guest's next write may be one that waited for this one, and
 * the log says that it was complete.
 */
static int write_now(struct disk *disk, enum disk_operation operation, uint64_t offset,
		     uint64_t size, const void *data)
{
	const char *from = data;

	if (operation == DISK_DISCARD || operation == DISK_ZERO)
		return fallocate(disk->fd, FALLOC_FL_KEEP_SIZE | (operation == DISK_ZERO ?
				 FALLOC_FL_ZERO_RANGE : FALLOC_FL_PUNCH_HOLE), offset, size);
	while (operation == DISK_WRITE && size) {
		ssize_t done = pwrite(disk->fd, from, size, offset);

		if (done <= 0)
			return -1;
		from += done;
		offset += done;
		size -= done;
	}
	return 0;
}

static void replay(struct disk *disk, enum disk_operation operation, uint64_t offset,
		   uint64_t size, void *data)
{
	if (disk->fd >= 0 && !disk->shared && write_now(disk, operation, offset, size, data))
		complain_limited("disk %u: cannot write to the image: %s", disk->tag & 0xff,
				 strerror(errno));
	free(data);
}

void disk_fail(struct disk *disk, uint32_t request, uint32_t generation, int error)
{
	const struct request r = { .number = request, .generation = generation };
	struct event *event;

	if (disk->replayed) {
		/* For another reason it has failed when it was recorded, too. */
		if (disk->fd >= 0 && error == ENOMEM)
			complain_limited("disk %u: not written to the image: %s",
					 disk->tag & 0xff, strerror(error));
		return;
	}
	event = new_event(disk, &r, 0);
	if (!event) {
		complain_limited("no memory: a request of disk %u never ends", disk->tag & 0xff);
		return;
	}
	done_of(event)->error = error;
	done_of(event)->last = 1;
	info_limited("disk %u: request failed: %s", disk->tag & 0xff, strerror(error));
	inputs_post(event);
}

/* NULL: no memory. */
static struct request *new_request(const struct request *what)
{
	uint64_t to_read = what->operation == DISK_READ ? what->size : 0;
	struct request *r = malloc(sizeof(*r) + (to_read / DISK_CHUNK + 1) * sizeof(r->iov[0]));

	if (!r)
		return NULL;
	*r = *what;
	if (add_events(r))
		return r;
	free_request(r);
	return NULL;
}

static void end_request(struct request *r)
{
	struct disk *disk = r->disk;

	free(r->written);
	free_request(r);
	__atomic_sub_fetch(&disk->under_way, 1, __ATOMIC_SEQ_CST);
	wait_wake();
}

/* An error is told in one event, without data. */
static void complete(struct request *r, int result)
{
	unsigned int number = r->disk->tag & 0xff;
	struct event *events = r->events;

	if (result >= 0 && (uint64_t)result != full_result(r))
		result = -EIO;
	if (result < 0) {
		struct event *rest = events->next;

		events->next = NULL;
		events->size = sizeof(struct disk_done);
		done_of(events)->error = -result;
		done_of(events)->last = 1;
		r->events = rest;
		info_limited("disk %u: request failed: %s", number, strerror(-result));
	} else {
		r->events = NULL;
	}
	inputs_post(events);
	end_request(r);
}

/* Gives the kernel all that is in the ring.  Returns 0, or a negative errno. */
static int submit_all(struct io_uring *ring)
{
	while (io_uring_sq_ready(ring)) {
		int taken = io_uring_submit(ring);

		if (!taken)
			return -EAGAIN;
		if (taken < 0 && taken != -EINTR)
			return taken;
	}
	return 0;
}

/*
 * The kernel takes requests in order, so one that it did not take is the ring's last.  It stays
 * there until the next is submitted, but does nothing then.
 */
static int submit(struct disk *disk, struct request *r)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&disk->ring);
	int err;

	if (!sqe)
		return -EAGAIN;
	prepare(sqe, r);
	err = submit_all(&disk->ring);
	if (err) {
		io_uring_prep_nop(sqe);
		io_uring_sqe_set_data(sqe, NULL);
	}
	return err;
}

/* Either thread. */
static void begin(struct request *r)
{
	struct disk *disk = r->disk;
	int err;

	pthread_mutex_lock(&disk->lock);
	err = submit(disk, r);
	pthread_mutex_unlock(&disk->lock);
	if (err)
		complete(r, err);
}

static void let_go(struct held *held, bool send)
{
	struct request *r = (struct request *)held;

	if (send)
		begin(r);
	else
		end_request(r);
}

void disk_submit(struct disk *disk, uint32_t request, uint32_t generation,
		 enum disk_operation operation, uint64_t offset, uint64_t size, void *data,
		 const uint64_t *position)
{
	const struct request what = {
		.held = { .size = data ? size : 0, .let_go = let_go },
		.disk = disk,
		.number = request,
		.generation = generation,
		.operation = operation,
		.offset = offset,
		.size = size,
		.written = data,
	};
	struct request *r;

	if (disk->replayed) {
		replay(disk, operation, offset, size, data);
		return;
	}
	r = new_request(&what);
	if (!r) {
		free(data);
		disk_fail(disk, request, generation, ENOMEM);
		return;
	}
	__atomic_add_fetch(&disk->under_way, 1, __ATOMIC_SEQ_CST);
	if (position)
		hold_put(&r->held, *position);
	else
		begin(r);
}

bool disk_is_idle(const struct disk *disk)
{
	return !__atomic_load_n(&disk->under_way, __ATOMIC_SEQ_CST);
}

static bool is_idle(void *data)
{
	return disk_is_idle(data);
}

void disk_drain(struct disk *disk)
{
	wait_until(is_idle, disk, 0);
}

/*
 * Nobody cancels requests, but the kernel gives up those that wait for a worker thread if
 * signals keep it from making one, such as the vCPU's kicks (io-wq.c, WORKER_INIT_LIMIT).
 * This thread has its signals blocked.
 */
static void ended(struct request *r, int result)
{
	if (result == -ECANCELED && r->tries++ < DISK_TRIES)
		begin(r);
	else
		complete(r, result);
}

static void on_completed(void *owner)
{
	struct disk *disk = owner;
	struct io_uring_cqe *cqe;
	uint64_t count;

	if (read(disk->completed.fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		complain("cannot read an eventfd: %s", strerror(errno));
	while (!io_uring_peek_cqe(&disk->ring, &cqe)) {
		struct request *r = io_uring_cqe_get_data(cqe);
		int result = cqe->res;

		io_uring_cqe_seen(&disk->ring, cqe);
		if (r)
			ended(r, result);
	}
}

static int find_size(struct disk *disk, const char *path)
{
	struct stat info;

	if (fstat(disk->fd, &info))
		return complain("cannot look at %s: %s", path, strerror(errno));
	if (S_ISREG(info.st_mode))
		disk->size = info.st_size;
	else if (!S_ISBLK(info.st_mode) || ioctl(disk->fd, BLKGETSIZE64, &disk->size))
		return complain("%s is neither a file nor a block device", path);
	disk->size -= disk->size % DISK_SECTOR;
	if (!disk->size)
		return complain_with_remedy("make one with truncate -s SIZE",
					    "disk image %s is empty", path);
	return 0;
}

/*
 * What the guest has written to a shared image must not be in this host's cache alone when
 * that is told: after a takeover the guest reads it through another host's.
 */
static int open_image(struct disk *disk, const char *path)
{
	bool reads = disk->read_only || (disk->replayed && disk->shared);
	bool exclusive = !disk->read_only && !disk->shared;
	int flags = O_CLOEXEC | (reads ? O_RDONLY : O_RDWR) | (disk->shared ? O_DSYNC : 0);

	disk->fd = open(path, flags);
	if (disk->fd < 0)
		return complain("cannot open disk image %s: %s%s", path, strerror(errno),
				errno == EACCES || errno == EROFS ? " (or say ,ro)" : "");
	if (flock(disk->fd, (exclusive ? LOCK_EX : LOCK_SH) | LOCK_NB))
		return complain("disk image %s is in use by another guest", path);
	return find_size(disk, path);
}

int disk_open(struct disk *disk, const struct disk_option *option, struct loop *loop,
	      uint32_t tag)
{
	int err;

	*disk = (struct disk){
		.fd = -1,
		.read_only = option->read_only,
		.shared = option->shared,
		.tag = tag,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.ring.ring_fd = -1,
		.completed = {
			.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
			.ready = on_completed,
			.owner = disk,
		},
	};
	if (open_image(disk, option->path))
		return -1;
	err = io_uring_queue_init(DISK_REQUESTS, &disk->ring, 0);
	if (!err)
		err = io_uring_register_eventfd(&disk->ring, disk->completed.fd);
	if (err)
		return complain_with_remedy("kernel.io_uring_disabled must be 0",
					    "cannot use io_uring (%s)", strerror(-err));
	return loop_watch(loop, &disk->completed);
}

static int compare_size(const struct disk *disk, const struct disk_option *option,
			const char *other)
{
	if (disk->size == option->size)
		return 0;
	return complain("disk image %s has %llu bytes, the disk %s %llu", option->path,
			(unsigned long long)disk->size, other,
			(unsigned long long)option->size);
}

int disk_open_secondary(struct disk *disk, const struct disk_option *option, struct loop *loop,
			uint32_t tag)
{
	int err = disk_open(disk, option, loop, tag);

	disk->replayed = true;
	if (err)
		return -1;
	if (!option->shared && !option->read_only)
		return complain("DISK_NOT_SHARED: disk image %s is this host's alone; "
				"put it where both hosts reach it, and say ,shared", option->path);
	return compare_size(disk, option, "on the primary");
}

/* This host's cache may have what was there long ago, if anything has read it. */
void disk_go_live(struct disk *disk)
{
	int err = posix_fadvise(disk->fd, 0, 0, POSIX_FADV_DONTNEED);

	if (err)
		complain("disk %u: cannot drop the cache of the image: %s", disk->tag & 0xff,
			 strerror(err));
	disk->replayed = false;
}

int disk_open_replay(struct disk *disk, const struct disk_option *option, uint32_t tag)
{
	*disk = (struct disk){
		.fd = -1,
		.replayed = true,
		.size = option->size,
		.read_only = option->read_only,
		.shared = option->shared,
		.tag = tag,
		.ring.ring_fd = -1,
		.completed.fd = -1,
	};
	if (!option->path)
		return 0;
	if (option->read_only && !option->shared)
		return complain("disk image %s: the disk was read-only, nothing is written to it",
				option->path);
	if (open_image(disk, option->path))
		return -1;
	return compare_size(disk, option, "that was recorded");
}

void disk_close(struct disk *disk)
{
	if (disk->ring.ring_fd >= 0)
		io_uring_queue_exit(&disk->ring);
	if (disk->fd >= 0)
		close(disk->fd);
	if (disk->completed.fd >= 0)
		close(disk->completed.fd);
}
