// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "message.h"
#include "tap.h"

static int attach(int fd, const char *name, bool carrier)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int header = TAP_HEADER;

	if (!carrier)
		request.ifr_flags |= IFF_NO_CARRIER;

	if (strnlen(name, IFNAMSIZ) == IFNAMSIZ)
		return complain("--net tap=%s: a network device's name has at most %zu characters",
				name, sizeof(request.ifr_name) - 1);
	memcpy(request.ifr_name, name, strlen(name));
	if (!ioctl(fd, TUNSETIFF, &request) && !ioctl(fd, TUNSETVNETHDRSZ, &header))
		return 0;
	if (errno == EBUSY)
		return complain("tap device %s is in use by another program", name);
	if (errno == EPERM)
		return complain_with_remedy("be root, or its owner",
					    "no right to use tap device %s", name);
	return complain("cannot use %s as a tap device: %s", name, strerror(errno));
}

int tap_open(const char *name, bool carrier)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return complain_with_remedy("load the module tun", "cannot open /dev/net/tun (%s)",
					    strerror(errno));
	if (attach(fd, name, carrier)) {
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * The kernel's notes about links are taken by a work of its own, which a bridge hears of
 * under the lock that TUNGETIFF takes, too: after that it has heard.
 */
static bool is_connected(int fd, int any_socket)
{
	struct ifreq request = { 0 };
	bool is_so;

	if (ioctl(fd, TUNGETIFF, &request))
		return false;
	is_so = !ioctl(any_socket, SIOCGIFFLAGS, &request) && (request.ifr_flags & IFF_RUNNING);
	return is_so && !ioctl(fd, TUNGETIFF, &request);
}

static bool await_connected(int fd, int any_socket)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	int i;

	for (i = 0; i < TAP_CONNECT_MS; i++) {
		if (is_connected(fd, any_socket))
			return true;
		nanosleep(&moment, NULL);
	}
	return false;
}

int tap_connect(int fd)
{
	int any_socket, on = 1;

	if (ioctl(fd, TUNSETCARRIER, &on))
		return complain("cannot connect a tap device: %s", strerror(errno));
	any_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (any_socket < 0)
		return complain("cannot create a socket: %s", strerror(errno));
	if (!await_connected(fd, any_socket))
		info("a tap device is not up: ip link set NAME up");
	close(any_socket);
	return 0;
}

void tap_set_offloads(int fd, unsigned int offloads)
{
	if (ioctl(fd, TUNSETOFFLOAD, offloads))
		complain_limited("cannot set up a tap device: %s", strerror(errno));
}
