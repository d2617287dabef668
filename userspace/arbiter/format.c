// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "area.h"
#include "format.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* What users lose most: where it has which bytes. */
static const struct signature {
	uint32_t at;
	const char *bytes, *name;
} signatures[] = {
	{ 0x438, "\x53\xef", "an ext2, ext3 or ext4 file system" },
	{ 0, "XFSB", "an XFS file system" },
	{ 0x10040, "_BHRfS_M", "a Btrfs file system" },
	{ 0x200, "LABELONE", "an LVM physical volume" },
	{ 0, "LUKS\xba\xbe", "a LUKS volume" },
	{ 0xff6, "SWAPSPACE2", "swap space" },
	{ 0x200, "EFI PART", "a GPT partition table" },
	{ 0x1fe, "\x55\xaa", "an MBR partition table or a boot sector" },
};

static bool has(const struct arbiter *a, const struct signature *s)
{
	return !memcmp(a->buffer + s->at, s->bytes, strlen(s->bytes));
}

static int refuse(struct arbiter *a, const char *what, uint32_t at)
{
	return area_fail(a, EEXIST,
			 "%s has something on it: %s (at byte %u); --force overwrites it", a->path,
			 what, at);
}

static int refuse_data(struct arbiter *a)
{
	size_t i;

	if (record_has_magic(area_record(a, 0)))
		return refuse(a, "an area for arbiters, which may protect VMs", 0);
	for (i = 0; i < ARRAY_SIZE(signatures); i++)
		if (has(a, &signatures[i]))
			return refuse(a, signatures[i].name, signatures[i].at);
	for (i = 0; i < ARBITER_BYTES; i++)
		if (a->buffer[i])
			return refuse(a, "data", i);
	return 0;
}

/* A file may be shorter: what it lacks are zeros. */
static int read_what_is_there(struct arbiter *a)
{
	ssize_t done = pread(a->fd, a->buffer, ARBITER_BYTES, 0);

	if (done < 0)
		return area_fail(a, errno, "cannot read %s: %s", a->path, strerror(errno));
	return 0;
}

static int check_size(struct arbiter *a)
{
	struct stat is;
	off_t size = lseek(a->fd, 0, SEEK_END);

	if (fstat(a->fd, &is) || size < 0)
		return area_fail(a, errno, "cannot get the size of %s: %s", a->path,
				 strerror(errno));
	if (S_ISBLK(is.st_mode) && size < ARBITER_BYTES)
		return area_fail(a, ENOSPC, "%s is too small: it needs %u bytes", a->path,
				 ARBITER_BYTES);
	return 0;
}

/* The header comes last: without it, it is no area. */
static int write_empty(struct arbiter *a)
{
	uint8_t id[ARBITER_ID];
	int err;

	if (getrandom(id, sizeof(id), 0) != sizeof(id))
		return area_fail(a, EIO, "the kernel gives no random numbers");
	memset(a->buffer, 0, ARBITER_BYTES);
	err = area_write(a, 0, ARBITER_BLOCKS);
	if (err)
		return err;
	record_encode(area_record(a, 0), 0, id, NULL, NULL);
	return area_write(a, 0, 1);
}

/* O_EXCL means for a block device, and only if it is not to be created: nobody else. */
static int open_to_format(struct arbiter *a, const char *path)
{
	struct stat is;
	bool is_there = !stat(path, &is);
	int flags = is_there && S_ISBLK(is.st_mode) ? O_EXCL : 0;

	if (!is_there && errno == ENOENT && strncmp(path, "/dev/", 5))
		flags = O_CREAT;
	return area_open(a, path, flags);
}

int arbiter_format(struct arbiter *a, const char *path, bool force)
{
	int err = open_to_format(a, path);

	if (!err)
		err = check_size(a);
	if (!err)
		err = read_what_is_there(a);
	if (!err && !force)
		err = refuse_data(a);
	return err ? err : write_empty(a);
}
