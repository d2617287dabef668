// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets of a guest that is protected, and of a secondary that goes live; a socket is the
 * tap device.  Needs /dev/net/tun for one that is gone.  Built with ASan and UBSan; prints KTAP.
 */
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../hold.h"
#include "../inputs.h"
#include "../tap.h"
#include "../virtio_net.h"
#include "message.h"
#include "../../lib/tests/test.h"
#include "serve.h"
#include "virtio_fake.h"

#define RECEIVE		0
#define TRANSMIT	1
#define TAG		INPUT_TAG(INPUT_NET, 0)
#define MORE		INPUT_TAG(INPUT_NET_MORE, 0)
#define PACKET		(TAP_HEADER + 60)
#define BEFORE		sizeof(uint32_t)	/* each packet, in an event */
#define BUFFER		0x1000
#define LARGE		40000

static const uint8_t mac[NET_MAC] = { 0x52, 0x54, 0x00, 0xf7, 0x00, 0x01 };
static struct virtio_net net;
static struct loop loop;
static int wire;		/* the other end of the tap device */
static bool connected;
static uint64_t here;		/* what position() says */
static int asked;
static unsigned int offloads;

void tap_set_offloads(int fd, unsigned int wanted)
{
	(void)fd;
	offloads = wanted;
}

int tap_connect(int fd)
{
	EXPECT(fd == net.tap);
	connected = true;
	return 0;
}

static void no_kick(void *vcpu)
{
	(void)vcpu;
}

static uint64_t position(void *data)
{
	asked++;
	return *(uint64_t *)data;
}

static void open_net(bool live)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends))
		exit(1);
	wire = ends[1];
	if (virtio_net_open(&net, NULL, &loop, 0, ends[0], mac, live))
		exit(1);
}

static void set_up(void)
{
	fake_memory();
	inputs_set_kick(no_kick, NULL);
	connected = false;
	asked = 0;
	here = 1;
	features = 0;
	if (loop_open(&loop))
		exit(1);
}

static void tear_down(void)
{
	hold_drop();
	hold_begin(position, &here);
	hold_release_all();
	virtio_net_close(&net);
	close(wire);
	loop_close(&loop);
	free(memory.base);
}

/* The guest sends packets filled with @first and so on, with one notification. */
static void send_packets(int first, int count)
{
	int i;

	for (i = 0; i < count; i++) {
		memset(memory.base + FAKE_BUFFERS + i * 0x100, first + i, PACKET);
		*desc(TRANSMIT, i) = (struct vring_desc){ FAKE_BUFFERS + i * 0x100, PACKET, 0, 0 };
		offer(TRANSMIT, i);
	}
	net.virtio.notified(&net, TRANSMIT);
}

/* What has come out of the device: the number of its packets, all as filled from @first on. */
static int came_out(int first)
{
	uint8_t packet[2 * PACKET];
	ssize_t size;
	int count = 0;

	while ((size = read(wire, packet, sizeof(packet))) > 0) {
		EXPECT(size == PACKET && packet[0] == first + count);
		EXPECT(packet[PACKET - 1] == first + count);
		count++;
	}
	return count;
}

static void sends_at_once(void)
{
	open_net(true);
	send_packets(1, 3);
	EXPECT(came_out(1) == 3 && used(TRANSMIT)->idx == 3 && !asked);
}

/* The guest gets its buffers back at once, and may use them for something else. */
static void sends_when_acknowledged(void)
{
	open_net(true);
	hold_begin(position, &here);
	send_packets(1, 3);
	EXPECT(asked == 1 && used(TRANSMIT)->idx == 3);
	here = 2;
	send_packets(4, 2);
	EXPECT(asked == 2 && used(TRANSMIT)->idx == 5);
	EXPECT(!came_out(0));
	hold_release(1);
	EXPECT(came_out(1) == 3);
	hold_release_all();
	EXPECT(came_out(4) == 2);
	send_packets(6, 1);
	EXPECT(came_out(6) == 1 && asked == 2);
}

static int complaints;

static void count_complaint(void *data, const char *text, const char *remedy)
{
	(void)data;
	(void)remedy;
	EXPECT(strstr(text, "net0: the tap device is gone"));
	complaints++;
}

/* One that was never made reads, writes and polls as one that was deleted. */
static void open_gone(bool live)
{
	int tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (tap < 0 || virtio_net_open(&net, NULL, &loop, 0, tap, mac, live))
		exit(1);
	wire = open("/dev/null", O_RDONLY);
	complaints = 0;
	message_divert(count_complaint, NULL);
}

static void a_tap_that_is_gone_is_not_read(void)
{
	open_gone(true);
	EXPECT(serve(&loop, 1000) && complaints == 1);
	EXPECT(!serve(&loop, 50));
	/* Nor is it when the guest is reset. */
	EXPECT(!net.saved.restored(&net));
	EXPECT(!serve(&loop, 50));
	send_packets(1, 3);
	EXPECT(complaints == 1 && used(TRANSMIT)->idx == 3);
	message_divert(NULL, NULL);
}

static void a_tap_that_is_gone_takes_packets(void)
{
	open_gone(true);
	features = FEATURE(VIRTIO_NET_F_GUEST_CSUM);
	offloads = 0;
	send_packets(1, 3);
	EXPECT(complaints == 1 && used(TRANSMIT)->idx == 3);
	hold_begin(position, &here);
	send_packets(4, 2);
	hold_release_all();
	EXPECT(complaints == 1 && used(TRANSMIT)->idx == 5);
	/* What cannot be set up any more is not tried. */
	EXPECT(offloads == TUN_F_CSUM);
	features = 0;
	send_packets(6, 1);
	EXPECT(offloads == TUN_F_CSUM);
	EXPECT(serve(&loop, 1000) && !serve(&loop, 50) && complaints == 1);
	message_divert(NULL, NULL);
}

static void a_replay_sends_nothing(void)
{
	open_net(false);
	send_packets(1, 3);
	EXPECT(!came_out(0) && used(TRANSMIT)->idx == 3);
}

/* What came out of it last, of Ethernet's type. */
static int came_of_type(void)
{
	uint8_t frame[100];

	if (read(wire, frame, sizeof(frame)) != TAP_HEADER + 60)
		return -1;
	return frame[TAP_HEADER + 12] << 8 | frame[TAP_HEADER + 13];
}

static void announces_then_sends_again(void)
{
	open_net(false);
	hold_secondary(position, &here);
	send_packets(1, 2);
	EXPECT(!came_out(0));
	EXPECT(!virtio_net_go_live(&net) && connected);
	EXPECT(came_of_type() == ETH_P_RARP);
	EXPECT(hold_go_live() == 2);
	EXPECT(came_out(1) == 2);
	send_packets(3, 1);
	EXPECT(came_out(3) == 1);
}

/* A buffer to receive to; what was received to it before is not lost. */
static void offer_buffer_of(int number, uint32_t size)
{
	*desc(RECEIVE, number) = (struct vring_desc){ FAKE_BUFFERS + BUFFER * (number + 1),
						      size, VRING_DESC_F_WRITE, 0 };
	offer(RECEIVE, number);
	net.virtio.notified(&net, RECEIVE);
}

static void offer_buffer(int number)
{
	offer_buffer_of(number, BUFFER);
}

/* So large that all of them have room for any packet. */
static void offer_buffers(void)
{
	int i;

	for (i = 0; i < FAKE_SIZE; i++) {
		*desc(RECEIVE, i) = (struct vring_desc){ FAKE_BUFFERS + 2 * BUFFER * i, 2 * BUFFER,
							 VRING_DESC_F_WRITE, 0 };
		offer(RECEIVE, i);
	}
	net.virtio.notified(&net, RECEIVE);
}

/* A packet as it is in an event; returns what comes after it. */
static uint8_t *put_packet(uint8_t *at, char fill, uint32_t size)
{
	memcpy(at, &size, BEFORE);
	memset(at + BEFORE, 0, TAP_HEADER);
	memset(at + BEFORE + TAP_HEADER, fill, size - TAP_HEADER);
	return at + BEFORE + size;
}

/* That the guest has an address: an answer of ARP. */
static void fill_claim(uint8_t *packet, const uint8_t *of)
{
	static const uint8_t reply[] = { 0x08, 0x06, 0, 1, 8, 0, ETH_ALEN, 4, 0, 2 };
	static const uint8_t ipv4[] = { 192, 0, 2, 100 };

	memset(packet, 0, PACKET);
	memcpy(packet + TAP_HEADER + 12, reply, sizeof(reply));
	memcpy(packet + TAP_HEADER + 22, of, NET_MAC);
	memcpy(packet + TAP_HEADER + 28, ipv4, sizeof(ipv4));
}

static void claim(void)
{
	fill_claim(memory.base + FAKE_BUFFERS, mac);
	*desc(TRANSMIT, 0) = (struct vring_desc){ FAKE_BUFFERS, PACKET, 0, 0 };
	offer(TRANSMIT, 0);
	net.virtio.notified(&net, TRANSMIT);
}

/* A secondary, which sends nothing yet, and a replay, which never does, learn the same. */
static void announces_what_the_guest_has_claimed(void)
{
	open_net(false);
	claim();
	EXPECT(!virtio_net_go_live(&net));
	EXPECT(came_of_type() == ETH_P_ARP);
	EXPECT(came_of_type() == -1);
}

static void does_not_announce_what_others_claim(void)
{
	static const uint8_t other[NET_MAC] = { 2 };
	uint8_t event[BEFORE + PACKET] = { PACKET };

	open_net(false);
	claim();
	fill_claim(event + BEFORE, other);
	inputs_replay(TAG, event, sizeof(event));
	offer_buffer(0);
	EXPECT(!virtio_net_go_live(&net));
	EXPECT(came_of_type() == ETH_P_RARP);
}

static void arrive_of(char fill, uint32_t size)
{
	static char packet[TAP_PACKET + 1];

	memset(packet, 0, TAP_HEADER);
	memset(packet + TAP_HEADER, fill, size - TAP_HEADER);
	EXPECT(write(wire, packet, size) == size);
}

static void arrive(char fill)
{
	arrive_of(fill, PACKET);
}

static char received(int number)
{
	return memory.base[FAKE_BUFFERS + BUFFER * (number + 1) + PACKET - 1];
}

/* The header's field in a buffer, beginning there. */
static uint16_t num_buffers(const uint8_t *at)
{
	struct virtio_net_hdr_v1 header;

	memcpy(&header, at, sizeof(header));
	return header.num_buffers;
}

/*
 * A packet that begins with the chain at @used_at in the used ring: filled like that, and all
 * of it.  Returns where the next one begins.
 */
static int received_all(int used_at, char fill, uint32_t size)
{
	int left = num_buffers(memory.base + desc(RECEIVE, used(RECEIVE)->ring[used_at].id)->addr);
	uint32_t skip = TAP_HEADER;

	for (; left; left--, used_at++) {
		const struct vring_used_elem *u = &used(RECEIVE)->ring[used_at];
		const uint8_t *at = memory.base + desc(RECEIVE, u->id)->addr;

		EXPECT(u->len > skip && u->len <= desc(RECEIVE, u->id)->len && u->len <= size);
		EXPECT(at[skip] == fill && !memcmp(at + skip, at + skip + 1, u->len - skip - 1));
		size -= u->len;
		skip = 0;
	}
	EXPECT(!size);
	return used_at;
}

static void receives_when_live(void)
{
	open_net(false);
	offer_buffer(0);
	arrive('l');
	EXPECT(!serve(&loop, 0));
	EXPECT(!virtio_net_go_live(&net));
	EXPECT(serve(&loop, 10000));
	inputs_apply();
	EXPECT(used(RECEIVE)->idx == 1 && received(0) == 'l');
}

/* The log had a packet that the driver has no buffer for yet: others come after it. */
static void receives_in_order(void)
{
	uint8_t event[BEFORE + PACKET];

	put_packet(event, 'a', PACKET);
	open_net(false);
	inputs_replay(TAG, event, sizeof(event));
	EXPECT(!virtio_net_go_live(&net));
	close(net.announce.timer.fd);
	net.announce.timer.fd = -1;
	arrive('b');
	EXPECT(!serve(&loop, 100));
	offer_buffer(0);
	EXPECT(used(RECEIVE)->idx == 1 && received(0) == 'a');
	offer_buffer(1);
	while (used(RECEIVE)->idx < 2 && serve(&loop, 10000))
		inputs_apply();
	EXPECT(used(RECEIVE)->idx == 2 && received(1) == 'b');
}

static void mergeable(void)
{
	features = FEATURE(VIRTIO_NET_F_MRG_RXBUF);
}

/* From the tap device to guest memory; an event has no room for them. */
static void receives_large_packets(void)
{
	open_net(true);
	mergeable();
	offer_buffers();
	arrive_of('a', LARGE);
	arrive_of('b', LARGE);
	EXPECT(serve(&loop, 10000));
	inputs_apply();
	EXPECT(received_all(received_all(0, 'a', LARGE), 'b', LARGE) == used(RECEIVE)->idx);
	EXPECT(used(RECEIVE)->idx == 10 && !net.state.size);
}

static void receives_the_largest_packet(void)
{
	open_net(true);
	mergeable();
	offer_buffers();
	arrive_of('m', TAP_PACKET);
	EXPECT(serve(&loop, 10000));
	inputs_apply();
	EXPECT(received_all(0, 'm', TAP_PACKET) == used(RECEIVE)->idx);
}

/* It was cut off by the tap device: nothing of it is handed over, and others are. */
static void a_larger_packet_is_lost(void)
{
	open_net(true);
	mergeable();
	offer_buffers();
	arrive_of('x', TAP_PACKET + 1);
	arrive('y');
	EXPECT(serve(&loop, 10000));
	inputs_apply();
	EXPECT(used(RECEIVE)->idx == 1 && received_all(0, 'y', PACKET) == 1);
}

/* All of a packet or nothing; for each further buffer the driver is asked to notify. */
static void waits_for_enough_buffers(void)
{
	const uint16_t *avail_event = (uint16_t *)&used(RECEIVE)->ring[FAKE_SIZE];
	uint8_t event[2 * BEFORE + 2 * BUFFER + 1 + PACKET];

	open_net(false);
	mergeable();
	net.virtio.queue[RECEIVE].s.event_index = 1;
	put_packet(put_packet(event, 'a', 2 * BUFFER + 1), 'b', PACKET);
	inputs_replay(TAG, event, sizeof(event));
	offer_buffer(0);
	EXPECT(*avail_event == 1);
	offer_buffer(1);
	EXPECT(!used(RECEIVE)->idx && *avail_event == 2);
	offer_buffer(2);
	EXPECT(used(RECEIVE)->idx == 3 && received_all(0, 'a', 2 * BUFFER + 1) == 3);
	EXPECT(*avail_event == 3);
	offer_buffer(3);
	EXPECT(used(RECEIVE)->idx == 4 && received_all(3, 'b', PACKET) == 4);
	EXPECT(!net.state.size && *avail_event == 3);
}

/* All buffers that the driver can have: others would wait for ever. */
static void drops_what_never_fits(void)
{
	uint8_t event[2 * BEFORE + 2 * PACKET];
	int i;

	open_net(false);
	mergeable();
	put_packet(put_packet(event, 'a', PACKET), 'b', FAKE_SIZE * 2 + TAP_HEADER);
	inputs_replay(TAG, event, sizeof(event));
	for (i = 0; i < FAKE_SIZE; i++) {
		EXPECT(!used(RECEIVE)->idx);
		offer_buffer_of(i, 4);
	}
	EXPECT(used(RECEIVE)->idx == 11 && !net.state.size);
	EXPECT(used(RECEIVE)->ring[10].len == 4);
}

/* One buffer for each packet is the rule, unless the driver has accepted another one. */
static void does_not_merge_unasked(void)
{
	uint8_t event[2 * BEFORE + BUFFER + 1 + PACKET];

	open_net(false);
	put_packet(put_packet(event, 'a', BUFFER + 1), 'b', PACKET);
	inputs_replay(TAG, event, sizeof(event));
	offer_buffer(0);
	EXPECT(used(RECEIVE)->idx == 1 && received_all(0, 'b', PACKET) == 1);
	EXPECT(!net.state.size);
}

/* What is left to the driver is what it has accepted, also if the packet was there before. */
static void leaves_to_the_driver_what_it_accepts(void)
{
	static const struct {
		uint8_t type, flags;
		unsigned int offloads;
	} all[] = {
		{ VIRTIO_NET_HDR_GSO_NONE, VIRTIO_NET_HDR_F_NEEDS_CSUM, TUN_F_CSUM },
		{ VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_HDR_F_NEEDS_CSUM, TUN_F_CSUM | TUN_F_TSO4 },
		{ VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_HDR_F_NEEDS_CSUM, TUN_F_CSUM | TUN_F_TSO6 },
		{ VIRTIO_NET_HDR_GSO_UDP, VIRTIO_NET_HDR_F_NEEDS_CSUM, -1u },
	};
	static const uint64_t accepted[] = {
		0,
		FEATURE(VIRTIO_NET_F_GUEST_TSO4) | FEATURE(VIRTIO_NET_F_GUEST_TSO6),
		FEATURE(VIRTIO_NET_F_GUEST_CSUM),
		FEATURE(VIRTIO_NET_F_GUEST_CSUM) | FEATURE(VIRTIO_NET_F_GUEST_TSO4),
		FEATURE(VIRTIO_NET_F_GUEST_CSUM) | FEATURE(VIRTIO_NET_F_GUEST_TSO6),
	};
	static const unsigned int wanted[] = {
		0, 0, TUN_F_CSUM, TUN_F_CSUM | TUN_F_TSO4, TUN_F_CSUM | TUN_F_TSO6
	};
	uint8_t event[BEFORE + PACKET];
	size_t i, k;

	open_net(true);
	put_packet(event, 'a', PACKET);
	for (i = 0; i < ARRAY_SIZE(accepted); i++) {
		features = accepted[i];
		offer_buffer(i);
		EXPECT(offloads == wanted[i]);
		for (k = 0; k < ARRAY_SIZE(all); k++) {
			uint16_t before = used(RECEIVE)->idx;
			bool is_accepted = (all[k].offloads & wanted[i]) == all[k].offloads;

			event[BEFORE] = all[k].flags;
			event[BEFORE + 1] = all[k].type;
			inputs_replay(TAG, event, sizeof(event));
			EXPECT(used(RECEIVE)->idx - before == is_accepted && !net.state.size);
			if (is_accepted)
				offer_buffer(FAKE_SIZE - 1 - k);
		}
	}
}

/* The primary has died between the two events: the network may lose packets. */
static void goes_live_without_half_a_packet(void)
{
	uint8_t event[BEFORE + PACKET];

	put_packet(event, 'a', PACKET);
	open_net(false);
	inputs_replay(MORE, event, sizeof(event) - 1);
	offer_buffer(0);
	EXPECT(!used(RECEIVE)->idx && net.saved.valid(&net.state));
	EXPECT(!virtio_net_go_live(&net) && !net.state.size);
	close(net.announce.timer.fd);
	net.announce.timer.fd = -1;
	arrive('b');
	EXPECT(serve(&loop, 10000));
	inputs_apply();
	EXPECT(used(RECEIVE)->idx == 1 && received(0) == 'b');
}

/* A log may have anything: no more than there is room for, and never out of bounds. */
static void survives_events_that_make_no_sense(void)
{
	static uint8_t event[INPUT_MAX];
	uint32_t size;
	int i;

	open_net(false);
	mergeable();
	offer_buffers();
	for (i = 0; i < 4; i++)
		inputs_replay(MORE, event, sizeof(event));
	EXPECT(net.state.size == NET_ROOM && net.saved.valid(&net.state));
	inputs_replay(TAG, event, 1);
	EXPECT(net.state.size == NET_ROOM);
	inputs_replay(TAG, event, 0);
	EXPECT(!net.state.size && !used(RECEIVE)->idx);
	for (size = 0; size <= BEFORE + PACKET; size++) {
		put_packet(event, 'a', PACKET);
		inputs_replay(TAG, event, size);
		EXPECT(!net.state.size && used(RECEIVE)->idx == (size == BEFORE + PACKET));
	}
	for (size = 0; size <= TAP_HEADER; size++) {
		memcpy(event, &size, BEFORE);
		inputs_replay(TAG, event, sizeof(event));
		EXPECT(!net.state.size && used(RECEIVE)->idx == 1);
	}
	size = UINT32_MAX;
	memcpy(event, &size, BEFORE);
	inputs_replay(TAG, event, sizeof(event));
	EXPECT(!net.state.size && used(RECEIVE)->idx == 1);
}

static void refuses_an_impossible_state(void)
{
	struct virtio_net_state *s = &net.state;

	open_net(false);
	EXPECT(net.saved.valid(s));
	s->size = NET_ROOM + 1;
	EXPECT(!net.saved.valid(s));
	s->size = NET_ROOM;
	s->done = NET_ROOM + 1;
	EXPECT(!net.saved.valid(s));
	s->done = NET_ROOM;
	s->more = 2;
	EXPECT(!net.saved.valid(s));
	s->more = 1;
	EXPECT(net.saved.valid(s));
}

static const struct test tests[] = {
	TEST(sends_at_once),
	TEST(sends_when_acknowledged),
	TEST(a_tap_that_is_gone_is_not_read),
	TEST(a_tap_that_is_gone_takes_packets),
	TEST(a_replay_sends_nothing),
	TEST(announces_then_sends_again),
	TEST(announces_what_the_guest_has_claimed),
	TEST(does_not_announce_what_others_claim),
	TEST(receives_when_live),
	TEST(receives_in_order),
	TEST(receives_large_packets),
	TEST(receives_the_largest_packet),
	TEST(a_larger_packet_is_lost),
	TEST(waits_for_enough_buffers),
	TEST(drops_what_never_fits),
	TEST(does_not_merge_unasked),
	TEST(leaves_to_the_driver_what_it_accepts),
	TEST(goes_live_without_half_a_packet),
	TEST(survives_events_that_make_no_sense),
	TEST(refuses_an_impossible_state),
};

int main(int argc, char **argv)
{
	return run_tests("net", tests, ARRAY_SIZE(tests), argc, argv);
}
