/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tell a network that a guest is behind another port now: switches learn from the sender
 * of a frame, and neighbours from what it says.
 *
 * For each IPv4 address that is known to be the guest's there is an announcement of ARP
 * (RFC 5227); if none is, a request of RARP (RFC 903), which means nothing to anybody but
 * switches.  For each IPv6 address there is an unsolicited advertisement (RFC 4861, 7.2.6).
 * Nobody's cache has to change: the guest's MAC address is the same.
 *
 * The first are sent at once and after 50, 200, 450 and 800 ms, the advertisements at once
 * and after 1 and 2 s: three, a second apart, are as many as the RFC allows.
 */
#ifndef FTVMM_ANNOUNCE_H
#define FTVMM_ANNOUNCE_H

#include <stdint.h>

#include "loop.h"
#include "snoop.h"

/**
 * struct announce - a guest that is being announced
 * @timer: until the next time; its descriptor is -1 if there is none
 * @fd: the tap device
 * @times: how often it was done
 * @mac: the guest's MAC address
 * @known: its addresses
 */
struct announce {
	struct watch timer;
	int fd;
	unsigned int times;
	uint8_t mac[6];
	struct snooped known;
};

/**
 * announce_begin() - announce a guest at once, and a few times more
 * @announce: must stay until announce_close()
 * @loop: the main loop
 * @fd: the tap device, connected; a frame that it does not take is lost
 * @mac: the guest's MAC address
 * @known: its addresses; copied
 *
 * If there are no timers that is told, and it is announced once only.
 */
void announce_begin(struct announce *announce, struct loop *loop, int fd, const uint8_t mac[6],
		    const struct snooped *known);

void announce_close(struct announce *announce);

#endif
