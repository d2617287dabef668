// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lines.h"

static int64_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * INT64_C(1000) + time.tv_nsec / 1000000;
}

int64_t deadline_in(unsigned int ms)
{
	return now() + ms;
}

int deadline_left(int64_t deadline)
{
	int64_t left = deadline - now();

	return left <= 0 ? 0 : left > INT_MAX ? INT_MAX : left;
}

static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd socket = { .fd = fd, .events = events };
	int ready = poll(&socket, 1, deadline_left(deadline));

	if (ready > 0 || (ready < 0 && errno == EINTR))
		return 0;
	if (!ready)
		errno = ETIMEDOUT;
	return -1;
}

static int read_more(struct lines *lines, int64_t deadline)
{
	ssize_t got;

	for (;;) {
		got = recv(lines->fd, lines->buffer + lines->used, lines->limit - lines->used,
			   MSG_DONTWAIT);
		if (got > 0)
			break;
		if (!got)
			errno = ENODATA;
		if (!got || (errno != EAGAIN && errno != EINTR) ||
		    wait_for(lines->fd, POLLIN, deadline))
			return -1;
	}
	lines->used += got;
	return 0;
}

char *lines_next(struct lines *lines, int64_t deadline)
{
	char *end;

	lines->used -= lines->taken;
	memmove(lines->buffer, lines->buffer + lines->taken, lines->used);
	lines->taken = 0;
	while (!(end = memchr(lines->buffer, '\n', lines->used))) {
		if (lines->used >= lines->limit) {
			errno = EMSGSIZE;
			return NULL;
		}
		if (read_more(lines, deadline))
			return NULL;
	}
	*end = '\0';
	lines->taken = end + 1 - lines->buffer;
	if (strlen(lines->buffer) + 1 == lines->taken)
		return lines->buffer;
	errno = EBADMSG;
	return NULL;
}

bool lines_rest(const struct lines *lines)
{
	return lines->used > lines->taken;
}

static int send_all(int fd, const char *data, size_t size, int flags, int64_t deadline)
{
	while (size) {
		ssize_t sent = send(fd, data, size, flags | MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent > 0) {
			data += sent;
			size -= sent;
		} else if ((errno != EAGAIN && errno != EINTR) ||
			   wait_for(fd, POLLOUT, deadline)) {
			return -1;
		}
	}
	return 0;
}

int lines_send(int fd, const char *text, int64_t deadline)
{
	if (send_all(fd, text, strlen(text), MSG_MORE, deadline))
		return -1;
	return send_all(fd, "\n", 1, 0, deadline);
}
