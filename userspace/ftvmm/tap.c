// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "message.h"
#include "tap.h"

static int attach(int fd, const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int header = TAP_HEADER;

	if (strnlen(name, IFNAMSIZ) == IFNAMSIZ)
		return complain("--net tap=%s: a network device's name has at most %zu characters",
				name, sizeof(request.ifr_name) - 1);
	memcpy(request.ifr_name, name, strlen(name));
	if (!ioctl(fd, TUNSETIFF, &request) && !ioctl(fd, TUNSETVNETHDRSZ, &header))
		return 0;
	if (errno == EBUSY)
		return complain("tap device %s is in use by another program", name);
	if (errno == EPERM)
		return complain("no right to use tap device %s: be root, or its owner", name);
	return complain("cannot use %s as a tap device: %s", name, strerror(errno));
}

int tap_open(const char *name)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return complain("cannot open /dev/net/tun (%s): load the module tun",
				strerror(errno));
	if (attach(fd, name)) {
		close(fd);
		return -1;
	}
	return fd;
}

void tap_set_checksums(int fd, bool partial)
{
	if (ioctl(fd, TUNSETOFFLOAD, partial ? TUN_F_CSUM : 0))
		complain("cannot set up a tap device: %s", strerror(errno));
}
