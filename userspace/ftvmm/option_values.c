// SPDX-License-Identifier: GPL-2.0-only
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "message.h"
#include "option_values.h"

int option_memory(struct options *options, const char *text)
{
	unsigned int shift = 20;
	char *end;
	unsigned long long size;

	errno = 0;
	size = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)*text))
		shift = 64;
	else if (*end && strchr("kK", *end))
		shift = 10;
	else if (*end && strchr("gG", *end))
		shift = 30;
	else if (*end && !strchr("mM", *end))
		shift = 64;
	if (*end)
		end++;
	if (errno || *end || shift == 64 || size > MEMORY_MAX >> shift)
		return complain("--memory %s: a size such as 512M or 4G, up to %lluG", text,
				MEMORY_MAX >> 30);
	options->memory = (size << shift) / MEMORY_UNIT * MEMORY_UNIT;
	if (options->memory < MEMORY_MIN)
		return complain("--memory %s: at least %lluM are needed", text, MEMORY_MIN >> 20);
	return 0;
}

int option_console(struct options *options, const char *text)
{
	if (!strcmp(text, "serial"))
		options->console = CONSOLE_SERIAL;
	else if (!strcmp(text, "virtio"))
		options->console = CONSOLE_VIRTIO;
	else if (!strcmp(text, "none"))
		options->console = CONSOLE_NONE;
	else
		return complain("--console %s: it is serial, virtio or none", text);
	return 0;
}

int option_disk(struct options *options, char *text)
{
	struct disk_option *disk = &options->disk[options->disks];
	char *comma;

	if (options->disks == DISKS_MAX)
		return complain("--disk %s: there can be %d disks", text, DISKS_MAX);
	disk->path = text;
	while ((comma = strrchr(text, ','))) {
		if (!strcmp(comma, ",ro"))
			disk->read_only = true;
		else if (!strcmp(comma, ",shared"))
			disk->shared = true;
		else
			return complain("--disk %s: after the comma, only ro and shared are known",
					text);
		*comma = '\0';
	}
	if (!*text)
		return complain("--disk: it needs the name of an image, or of a block device");
	options->disks++;
	return 0;
}

/* Six numbers; the address must be one of a single device. */
static int take_mac(uint8_t *mac, const char *text)
{
	static const uint8_t nobody[6];
	int end = 0;

	if (text[strspn(text, "0123456789abcdefABCDEF:")] ||
	    sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &end) != 6 || text[end] || (mac[0] & 1))
		return complain("--net mac=%s: like 52:54:00:12:34:56, the first number even",
				text);
	if (!memcmp(mac, nobody, sizeof(nobody)))
		return complain("--net mac=%s: it is nobody's: name another, or leave it out",
				text);
	return 0;
}

int option_net(struct options *options, char *text)
{
	struct net_option *net = &options->net[options->nets];
	const uint8_t mac[] = { 0x52, 0x54, 0x00, 0xf7, 0x00, options->nets + 1 };
	enum { TAP, MAC };
	static char *const keys[] = { [TAP] = "tap", [MAC] = "mac", NULL };
	char *value;

	if (options->nets == NICS_MAX)
		return complain("--net %s: there can be %d network devices", text, NICS_MAX);
	memcpy(net->mac, mac, sizeof(mac));
	while (*text) {
		switch (getsubopt(&text, keys, &value)) {
		case TAP:
			net->tap = value;
			break;
		case MAC:
			if (take_mac(net->mac, value ?: ""))
				return -1;
			net->chosen = true;
			break;
		default:
			return complain("--net %s: it is tap=NAME and mac=ADDRESS", value);
		}
	}
	if (!net->tap || !*net->tap)
		return complain("--net: it needs tap=NAME, the host's tap device");
	options->nets++;
	return 0;
}

int option_number(const char *option, const char *text, uint64_t min, uint64_t max,
		  uint64_t *number)
{
	char *end;

	errno = 0;
	*number = strtoull(text, &end, 10);
	if (errno || !isdigit((unsigned char)*text) || *end || *number < min || *number > max)
		return complain("%s %s: a number from %llu to %llu", option, text,
				(unsigned long long)min, (unsigned long long)max);
	return 0;
}

/* A switch would not know which is which; a tap device has one queue. */
static int compare_nets(const struct net_option *a, const struct net_option *b)
{
	if (!strcmp(a->tap, b->tap))
		return complain("--net: two network devices are on tap=%s: name another", a->tap);
	if (!memcmp(a->mac, b->mac, sizeof(a->mac)))
		return complain("--net: tap=%s and tap=%s have one address: see mac=", b->tap,
				a->tap);
	return 0;
}

int option_nets_differ(const struct options *options)
{
	const struct net_option *net = options->net, *a, *b;

	for (a = net; a < net + options->nets; a++)
		for (b = net; b < a; b++)
			if (compare_nets(a, b))
				return -1;
	return 0;
}

int option_counter(struct options *options, const char *text)
{
	options->lab_counter = !strcmp(text, "lab");
	if (!options->lab_counter && strcmp(text, "cpu"))
		return complain("--counter %s: it is cpu or lab", text);
	return 0;
}

int option_descriptor(struct options *options, const char *text)
{
	uint64_t fd;

	if (option_number("--secondary", text, 0, INT32_MAX, &fd))
		return -1;
	options->secondary = fd;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC))
		return complain("--secondary %s: no such descriptor: ftd starts secondaries", text);
	return 0;
}
