// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth.h"

static const char how[] = "make it with: (umask 077; head -c 32 /dev/urandom | base64 >FILE)";

static int check(int fd, const char *path, struct findings *findings)
{
	struct stat info;

	if (fstat(fd, &info) || !S_ISREG(info.st_mode))
		return findings_add(findings, "SECRET_FILE", how, "%s is no file", path);
	if (info.st_mode & 077)
		return findings_add(findings, "SECRET_MODE",
				    "chmod 600 it; if others may have read it, make a new one",
				    "others than its owner have rights to %s", path);
	if (info.st_uid && info.st_uid != geteuid())
		return findings_add(findings, "SECRET_OWNER", "chown it to the user of ftd",
				    "%s belongs to somebody else", path);
	return 0;
}

static int take(struct secret *secret, int fd, const char *path, struct findings *findings)
{
	char end;
	ssize_t got = read(fd, secret->bytes, sizeof(secret->bytes));

	if (got < 0)
		return findings_add(findings, "SECRET_FILE", how, "cannot read %s: %s", path,
				    strerror(errno));
	if (got == sizeof(secret->bytes) && read(fd, &end, 1))
		return findings_add(findings, "SECRET_SIZE", how, "%s has more than %d bytes",
				    path, SECRET_MAX);
	while (got && secret->bytes[got - 1] == '\n')
		got--;
	if (got < SECRET_MIN)
		return findings_add(findings, "SECRET_SIZE", how, "%s has less than %d bytes",
				    path, SECRET_MIN);
	secret->size = got;
	return 0;
}

int secret_read(struct secret *secret, const char *path, struct findings *findings)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;

	if (fd < 0)
		return findings_add(findings, "SECRET_FILE", how, "cannot open %s: %s", path,
				    strerror(errno));
	err = check(fd, path, findings) || take(secret, fd, path, findings) ? -1 : 0;
	close(fd);
	return err;
}
