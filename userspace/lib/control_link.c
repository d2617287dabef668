// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control_link.h"
#include "control_socket.h"
#include "object.h"

#define DEPTH	8	/* of objects and arrays in a reply */

int control_link_open(struct control_link *link, const char *path)
{
	int fd = control_connect(path);

	if (fd < 0)
		return fd;
	link->lines.fd = fd;
	link->lines.limit = LINES_SIZE;
	link->lines.used = 0;
	link->lines.taken = 0;
	return 0;
}

void control_link_close(struct control_link *link)
{
	close(link->lines.fd);
}

/* All at once: the other side's buffer has room for a request. */
static int send_text(int socket, const char *text, int fd)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} part = { .head = { .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET,
			     .cmsg_type = SCM_RIGHTS } };
	struct iovec line[] = { { (void *)text, strlen(text) }, { "\n", 1 } };
	struct msghdr message = { .msg_iov = line, .msg_iovlen = 2 };
	ssize_t sent;

	if (fd >= 0) {
		memcpy(CMSG_DATA(&part.head), &fd, sizeof(fd));
		message.msg_control = &part;
		message.msg_controllen = sizeof(part);
	}
	sent = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (sent < 0)
		return -errno;
	return sent == (ssize_t)strlen(text) + 1 ? 0 : -EAGAIN;
}

int control_link_send(struct control_link *link, struct json_object *request, int fd)
{
	const char *text = request ? object_line(request) : NULL;
	int err = text ? send_text(link->lines.fd, text, fd) : -ENOMEM;

	json_object_put(request);
	return err;
}

struct json_object *control_link_next(struct control_link *link, int64_t deadline)
{
	char *line = lines_next(&link->lines, deadline);
	struct json_object *object;

	if (!line)
		return NULL;
	object = object_parse(line, strlen(line), DEPTH);
	if (json_object_is_type(object, json_type_object))
		return object;
	json_object_put(object);
	errno = EPROTO;
	return NULL;
}

int control_link_process(const struct control_link *link, pid_t *pid)
{
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int fd;

	if (getsockopt(link->lines.fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		return -errno;
	*pid = peer.pid;
	fd = pidfd_open(peer.pid, 0);
	return fd < 0 ? -errno : fd;
}

struct json_object *control_request(const char *command)
{
	struct json_object *request = json_object_new_object();

	if (request)
		object_add_text(request, "command", command);
	return request;
}

struct json_object *control_ask(const char *path, struct json_object *request, unsigned int ms)
{
	static struct control_link link;
	struct json_object *reply = NULL;
	int err = control_link_open(&link, path);

	if (err) {
		json_object_put(request);
		errno = -err;
		return NULL;
	}
	err = control_link_send(&link, request, -1);
	if (!err) {
		reply = control_link_next(&link, deadline_in(ms));
		err = reply ? 0 : -errno;
	}
	control_link_close(&link);
	errno = -err;
	return reply;
}
