/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtio network device, on a tap device of the host. */
#ifndef FTVMM_VIRTIO_NET_H
#define FTVMM_VIRTIO_NET_H

#include "announce.h"
#include "inputs.h"
#include "loop.h"
#include "snoop.h"
#include "virtio.h"

#define NET_MAC		6
#define NET_ROOM	(2 * INPUT_MAX)	/* for packets that have come together */

/**
 * struct virtio_net_state - addresses, and packets that the driver has had no buffers for yet
 * @size: bytes of @packets
 * @done: of them, that the driver has got
 * @more: the last of @packets come with the next event, before which none is handed over
 * @packets: the data of one or two events: for each packet its size in 32 bits,
 *	little-endian, then that many bytes, of which the first are struct virtio_net_hdr_v1
 * @snooped: the guest's addresses, for virtio_net_go_live()
 */
struct virtio_net_state {
	uint32_t size;
	uint32_t done;
	uint32_t more;
	uint8_t packets[NET_ROOM];
	struct snooped snooped;
};

/**
 * struct virtio_net - the network device
 * @tap: descriptor of the tap device; -1 in a replay: there is no network
 * @gone: the tap device was deleted; any thread
 * @live: packets come and go; if not, they come from a log
 * @loop: the main loop
 * @index: which one it is
 * @tag: of its events
 * @offloads: how tap_set_offloads() was called last
 * @source: reads packets
 * @announce: of its addresses, when it has gone live
 * @virtio: what all have
 * @state: saved
 * @saved: its place in the list
 * @label: its name there
 */
struct virtio_net {
	int tap;
	bool gone;
	bool live;
	struct loop *loop;
	unsigned int index;
	uint32_t tag;
	unsigned int offloads;
	struct source source;
	struct announce announce;
	struct virtio virtio;
	struct virtio_net_state state;
	struct state saved;
	char label[16];
};

/**
 * virtio_net_open() - make a network device
 * @net: must stay
 * @pci: the bus
 * @loop: the main loop
 * @index: which one it is
 * @tap: descriptor, which is the device's from now on; -1 for none, in a replay
 * @mac: its address
 * @live: packets come and go; false in a replay, and for a secondary, whose tap device is
 *	open but not connected
 *
 * Return: 0, or -1 with the reason told.
 */
int virtio_net_open(struct virtio_net *net, struct pci *pci, struct loop *loop,
		    unsigned int index, int tap, const uint8_t mac[NET_MAC], bool live);

/**
 * virtio_net_go_live() - from now on packets come and go
 * @net: of a secondary
 *
 * The tap device is connected, and the guest's addresses announced to the network. While
 * the guest stands still; then hold_go_live() follows.
 *
 * Return: 0, or -1 with the reason told.
 */
int virtio_net_go_live(struct virtio_net *net);

void virtio_net_close(struct virtio_net *net);

#endif
