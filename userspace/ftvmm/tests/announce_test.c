// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a network is told of a guest that has gone live; a socket is the tap device.  Built
 * with ASan and UBSan; prints KTAP.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../announce.h"
#include "../tap.h"
#include "../../lib/tests/test.h"
#include "serve.h"

#define NA_SIZE		(TAP_HEADER + 14 + 40 + 32)
#define ARP_SIZE	(TAP_HEADER + 60)

static const uint8_t mac[] = { 0x52, 0x54, 0x00, 0xf7, 0x00, 0x01 };
static struct announce announce;
static struct snooped known;
static struct loop loop;
static int ends[2];
static uint8_t frame[200];

static void set_up(void)
{
	known = (struct snooped){ 0 };
	if (loop_open(&loop) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends))
		exit(1);
}

static void tear_down(void)
{
	announce_close(&announce);
	close(ends[0]);
	close(ends[1]);
	loop_close(&loop);
}

static void begin(void)
{
	announce_begin(&announce, &loop, ends[0], mac, &known);
}

static bool comes(const uint8_t *expected, size_t size)
{
	return read(ends[1], frame, sizeof(frame)) == (ssize_t)size &&
	       !memcmp(frame, expected, size);
}

static bool nothing_comes(void)
{
	return read(ends[1], frame, sizeof(frame)) < 0;
}

static const uint8_t rarp[ARP_SIZE] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0x00, 0xf7, 0x00, 0x01, 0x80, 0x35,
	0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x03,
	0x52, 0x54, 0x00, 0xf7, 0x00, 0x01, 0, 0, 0, 0,
	0x52, 0x54, 0x00, 0xf7, 0x00, 0x01, 0, 0, 0, 0,
};

static const uint8_t arp[ARP_SIZE] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0x00, 0xf7, 0x00, 0x01, 0x08, 0x06,
	0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x01,
	0x52, 0x54, 0x00, 0xf7, 0x00, 0x01, 192, 0, 2, 100,
	0, 0, 0, 0, 0, 0, 192, 0, 2, 100,
};

/* Of a host; the checksum was calculated by hand, not by announce.c. */
static const uint8_t advertisement[NA_SIZE] = {
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0x33, 0x33, 0, 0, 0, 1, 0x52, 0x54, 0x00, 0xf7, 0x00, 0x01, 0x86, 0xdd,
	0x60, 0, 0, 0, 0, 32, 58, 255,
	0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x50, 0x54, 0x00, 0xff, 0xfe, 0xf7, 0x00, 0x01,
	0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	136, 0, 0x65, 0xb9, 0x20, 0, 0, 0,
	0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x50, 0x54, 0x00, 0xff, 0xfe, 0xf7, 0x00, 0x01,
	2, 1, 0x52, 0x54, 0x00, 0xf7, 0x00, 0x01,
};

/* Where a router's differs, by the same calculation. */
#define AT_CHECKSUM	(TAP_HEADER + 14 + 40 + 2)
#define AT_FLAGS	(TAP_HEADER + 14 + 40 + 4)

static void know_ipv4(int at)
{
	known.address[at] = (struct snooped_address){
		.size = SNOOP_IPV4,
		.bytes = { 192, 0, 2, 100 },
	};
}

static void know_ipv6(int at, bool router)
{
	known.address[at].size = SNOOP_IPV6;
	known.address[at].router = router;
	memcpy(known.address[at].bytes, advertisement + TAP_HEADER + 14 + 8, SNOOP_IPV6);
}

static void comes_five_times(const uint8_t *expected, size_t size)
{
	int i;

	begin();
	EXPECT(comes(expected, size));
	for (i = 1; i < 5; i++) {
		EXPECT(serve(&loop, 10000));
		EXPECT(comes(expected, size));
	}
	while (serve(&loop, 1500))
		;
	EXPECT(nothing_comes());
}

static void is_rarp_if_nothing_is_known(void)
{
	comes_five_times(rarp, sizeof(rarp));
}

static void is_arp_for_ipv4(void)
{
	know_ipv4(0);
	comes_five_times(arp, sizeof(arp));
}

/* Three, a second apart; what is for switches, meanwhile. */
static void is_an_advertisement_for_ipv6(void)
{
	int i;

	know_ipv6(0, false);
	begin();
	EXPECT(comes(advertisement, sizeof(advertisement)));
	EXPECT(comes(rarp, sizeof(rarp)));
	for (i = 1; i < 5; i++) {
		EXPECT(serve(&loop, 10000));
		EXPECT(comes(rarp, sizeof(rarp)));
	}
	for (i = 1; i < 3; i++) {
		EXPECT(serve(&loop, 10000));
		EXPECT(comes(advertisement, sizeof(advertisement)));
	}
	EXPECT(!serve(&loop, 1500));
	EXPECT(nothing_comes());
}

static void says_who_is_a_router(void)
{
	uint8_t expected[sizeof(advertisement)];

	memcpy(expected, advertisement, sizeof(expected));
	expected[AT_FLAGS] = 0xa0;
	expected[AT_CHECKSUM] = 0xe5;
	expected[AT_CHECKSUM + 1] = 0xb8;
	know_ipv6(0, true);
	begin();
	EXPECT(comes(expected, sizeof(expected)));
}

static void is_of_all_that_are_known(void)
{
	know_ipv4(0);
	know_ipv6(1, false);
	know_ipv4(2);
	known.address[2].bytes[3] = 101;
	begin();
	EXPECT(comes(arp, sizeof(arp)));
	EXPECT(comes(advertisement, sizeof(advertisement)));
	EXPECT(read(ends[1], frame, sizeof(frame)) == ARP_SIZE && frame[TAP_HEADER + 31] == 101);
	EXPECT(nothing_comes());
}

static const struct test tests[] = {
	TEST(is_rarp_if_nothing_is_known),
	TEST(is_arp_for_ipv4),
	TEST(is_an_advertisement_for_ipv6),
	TEST(says_who_is_a_router),
	TEST(is_of_all_that_are_known),
};

int main(int argc, char **argv)
{
	return run_tests("announce", tests, ARRAY_SIZE(tests), argc, argv);
}
