// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "message.h"
#include "patience.h"

unsigned int patience_primary_ms(const char *parameter)
{
	FILE *file = fopen(parameter, "re");
	unsigned int timeout = 0;

	if (file && fscanf(file, "%u", &timeout) != 1)
		timeout = 0;
	if (file)
		fclose(file);
	if (timeout > UINT32_MAX / PATIENCE_TIMES)
		timeout = UINT32_MAX / PATIENCE_TIMES;
	timeout *= PATIENCE_TIMES;
	return timeout > PATIENCE_MIN_MS ? timeout : PATIENCE_MIN_MS;
}

static int no_tcp(void)
{
	return complain("the connection to the other host is no TCP socket: %s", strerror(errno));
}

int patience_set_primary(int socket, unsigned int ms)
{
	return setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)) ? no_tcp() : 0;
}

int patience_set_secondary(int socket)
{
	const struct timeval time = { .tv_sec = PATIENCE_SECONDARY_S };
	const unsigned int ms = PATIENCE_SECONDARY_S * 1000;
	const int on = 1, idle = PATIENCE_SECONDARY_S / 2, interval = PATIENCE_SECONDARY_S / 6;

	if (setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on)) ||
	    setsockopt(socket, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle)) ||
	    setsockopt(socket, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval)) ||
	    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) ||
	    setsockopt(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms)))
		return no_tcp();
	return 0;
}

/* The rest kvm-ft-tcp sets as it needs it. */
int patience_lift_secondary(int socket)
{
	const int off = 0;

	return setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &off, sizeof(off)) ? no_tcp() : 0;
}

static int64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000ll + time.tv_nsec / 1000000;
}

ssize_t patience_receive(int socket, char *byte, unsigned int ms)
{
	struct pollfd input = { .fd = socket, .events = POLLIN };
	int64_t end = now_ms() + ms, left;
	ssize_t n;

	while ((n = recv(socket, byte, 1, MSG_DONTWAIT)) < 0 &&
	       (errno == EAGAIN || errno == EINTR)) {
		left = end - now_ms();
		if (left <= 0) {
			errno = ETIMEDOUT;
			break;
		}
		poll(&input, 1, left < INT32_MAX ? left : INT32_MAX);
	}
	return n;
}
