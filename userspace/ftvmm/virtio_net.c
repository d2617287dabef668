// SPDX-License-Identifier: GPL-2.0-only
#include <assert.h>
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
#define STATE_VERSION	1

enum { RECEIVE, TRANSMIT, QUEUES };

/* Longest packet that the guest sends: one that the host cuts into segments. */
#define SEND_MAX	(TAP_HEADER + 65536 + 64)

static_assert(sizeof(struct virtio_net_hdr_v1) == TAP_HEADER, "as the tap device has it");

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
static bool next_packet(const struct virtio_net_state *s, const uint8_t **packet, uint16_t *size)
{
	if (s->size - s->done < sizeof(*size))
		return false;
	memcpy(size, s->packets + s->done, sizeof(*size));
	*packet = s->packets + s->done + sizeof(*size);
	return *size > TAP_HEADER && *size <= s->size - s->done - sizeof(*size);
}

/* Into one chain; what it has no room for is dropped, as hardware does. */
static void hand_over(struct virtio_net *net, const struct chain *chain, const uint8_t *packet,
		      uint16_t size)
{
	struct virtio_net_hdr_v1 header;

	if (chain->write_size < size) {
		virtqueue_unpop(&net->virtio.queue[RECEIVE]);
		return;
	}
	memcpy(&header, packet, sizeof(header));
	header.num_buffers = 1;
	chain_write(chain, 0, &header, sizeof(header));
	chain_write(chain, sizeof(header), packet + sizeof(header), size - sizeof(header));
	virtqueue_push(&net->virtio.queue[RECEIVE], chain->head, size);
}

static void all_taken(struct virtio_net *net)
{
	net->state.size = 0;
	net->state.done = 0;
	source_taken(&net->source);
}

/* Give the driver the packets, as far as it has buffers for them. */
static void deliver(struct virtio_net *net)
{
	struct virtqueue *q = &net->virtio.queue[RECEIVE];
	struct virtio_net_state *s = &net->state;
	const uint8_t *packet;
	struct chain chain;
	uint16_t size;

	if (!s->size)
		return;
	while (next_packet(s, &packet, &size)) {
		if (virtio_is_running(&net->virtio)) {
			if (!virtqueue_pop(q, &chain))
				break;
			hand_over(net, &chain, packet, size);
		}
		snoop_frame(&s->snooped, net->virtio.config, packet + TAP_HEADER,
			    size - TAP_HEADER, false);
		s->done += sizeof(size) + size;
	}
	if (!next_packet(s, &packet, &size) || q->s.broken)
		all_taken(net);
	virtqueue_want_notification(q, s->size);
	virtio_interrupt(&net->virtio, RECEIVE);
}

/* INPUT_NET: packets, in the form of virtio_net_state.packets. */
static void receive(void *device, const void *data, uint32_t size)
{
	struct virtio_net *net = device;

	if (net->state.size || size > sizeof(net->state.packets))
		return;		/* the last were not taken yet: nobody should have sent more */
	memcpy(net->state.packets, data, size);
	net->state.size = size;
	deliver(net);
}

/* Packets that have arrived: as many as there are, up to an event's size. */
static bool post(void *owner)
{
	struct virtio_net *net = owner;
	struct event *event = event_new(net->tag, INPUT_MAX);
	uint16_t got;
	ssize_t size;

	if (!event)
		return false;
	while (event->size + sizeof(got) + TAP_PACKET <= INPUT_MAX) {
		uint8_t *to = event->data + event->size;

		size = read(net->tap, to + sizeof(got), TAP_PACKET);
		if (size <= 0)
			break;
		got = size;
		memcpy(to, &got, sizeof(got));
		event->size += sizeof(got) + got;
	}
	if (!event->size) {
		free(event);
		return false;
	}
	inputs_post(event);
	return true;
}

/* If the host has no room for it, it is lost, as on a wire. */
static void send_bytes(struct virtio_net *net, const uint8_t *packet, size_t size)
{
	if (write(net->tap, packet, size) < 0 && errno == EBADFD)
		info("%s: the tap device is gone", net->label);
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

static void set_checksums(struct virtio_net *net)
{
	bool partial = virtio_has(&net->virtio, VIRTIO_NET_F_GUEST_CSUM);

	if (net->partial != partial && net->tap >= 0)
		tap_set_checksums(net->tap, partial);
	net->partial = partial;
}

static void notified(void *owner, unsigned int queue)
{
	struct virtio_net *net = owner;

	set_checksums(net);
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

	return s->size <= sizeof(s->packets) && s->done <= s->size && snoop_is_valid(&s->snooped);
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
		.tag = INPUT_TAG(INPUT_NET, index),
		.virtio = {
			.type = VIRTIO_ID_NET,
			.class = CLASS,
			.features = FEATURE(VIRTIO_NET_F_MAC) | FEATURE(VIRTIO_NET_F_STATUS) |
				    FEATURE(VIRTIO_NET_F_CSUM) | FEATURE(VIRTIO_NET_F_GUEST_CSUM) |
				    FEATURE(VIRTIO_NET_F_HOST_TSO4) |
				    FEATURE(VIRTIO_NET_F_HOST_TSO6),
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
	state_add(&net->saved);
	if (tap >= 0)
		tap_set_checksums(tap, false);
	if (live && source_open(&net->source, loop, tap, post, net))
		return -1;
	return virtio_add(&net->virtio, pci, net->label);
}

/* Nothing comes in before the device is connected, nor until what is left was taken. */
int virtio_net_go_live(struct virtio_net *net)
{
	if (source_open(&net->source, net->loop, net->tap, post, net))
		return -1;
	if (net->state.size)
		loop_want(net->loop, &net->source.input, false);
	set_checksums(net);
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
	source_close(&net->source);
	if (net->tap >= 0)
		close(net->tap);
}
