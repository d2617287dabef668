// SPDX-License-Identifier: GPL-2.0-only
#include <assert.h>
#include <linux/if_tun.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hold.h"
#include "message.h"
#include "snoop.h"
#include "tap.h"
#include "virtio_net.h"

#define CLASS		0x020000
#define STATE_VERSION	2

enum { RECEIVE, TRANSMIT, QUEUES };

/* Longest packet that the guest sends: one that the host cuts into segments. */
#define SEND_MAX	(TAP_HEADER + 65536 + 64)

/* A packet is larger than all buffers that there can be. */
#define NEVER		(VIRTQUEUE_SIZE + 1)

static_assert(sizeof(struct virtio_net_hdr_v1) == TAP_HEADER, "as the tap device has it");
static_assert(sizeof(uint32_t) + TAP_PACKET <= NET_ROOM, "any packet has room");

/**
 * struct packet - one that waits until it may leave
 * @held: the first member
 * @net: the device
 * @data: with its header; @held has the size
 */
struct packet {
	struct held held;
	struct virtio_net *net;
	uint8_t data[];
};

/* The next packet of those that wait; false if they make no sense. */
static bool next_packet(struct virtio_net_state *s, uint8_t **packet, uint32_t *size)
{
	if (s->size - s->done < sizeof(*size))
		return false;
	memcpy(size, s->packets + s->done, sizeof(*size));
	*packet = s->packets + s->done + sizeof(*size);
	return *size > TAP_HEADER && *size <= s->size - s->done - sizeof(*size);
}

/* It may be left to the driver; one that is not was read for the driver before. */
static bool is_acceptable(const struct virtio *v, const struct virtio_net_hdr_v1 *header)
{
	bool partial = virtio_has(v, VIRTIO_NET_F_GUEST_CSUM);

	switch (header->gso_type) {
	case VIRTIO_NET_HDR_GSO_NONE:
		return partial || !(header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
	case VIRTIO_NET_HDR_GSO_TCPV4:
		return partial && virtio_has(v, VIRTIO_NET_F_GUEST_TSO4);
	case VIRTIO_NET_HDR_GSO_TCPV6:
		return partial && virtio_has(v, VIRTIO_NET_F_GUEST_TSO6);
	default:
		return false;
	}
}

/* How many of the next chains a packet takes: 0 if there are not enough yet, or NEVER. */
static unsigned int chains_for(struct virtio_net *net, uint32_t size)
{
	bool is_mergeable = virtio_has(&net->virtio, VIRTIO_NET_F_MRG_RXBUF);
	struct virtqueue *q = &net->virtio.queue[RECEIVE];
	unsigned int count = 0, most = is_mergeable ? q->s.size : 1;
	struct chain chain;
	uint64_t room = 0;

	while (room < size && count < most && virtqueue_pop(q, &chain)) {
		room += chain.write_size;
		count++;
	}
	virtqueue_unpop(q, count);
	if (room >= size)
		return count;
	return count < most ? 0 : NEVER;
}

static void fill(struct virtqueue *q, uint8_t *packet, uint32_t size, uint16_t chains)
{
	struct chain chain;
	size_t part;

	memcpy(packet + offsetof(struct virtio_net_hdr_v1, num_buffers), &chains, sizeof(chains));
	while (size && virtqueue_pop(q, &chain)) {
		part = chain_write(&chain, 0, packet, size);
		virtqueue_push(q, chain.head, part);
		packet += part;
		size -= part;
	}
}

/*
 * False if the driver has to make more buffers available first.  What it cannot have is
 * dropped, as hardware does.
 */
static bool hand_over(struct virtio_net *net, uint8_t *packet, uint32_t size)
{
	struct virtio_net_hdr_v1 header;
	unsigned int chains;

	memcpy(&header, packet, sizeof(header));
	if (!virtio_is_running(&net->virtio) || !is_acceptable(&net->virtio, &header))
		return true;
	chains = chains_for(net, size);
	if (chains && chains != NEVER)
		fill(&net->virtio.queue[RECEIVE], packet, size, chains);
	return chains;
}

static void all_taken(struct virtio_net *net)
{
	net->state.size = 0;
	net->state.done = 0;
	net->state.more = 0;
	source_taken(&net->source);
}

/* Give the driver the packets, as far as it has buffers for them. */
static void deliver(struct virtio_net *net)
{
	struct virtqueue *q = &net->virtio.queue[RECEIVE];
	struct virtio_net_state *s = &net->state;
	uint8_t *packet;
	uint32_t size;

	if (!s->size || s->more)
		return;
	while (next_packet(s, &packet, &size) && hand_over(net, packet, size)) {
		snoop_frame(&s->snooped, net->virtio.config, packet + TAP_HEADER,
			    size - TAP_HEADER, false);
		s->done += sizeof(size) + size;
	}
	if (!next_packet(s, &packet, &size) || q->s.broken)
		all_taken(net);
	virtqueue_want_notification(q, s->size);
	virtio_interrupt(&net->virtio, RECEIVE);
}

/* Another event's data; false if it has no place. */
static bool append(struct virtio_net_state *s, const void *data, uint32_t size)
{
	if ((s->size && !s->more) || size > sizeof(s->packets) - s->size)
		return false;	/* the last were not taken yet: nobody should have sent more */
	memcpy(s->packets + s->size, data, size);
	s->size += size;
	return true;
}

/* INPUT_NET_MORE: an INPUT_NET follows at the same landmark. */
static void receive_more(void *device, const void *data, uint32_t size)
{
	struct virtio_net *net = device;

	if (append(&net->state, data, size))
		net->state.more = 1;
}

/* INPUT_NET: packets, in the form of virtio_net_state.packets. */
static void receive(void *device, const void *data, uint32_t size)
{
	struct virtio_net *net = device;

	if (!append(&net->state, data, size))
		return;
	net->state.more = 0;
	deliver(net);
}

/* It was deleted.  Either thread; the guest is not told, as of a cable that is cut further on. */
static void tap_is_gone(struct virtio_net *net)
{
	if (!__atomic_exchange_n(&net->gone, true, __ATOMIC_SEQ_CST))
		complain("%s: the tap device is gone: the guest has no network here any more",
			 net->label);
}

/* One packet, with its size before it.  How many buffers it takes is not known yet. */
static bool read_packet(struct virtio_net *net, struct event *event)
{
	uint8_t *size_at = event->data + event->size, *to = size_at + sizeof(uint32_t);
	ssize_t got = read(net->tap, to, TAP_PACKET + 1);
	uint32_t size = got;

	if (got < 0 && errno == EBADFD) {
		/* It would be ready to be read for ever. */
		source_end(&net->source);
		tap_is_gone(net);
	}
	if (got <= 0)
		return false;
	if (size > TAP_PACKET) {
		info_limited("%s: a packet of more than %d bytes is lost", net->label, TAP_PACKET);
		return true;
	}
	memcpy(size_at, &size, sizeof(size));
	memset(to + offsetof(struct virtio_net_hdr_v1, num_buffers), 0, sizeof(uint16_t));
	event->size += sizeof(size) + size;
	return true;
}

/* What an event has no room for is left to a second one. */
static bool split(struct virtio_net *net, struct event *event)
{
	uint32_t rest = event->size - INPUT_MAX;

	if (event->size <= INPUT_MAX)
		return true;
	event->next = event_new(net->tag, rest);
	if (!event->next)
		return false;
	memcpy(event->next->data, event->data + INPUT_MAX, rest);
	event->next->size = rest;
	event->size = INPUT_MAX;
	event->tag = INPUT_TAG(INPUT_NET_MORE, net->index);
	return true;
}

/* Packets that have arrived: as many as there are, while there is room for any other. */
static bool post(void *owner)
{
	struct virtio_net *net = owner;
	struct event *event = event_new(net->tag, NET_ROOM + 1);

	if (!event)
		return false;
	while (NET_ROOM - event->size >= sizeof(uint32_t) + TAP_PACKET)
		if (!read_packet(net, event))
			break;
	if (event->size && split(net, event)) {
		inputs_post(event);
		return true;
	}
	if (event->size)
		info_limited("%s: no memory: packets are lost", net->label);
	free(event);
	return false;
}

/* If the host has no room for it, it is lost, as on a wire. */
static void send_bytes(struct virtio_net *net, const uint8_t *packet, size_t size)
{
	if (write(net->tap, packet, size) < 0 && errno == EBADFD)
		tap_is_gone(net);
}

static void let_go(struct held *held, bool send)
{
	struct packet *packet = (struct packet *)held;

	if (send)
		send_bytes(packet->net, packet->data, held->size);
	free(packet);
}

/* If there is no memory it is lost, too. */
static void hold_packet(struct virtio_net *net, const struct chain *chain, uint64_t position)
{
	struct packet *packet = malloc(sizeof(*packet) + chain->read_size);

	if (!packet)
		return;
	packet->net = net;
	packet->held.let_go = let_go;
	packet->held.size = chain_read(chain, 0, packet->data, chain->read_size);
	hold_put(&packet->held, position);
}

static void send_now(struct virtio_net *net, const struct chain *chain)
{
	static uint8_t packet[SEND_MAX];

	send_bytes(net, packet, chain_read(chain, 0, packet, sizeof(packet)));
}

/* What a packet that is sent says of the guest's addresses, whether it leaves here or not. */
static void snoop(struct virtio_net *net, const struct chain *chain)
{
	uint8_t frame[SNOOP_LOOK];
	size_t size = chain_read(chain, TAP_HEADER, frame, sizeof(frame));

	snoop_frame(&net->state.snooped, net->virtio.config, frame, size, true);
}

static void transmit(struct virtio_net *net)
{
	struct virtqueue *q = &net->virtio.queue[TRANSMIT];
	bool held = net->tap >= 0 && hold_is_on();
	uint64_t position = held ? hold_position() : 0;
	struct chain chain;

	while (virtqueue_pop(q, &chain)) {
		bool is_packet = chain.read_size > TAP_HEADER && chain.read_size <= SEND_MAX;

		if (is_packet)
			snoop(net, &chain);
		if (is_packet && held)
			hold_packet(net, &chain, position);
		else if (is_packet && net->live)
			send_now(net, &chain);
		virtqueue_push(q, chain.head, 0);
	}
	virtqueue_want_notification(q, true);
	virtio_interrupt(&net->virtio, TRANSMIT);
}

static void set_offloads(struct virtio_net *net)
{
	unsigned int offloads = 0;

	if (virtio_has(&net->virtio, VIRTIO_NET_F_GUEST_CSUM))
		offloads |= TUN_F_CSUM;
	if (offloads && virtio_has(&net->virtio, VIRTIO_NET_F_GUEST_TSO4))
		offloads |= TUN_F_TSO4;
	if (offloads && virtio_has(&net->virtio, VIRTIO_NET_F_GUEST_TSO6))
		offloads |= TUN_F_TSO6;
	if (net->offloads != offloads && net->tap >= 0 &&
	    !__atomic_load_n(&net->gone, __ATOMIC_SEQ_CST))
		tap_set_offloads(net->tap, offloads);
	net->offloads = offloads;
}

static void notified(void *owner, unsigned int queue)
{
	struct virtio_net *net = owner;

	set_offloads(net);
	if (queue == RECEIVE)
		deliver(net);
	else
		transmit(net);
}

static int restored(void *device)
{
	struct virtio_net *net = device;

	if (!net->state.size)
		source_taken(&net->source);
	return 0;
}

static bool valid(const void *data)
{
	const struct virtio_net_state *s = data;

	return s->size <= sizeof(s->packets) && s->done <= s->size && s->more <= 1 &&
	       snoop_is_valid(&s->snooped);
}

int virtio_net_open(struct virtio_net *net, struct pci *pci, struct loop *loop,
		    unsigned int index, int tap, const uint8_t mac[NET_MAC], bool live)
{
	struct virtio_net_config config = { .status = VIRTIO_NET_S_LINK_UP };

	*net = (struct virtio_net){
		.tap = tap,
		.live = live,
		.loop = loop,
		.announce.timer.fd = -1,
		.index = index,
		.tag = INPUT_TAG(INPUT_NET, index),
		.virtio = {
			.type = VIRTIO_ID_NET,
			.class = CLASS,
			.features = FEATURE(VIRTIO_NET_F_MAC) | FEATURE(VIRTIO_NET_F_STATUS) |
				    FEATURE(VIRTIO_NET_F_CSUM) | FEATURE(VIRTIO_NET_F_GUEST_CSUM) |
				    FEATURE(VIRTIO_NET_F_GUEST_TSO4) |
				    FEATURE(VIRTIO_NET_F_GUEST_TSO6) |
				    FEATURE(VIRTIO_NET_F_HOST_TSO4) |
				    FEATURE(VIRTIO_NET_F_HOST_TSO6) |
				    FEATURE(VIRTIO_NET_F_MRG_RXBUF),
			.queues = QUEUES,
			.config_size = offsetof(struct virtio_net_config, max_virtqueue_pairs),
			.notified = notified,
			.owner = net,
		},
		.saved = {
			.name = net->label,
			.version = STATE_VERSION,
			.data = &net->state,
			.size = sizeof(net->state),
			.restored = restored,
			.valid = valid,
			.device = net,
		},
	};
	snprintf(net->label, sizeof(net->label), "net%u", index);
	memcpy(config.mac, mac, NET_MAC);
	memcpy(net->virtio.config, &config, net->virtio.config_size);
	inputs_handle(net->tag, receive, net);
	inputs_handle(INPUT_TAG(INPUT_NET_MORE, index), receive_more, net);
	state_add(&net->saved);
	if (tap >= 0)
		tap_set_offloads(tap, 0);
	if (live && source_open(&net->source, loop, tap, post, net))
		return -1;
	return virtio_add(&net->virtio, pci, net->label);
}

/*
 * Nothing comes in before the device is connected, nor until what is left was taken.  Packets
 * whose end the primary has not got across are lost with it.
 */
int virtio_net_go_live(struct virtio_net *net)
{
	if (net->state.more)
		all_taken(net);
	if (source_open(&net->source, net->loop, net->tap, post, net))
		return -1;
	if (net->state.size)
		loop_want(net->loop, &net->source.input, false);
	set_offloads(net);
	net->live = true;
	if (tap_connect(net->tap))
		return -1;
	announce_begin(&net->announce, net->loop, net->tap, net->virtio.config,
		       &net->state.snooped);
	return 0;
}

void virtio_net_close(struct virtio_net *net)
{
	announce_close(&net->announce);
	if (net->tap >= 0)
		close(net->tap);
}
