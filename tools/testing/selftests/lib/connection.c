// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/kvm_ft.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "pair.h"

#define INTERFACE	"lo"

void connection_parameter(const char *name, const char *value)
{
	pair_set_parameter("kvm_ft_tcp", name, value);
}

void connection_set_up(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { .ifr_name = INTERFACE };

	if (ioctl(fd, SIOCGIFFLAGS, &request))
		err(1, "SIOCGIFFLAGS");
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request))
		err(1, "SIOCSIFFLAGS");
	close(fd);
	connection_parameter("log_interface", INTERFACE);
}

void connection_tear_down(void)
{
	connection_parameter("failure_timeout_ms", "1000");
	connection_parameter("log_interface", "");
}

int connection_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

static void bind_to_interface(int fd)
{
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, INTERFACE, sizeof(INTERFACE)))
		err(1, "SO_BINDTODEVICE");
}

void connection_make(int fds[2], int bound)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	int listener = connection_socket();

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fds[0] = connection_socket();
	if (bound)
		bind_to_interface(fds[0]);
	if (bind(listener, (void *)&address, size) || listen(listener, 1) ||
	    getsockname(listener, (void *)&address, &size) ||
	    connect(fds[0], (void *)&address, size))
		err(1, "connecting to ourselves");
	fds[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (fds[1] < 0)
		err(1, "accept");
	if (bound)
		bind_to_interface(fds[1]);
	close(listener);
}

int connection_try(int session, int fd, uint64_t generation)
{
	struct kvm_ft_log log = { .fd = fd, .type = KVM_FT_LOG_TCP, .generation = generation };

	return ioctl(session, KVM_FT_SET_LOG, &log) ? errno : 0;
}

void connection_give(int session, int fd, uint64_t generation)
{
	errno = connection_try(session, fd, generation);
	if (errno)
		err(1, "KVM_FT_SET_LOG");
	/* It is the kernel's now. */
	close(fd);
}

int connection_read(int fd, uint8_t *buf, size_t size)
{
	return !size || recv(fd, buf, size, MSG_WAITALL) == (ssize_t)size;
}
