// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control_socket.h"
#include "message.h"

int control_address(struct sockaddr_un *address, const char *path)
{
	*address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!*path || strlen(path) >= sizeof(address->sun_path))
		return complain("control socket %s: a socket's path has 1 to %zu bytes", path,
				sizeof(address->sun_path) - 1);
	memcpy(address->sun_path, path, strlen(path));
	return 0;
}

int control_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* Its owner has died without removing it.  The folder is locked. */
static int remove_stale(const char *path, const struct sockaddr_un *address)
{
	int fd, refused;
	struct stat info;

	if (lstat(path, &info))
		return 0;	/* it was removed just now */
	if (!S_ISSOCK(info.st_mode))
		return complain("control socket %s: there is something else of that name", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	refused = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) &&
		  errno == ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	if (!refused)
		return complain("control socket %s is in use by another program", path);
	if (unlink(path))
		return complain("cannot remove %s, which a program left that has ended: %s", path,
				strerror(errno));
	return 0;
}

static int bind_to(int fd, const char *path, const struct sockaddr_un *address)
{
	const struct sockaddr *to = (const struct sockaddr *)address;

	if (!bind(fd, to, sizeof(*address)))
		return 0;
	if (errno == EADDRINUSE) {
		if (remove_stale(path, address))
			return -1;
		if (!bind(fd, to, sizeof(*address)))
			return 0;
	}
	return complain("cannot make the control socket %s: %s", path, strerror(errno));
}

/* So that of two programs that replace a stale socket one does so after the other. */
static int lock_folder(const char *path)
{
	char *copy = strdup(path);
	int fd;

	if (!copy)
		return complain("no memory");
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (fd >= 0 && !flock(fd, LOCK_EX))
		return fd;
	complain("cannot use the folder of the control socket %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int listen_locked(const char *path, const struct sockaddr_un *address, struct stat *info)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	/* On Linux the file gets the mode that the socket has. */
	if (fd < 0 || fchmod(fd, 0600)) {
		complain("cannot create a socket: %s", strerror(errno));
	} else if (!bind_to(fd, path, address)) {
		if (!lstat(path, info) && !listen(fd, SOMAXCONN))
			return fd;
		complain("control socket %s: %s", path, strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

int control_listen(const char *path, dev_t *device, ino_t *inode)
{
	struct sockaddr_un address;
	struct stat info = { 0 };
	int folder, fd;

	if (control_address(&address, path))
		return -1;
	folder = lock_folder(path);
	if (folder < 0)
		return -1;
	fd = listen_locked(path, &address, &info);
	close(folder);
	*device = info.st_dev;
	*inode = info.st_ino;
	return fd;
}

void control_remove(const char *path, dev_t device, ino_t inode)
{
	struct stat info;

	if (!lstat(path, &info) && info.st_dev == device && info.st_ino == inode)
		unlink(path);
}

static void take_descriptor(struct msghdr *message, int *fd)
{
	struct cmsghdr *part = CMSG_FIRSTHDR(message);

	if (!part || part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS ||
	    part->cmsg_len != CMSG_LEN(sizeof(int)))
		return;
	if (*fd >= 0)
		close(*fd);
	memcpy(fd, CMSG_DATA(part), sizeof(int));
}

ssize_t control_receive(int socket, char *to, size_t room, int *fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} part;
	struct iovec data = { to, room };
	struct msghdr message = {
		.msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = &part,
		/* Not CMSG_SPACE(), where there is room for two; the kernel closes others. */
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got >= 0)
		take_descriptor(&message, fd);
	return got;
}
