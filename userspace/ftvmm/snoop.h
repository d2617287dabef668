/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which IP addresses are the guest's: those that it has claimed itself, by ARP (RFC 826) or
 * neighbour discovery (RFC 4861), for the MAC address of its device.  The source of any
 * other packet says little: a guest may forward what others have sent.
 *
 * An address is forgotten as soon as anybody claims it for another MAC address, or asks
 * whether it is in use before taking it (RFC 5227, RFC 4862): a guest that still has it
 * objects, which is a claim again.  So an address that has moved to another machine is not
 * announced as the guest's.
 *
 * All of it follows from packets that primary and secondary have alike.  What others send is
 * theirs to forge: they can have an address forgotten, but not have one added.
 */
#ifndef FTVMM_SNOOP_H
#define FTVMM_SNOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SNOOP_ADDRESSES	16	/* that are remembered: the last ones claimed */
#define SNOOP_LOOK	256	/* bytes of a frame that may matter */
#define SNOOP_IPV4	4	/* sizes of an address */
#define SNOOP_IPV6	16

/**
 * struct snooped_address - one of the guest's
 * @size: SNOOP_IPV4 or SNOOP_IPV6; 0 in an entry that is not used
 * @router: IPv6: the guest says that it is a router; 0 or 1
 * @pad: 0
 * @bytes: as on the wire; the first @size of them
 */
struct snooped_address {
	uint8_t size;
	uint8_t router;
	uint8_t pad[2];
	uint8_t bytes[16];
};

/**
 * struct snooped - all of them; part of a device's saved state
 * @address: the last one claimed first, the entries that are not used last
 */
struct snooped {
	struct snooped_address address[SNOOP_ADDRESSES];
};

/**
 * snoop_frame() - learn from a frame of Ethernet
 * @s: what was learnt so far
 * @mac: of the guest's device
 * @frame: the frame; the first SNOOP_LOOK bytes are enough.  One with a VLAN tag says nothing
 * @size: bytes of @frame
 * @sent: the guest has sent it; else it has received it
 */
void snoop_frame(struct snooped *s, const uint8_t mac[6], const uint8_t *frame, size_t size,
		 bool sent);

/* Can this have been learnt? */
bool snoop_is_valid(const struct snooped *s);

#endif
