// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "message.h"

static int open_file(const char *folder, const char *name, int flags)
{
	int directory = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

	if (directory < 0)
		return complain("cannot open the recording %s: %s", folder, strerror(errno));
	fd = openat(directory, name, flags | O_CLOEXEC, 0600);
	close(directory);
	if (fd < 0 && errno == EEXIST)
		return complain("%s has a recording already (%s): name another, or remove it",
				folder, name);
	if (fd < 0)
		return complain("cannot open %s/%s: %s", folder, name, strerror(errno));
	return fd;
}

int folder_begin(struct folder *folder, const char *path)
{
	*folder = (struct folder){ .path = path, .made = !mkdir(path, 0700) };
	if (!folder->made && errno != EEXIST)
		return complain("cannot make folder %s: %s", path, strerror(errno));
	return 0;
}

int folder_create(struct folder *folder, const char *name)
{
	int fd = open_file(folder->path, name, O_RDWR | O_CREAT | O_EXCL);

	if (fd >= 0)
		folder->file[folder->files++] = name;
	return fd;
}

static void remove_file(const struct folder *folder, const char *name)
{
	int directory = open(folder->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (directory < 0)
		return;
	unlinkat(directory, name, 0);
	close(directory);
}

void folder_undo(struct folder *folder)
{
	while (folder->files)
		remove_file(folder, folder->file[--folder->files]);
	if (folder->made)
		rmdir(folder->path);
	folder->made = false;
}

int folder_read(const char *path, const char *name)
{
	return open_file(path, name, O_RDONLY);
}
