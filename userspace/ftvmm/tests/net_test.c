// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets of a guest that is protected, and of a secondary that goes live; a socket is the
 * tap device.  Built with ASan and UBSan; prints KTAP.
 */
#include <linux/if_ether.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../hold.h"
#include "../inputs.h"
#include "../tap.h"
#include "../virtio_net.h"
#include "../../lib/tests/test.h"
#include "serve.h"
#include "virtio_fake.h"

#define RECEIVE		0
#define TRANSMIT	1
#define TAG		INPUT_TAG(INPUT_NET, 0)
#define PACKET		(TAP_HEADER + 60)

static const uint8_t mac[NET_MAC] = { 0x52, 0x54, 0x00, 0xf7, 0x00, 0x01 };
static struct virtio_net net;
static struct loop loop;
static int wire;		/* the other end of the tap device */
static bool connected;
static uint64_t here;		/* what position() says */
static int asked;

void tap_set_checksums(int fd, bool partial)
{
	(void)fd;
	(void)partial;
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
static void offer_buffer(int number)
{
	*desc(RECEIVE, number) = (struct vring_desc){ FAKE_BUFFERS + 0x1000 * (number + 1),
						      TAP_PACKET, VRING_DESC_F_WRITE, 0 };
	offer(RECEIVE, number);
	net.virtio.notified(&net, RECEIVE);
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
	uint8_t event[2 + PACKET] = { PACKET };

	open_net(false);
	claim();
	fill_claim(event + 2, other);
	inputs_replay(TAG, event, sizeof(event));
	offer_buffer(0);
	EXPECT(!virtio_net_go_live(&net));
	EXPECT(came_of_type() == ETH_P_RARP);
}

static void arrive(char fill)
{
	char packet[PACKET];

	memset(packet, fill, sizeof(packet));
	EXPECT(write(wire, packet, sizeof(packet)) == sizeof(packet));
}

static char received(int number)
{
	return memory.base[FAKE_BUFFERS + 0x1000 * (number + 1) + PACKET - 1];
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
	uint8_t event[2 + PACKET] = { PACKET };

	memset(event + 2, 'a', PACKET);
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

static const struct test tests[] = {
	TEST(sends_at_once),
	TEST(sends_when_acknowledged),
	TEST(a_replay_sends_nothing),
	TEST(announces_then_sends_again),
	TEST(announces_what_the_guest_has_claimed),
	TEST(does_not_announce_what_others_claim),
	TEST(receives_when_live),
	TEST(receives_in_order),
};

int main(int argc, char **argv)
{
	return run_tests("net", tests, ARRAY_SIZE(tests), argc, argv);
}
