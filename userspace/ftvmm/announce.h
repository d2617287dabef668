/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tell a network that a guest's address is behind another port now: switches learn from
 * the sender of a frame.  The frame is a request of RARP (RFC 903), which is broadcast and
 * means nothing to anybody else.  The addresses of IP that belong to it need not be known:
 * it stays the same for them, and so nobody's ARP cache is wrong.
 */
#ifndef FTVMM_ANNOUNCE_H
#define FTVMM_ANNOUNCE_H

#include <stdint.h>

#include "loop.h"
#include "tap.h"

#define ANNOUNCE_SIZE	(TAP_HEADER + 60)	/* the shortest frame of Ethernet */
#define ANNOUNCE_TIMES	5
#define ANNOUNCE_MS	50	/* from the first to the second; 100 more each time */

/**
 * struct announce - an address that is being announced
 * @timer: until the next time; its descriptor is -1 if there is none
 * @fd: the tap device
 * @times: how often it was done
 * @frame: with the tap device's header
 */
struct announce {
	struct watch timer;
	int fd;
	unsigned int times;
	uint8_t frame[ANNOUNCE_SIZE];
};

/**
 * announce_begin() - announce an address at once, and a few times more
 * @announce: must stay until announce_close()
 * @loop: the main loop
 * @fd: the tap device, connected; a frame that it does not take is lost
 * @mac: the address
 *
 * If there are no timers that is told, and it is announced once only.
 */
void announce_begin(struct announce *announce, struct loop *loop, int fd, const uint8_t mac[6]);

void announce_close(struct announce *announce);

#endif
