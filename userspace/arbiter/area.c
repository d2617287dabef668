// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "area.h"

int area_fail(struct arbiter *a, int error, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(a->problem, sizeof(a->problem), format, args);
	va_end(args);
	return -error;
}

static int fail_errno(struct arbiter *a, const char *what)
{
	int error = errno;

	return area_fail(a, error, "cannot %s %s: %s", what, a->path, strerror(error));
}

/* Some file systems refuse O_DIRECT; a disk never does, and must not be cached. */
static int open_file(struct arbiter *a, int flags)
{
	struct stat is;

	flags |= O_RDWR | O_CLOEXEC | O_DSYNC;
	a->direct = true;
	a->fd = open(a->path, flags | O_DIRECT, 0600);
	if (a->fd < 0 && errno == EINVAL) {
		a->direct = false;
		a->fd = open(a->path, flags, 0600);
	}
	if (a->fd < 0 || fstat(a->fd, &is))
		return fail_errno(a, "open");
	if (!S_ISBLK(is.st_mode) && !S_ISREG(is.st_mode))
		return area_fail(a, EINVAL, "%s is neither a block device nor a regular file",
				 a->path);
	if (S_ISBLK(is.st_mode) && !a->direct)
		return area_fail(a, EINVAL, "%s does not allow I/O that bypasses the cache",
				 a->path);
	return 0;
}

int area_open(struct arbiter *a, const char *path, int flags)
{
	memset(a, 0, sizeof(*a));
	a->fd = -1;
	a->slot = ARBITER_SLOTS;
	a->path = strdup(path);
	a->buffer = aligned_alloc(ARBITER_BLOCK, ARBITER_BYTES);
	if (!a->path || !a->buffer)
		return area_fail(a, ENOMEM, "no memory for an area of %u bytes", ARBITER_BYTES);
	memset(a->buffer, 0, ARBITER_BYTES);
	return open_file(a, flags);
}

void area_close(struct arbiter *a)
{
	if (a->fd >= 0)
		close(a->fd);
	free(a->path);
	free(a->buffer);
	a->fd = -1;
	a->path = NULL;
	a->buffer = NULL;
}

int area_read_header(struct arbiter *a)
{
	const struct record *header = area_record(a, 0);
	const char *problem;
	int err = area_read(a, 0, 1);

	if (err && err != -ENODATA)
		return err;
	if (err || !record_has_magic(header))
		return area_fail(a, ENODATA,
				 "%s is no area for an arbiter: make it one with 'ft-arbiter format %s'",
				 a->path, a->path);
	if (header->version != ARBITER_VERSION)
		return area_fail(a, EPROTO,
				 "%s was formatted by version %u, this program needs version %u: use the same on all hosts",
				 a->path, header->version, ARBITER_VERSION);
	problem = record_problem(header, 0, NULL);
	if (problem)
		return area_fail(a, EBADMSG,
				 "the header of %s is damaged: %s; when no VM is protected, format it again",
				 a->path, problem);
	memcpy(a->id, header->area, sizeof(a->id));
	return 0;
}

static bool is_cancelled(const struct arbiter *a)
{
	return a->cancel && atomic_load(a->cancel);
}

int area_read(struct arbiter *a, uint32_t block, uint32_t count)
{
	size_t size = count * ARBITER_BLOCK;
	ssize_t done;

	if (is_cancelled(a))
		return area_fail(a, ECANCELED, "cancelled");
	do {
		done = pread(a->fd, area_record(a, block), size, (off_t)block * ARBITER_BLOCK);
	} while (done < 0 && errno == EINTR && !is_cancelled(a));
	if (done < 0)
		return fail_errno(a, "read");
	if ((size_t)done != size)
		return area_fail(a, ENODATA, "%s is cut off: it should have %u bytes", a->path,
				 ARBITER_BYTES);
	return 0;
}

int area_write(struct arbiter *a, uint32_t block, uint32_t count)
{
	size_t size = count * ARBITER_BLOCK;
	ssize_t done;

	if (is_cancelled(a))
		return area_fail(a, ECANCELED, "cancelled");
	do {
		done = pwrite(a->fd, area_record(a, block), size, (off_t)block * ARBITER_BLOCK);
	} while (done < 0 && errno == EINTR && !is_cancelled(a));
	if (done < 0)
		return fail_errno(a, "write");
	if ((size_t)done != size)
		return area_fail(a, EIO, "%s took only a part of a write", a->path);
	return 0;
}

static int set_lock(struct arbiter *a, int type, uint32_t block, uint32_t count)
{
	struct flock lock = {
		.l_type = type,
		.l_whence = SEEK_SET,
		.l_start = (off_t)block * ARBITER_BLOCK,
		.l_len = (off_t)count * ARBITER_BLOCK,
	};

	return fcntl(a->fd, F_OFD_SETLK, &lock);
}

int area_lock(struct arbiter *a, uint32_t block, uint32_t count)
{
	if (!set_lock(a, F_WRLCK, block, count))
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return area_fail(a, EBUSY,
				 "another process of this host is writing the same part of %s: wait for it, or end it",
				 a->path);
	return fail_errno(a, "lock a part of");
}

void area_unlock(struct arbiter *a, uint32_t block, uint32_t count)
{
	/* The descriptor is good and nothing waits: this cannot fail. */
	set_lock(a, F_UNLCK, block, count);
}
