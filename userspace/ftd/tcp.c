// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tcp.h"

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* Return: its size, or 0 if the text is no address. */
static socklen_t parse(union address *address, const char *text, const struct config *config)
{
	*address = (union address){ .v6 = { .sin6_family = AF_INET6 } };
	if (inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1) {
		address->v6.sin6_port = htons(config->port);
		address->v6.sin6_scope_id = if_nametoindex(config->interface);
		return sizeof(address->v6);
	}
	*address = (union address){ .v4 = { .sin_family = AF_INET } };
	if (inet_pton(AF_INET, text, &address->v4.sin_addr) != 1)
		return 0;
	address->v4.sin_port = htons(config->port);
	return sizeof(address->v4);
}

/* Return: a socket that is bound to the logging interface; or -1. */
static int open_socket(const struct config *config, int family, int flags,
		       struct findings *findings)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

	if (fd < 0)
		return findings_add(findings, "SOCKET", "", "cannot create a socket: %s",
				    strerror(errno));
	if (!setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, config->interface,
			strlen(config->interface) + 1))
		return fd;
	findings_add(findings, "INTERFACE", "set interface in ftd.conf to one that 'ip link' shows",
		     "cannot use interface %s: %s", config->interface, strerror(errno));
	close(fd);
	return -1;
}

static int set_no_delay(int fd)
{
	int on = 1;

	return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

int tcp_listen(const struct config *config, struct findings *findings)
{
	union address address;
	socklen_t size = parse(&address, config->address, config);
	int fd, on = 1;

	if (!size)
		return findings_add(findings, "ADDRESS", "use a numeric one, such as 0.0.0.0",
				    "'%s' is no address", config->address);
	fd = open_socket(config, address.any.sa_family, SOCK_NONBLOCK, findings);
	if (fd < 0)
		return -1;
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    !bind(fd, &address.any, size) && !listen(fd, SOMAXCONN))
		return fd;
	findings_add(findings, "LISTEN", "see what has the port with: ss -ltnp",
		     "cannot listen at %s port %u: %s", config->address, config->port,
		     strerror(errno));
	close(fd);
	return -1;
}

static int set_timeout(int fd, unsigned int ms)
{
	struct timeval time = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time));
}

int tcp_connect(const struct config *config, const char *address, unsigned int ms,
		struct findings *findings)
{
	union address to;
	socklen_t size = parse(&to, address, config);
	int fd;

	if (!size)
		return findings_add(findings, "NO_HOST",
				    "add it to [hosts] in ftd.conf, or give a numeric address",
				    "there is no host '%s'", address);
	fd = open_socket(config, to.any.sa_family, 0, findings);
	if (fd < 0)
		return -1;
	if (!set_timeout(fd, ms) && !connect(fd, &to.any, size) && !set_timeout(fd, 0) &&
	    !set_no_delay(fd))
		return fd;
	findings_add(findings, "CONNECT", "start ftd there, and look at the logging link",
		     "cannot connect to %s port %u through %s: %s", address, config->port,
		     config->interface, strerror(errno == EINPROGRESS ? ETIMEDOUT : errno));
	close(fd);
	return -1;
}

static void print(const union address *address, char *text, size_t size)
{
	const void *bytes = &address->v4.sin_addr;

	if (address->any.sa_family == AF_INET6)
		bytes = &address->v6.sin6_addr;
	if (!inet_ntop(address->any.sa_family, bytes, text, size))
		snprintf(text, size, "?");
}

int tcp_accept(int listener, char *peer, size_t size)
{
	union address from = { 0 };
	socklen_t length = sizeof(from);
	int fd = accept4(listener, &from.any, &length, SOCK_CLOEXEC);

	if (fd < 0)
		return -1;
	print(&from, peer, size);
	if (!set_no_delay(fd))
		return fd;
	close(fd);
	return -1;
}
