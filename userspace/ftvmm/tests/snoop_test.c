// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which addresses a guest has claimed, by frames that it or others have sent, or forged.
 * Built with ASan and UBSan: each frame is in memory of just its size.  Prints KTAP.
 */
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <stdlib.h>

#include "../snoop.h"
#include "../../lib/tests/test.h"

#define SEED	20240501
#define ROUNDS	200000

static const uint8_t own[ETH_ALEN] = { 0x52, 0x54, 0, 0xf7, 0, 1 };
static const uint8_t other[ETH_ALEN] = { 0x52, 0x54, 0, 0xf7, 0, 2 };
static const uint8_t ip1[SNOOP_IPV4] = { 192, 0, 2, 1 };
static const uint8_t ip2[SNOOP_IPV4] = { 192, 0, 2, 2 };
static const uint8_t none[SNOOP_IPV6];
static const uint8_t v6[SNOOP_IPV6] = { 0xfe, 0x80, [15] = 7 };
static const uint8_t v6b[SNOOP_IPV6] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
static struct snooped s;

static void set_up(void)
{
	s = (struct snooped){ 0 };
}

static void tear_down(void)
{
	EXPECT(snoop_is_valid(&s));
}

static void see(const void *frame, size_t size, bool sent)
{
	uint8_t *copy = malloc(size ?: 1);

	if (!copy)
		abort();
	memcpy(copy, frame, size);
	snoop_frame(&s, own, copy, size, sent);
	free(copy);
}

struct arp_frame {
	struct ethhdr ethernet;
	struct ether_arp arp;
} __attribute__((packed));

static struct arp_frame arp(int op, const uint8_t *mac, const uint8_t *from, const uint8_t *to)
{
	struct arp_frame f = {
		.ethernet.h_proto = htons(ETH_P_ARP),
		.arp.ea_hdr = {
			.ar_hrd = htons(ARPHRD_ETHER), .ar_pro = htons(ETH_P_IP),
			.ar_hln = ETH_ALEN, .ar_pln = SNOOP_IPV4, .ar_op = htons(op),
		},
	};

	memcpy(f.ethernet.h_source, mac, ETH_ALEN);
	memcpy(f.arp.arp_sha, mac, ETH_ALEN);
	memcpy(f.arp.arp_spa, from, SNOOP_IPV4);
	memcpy(f.arp.arp_tpa, to, SNOOP_IPV4);
	return f;
}

static void see_arp(int op, const uint8_t *mac, const uint8_t *from, const uint8_t *to, bool sent)
{
	struct arp_frame f = arp(op, mac, from, to);

	see(&f, sizeof(f), sent);
}

/* Neighbour discovery; @option: its type, 0 for none.  With room for the longest head. */
struct nd_frame {
	struct ethhdr ethernet;
	struct ip6_hdr ip;
	uint8_t icmp[sizeof(struct nd_neighbor_solicit) + 8];
} __attribute__((packed));

static size_t nd(struct nd_frame *f, int type, const uint8_t *mac, const uint8_t *from,
		 const uint8_t *target, uint32_t flags, int option)
{
	size_t head = type == ND_ROUTER_SOLICIT ? 8 : type == ND_ROUTER_ADVERT ? 16 : 24;
	size_t size = head + (option ? 8 : 0);

	*f = (struct nd_frame){
		.ethernet.h_proto = htons(ETH_P_IPV6),
		.ip = {
			.ip6_plen = htons(size),
			.ip6_nxt = IPPROTO_ICMPV6,
			.ip6_hlim = 255,
		},
	};
	memcpy(f->ethernet.h_source, mac, ETH_ALEN);
	memcpy(&f->ip.ip6_src, from, SNOOP_IPV6);
	f->icmp[0] = type;
	memcpy(f->icmp + 4, &flags, sizeof(flags));
	if (head == 24)
		memcpy(f->icmp + 8, target, SNOOP_IPV6);
	if (option) {
		f->icmp[head] = option;
		f->icmp[head + 1] = 1;
		memcpy(f->icmp + head + 2, mac, ETH_ALEN);
	}
	return sizeof(*f) - sizeof(f->icmp) + size;
}

static void see_nd(int type, const uint8_t *mac, const uint8_t *from, const uint8_t *target,
		   uint32_t flags, int option, bool sent)
{
	struct nd_frame f;
	size_t size = nd(&f, type, mac, from, target, flags, option);

	see(&f, size, sent);
}

static void advertise(const uint8_t *mac, const uint8_t *address, uint32_t flags, bool sent)
{
	see_nd(ND_NEIGHBOR_ADVERT, mac, address, address, flags, ND_OPT_TARGET_LINKADDR, sent);
}

static bool knows(int at, const uint8_t *address, uint8_t size, bool router)
{
	const struct snooped_address *a = s.address + at;

	return a->size == size && !memcmp(a->bytes, address, size) && a->router == router;
}

static int count(void)
{
	int i = 0;

	while (i < SNOOP_ADDRESSES && s.address[i].size)
		i++;
	return i;
}

static void learns_from_arp(void)
{
	see_arp(ARPOP_REQUEST, own, ip1, ip2, true);
	EXPECT(count() == 1 && knows(0, ip1, SNOOP_IPV4, false));
	see_arp(ARPOP_REPLY, own, ip2, ip1, true);
	EXPECT(count() == 2 && knows(0, ip2, SNOOP_IPV4, false));
	see_arp(ARPOP_REQUEST, own, ip1, ip2, true);
	EXPECT(count() == 2 && knows(0, ip1, SNOOP_IPV4, false));
}

static void learns_from_neighbour_discovery(void)
{
	see_nd(ND_ROUTER_SOLICIT, own, v6, NULL, 0, ND_OPT_SOURCE_LINKADDR, true);
	EXPECT(count() == 1 && knows(0, v6, SNOOP_IPV6, false));
	see_nd(ND_NEIGHBOR_SOLICIT, own, v6b, v6, 0, ND_OPT_SOURCE_LINKADDR, true);
	EXPECT(count() == 2 && knows(0, v6b, SNOOP_IPV6, false));
	set_up();
	see_nd(ND_NEIGHBOR_ADVERT, own, v6, v6b, ND_NA_FLAG_OVERRIDE | ND_NA_FLAG_SOLICITED,
	       ND_OPT_TARGET_LINKADDR, true);
	EXPECT(count() == 1 && knows(0, v6b, SNOOP_IPV6, false));
}

/* A router must not be announced as a host: its neighbours would take another one. */
static void learns_who_is_a_router(void)
{
	advertise(own, v6, ND_NA_FLAG_OVERRIDE | ND_NA_FLAG_ROUTER, true);
	EXPECT(knows(0, v6, SNOOP_IPV6, true));
	see_nd(ND_NEIGHBOR_SOLICIT, own, v6, v6b, 0, ND_OPT_SOURCE_LINKADDR, true);
	EXPECT(knows(0, v6, SNOOP_IPV6, true));
	advertise(own, v6, ND_NA_FLAG_OVERRIDE, true);
	EXPECT(knows(0, v6, SNOOP_IPV6, false));
	see_nd(ND_ROUTER_ADVERT, own, v6, NULL, 0, ND_OPT_SOURCE_LINKADDR, true);
	EXPECT(count() == 1 && knows(0, v6, SNOOP_IPV6, true));
}

static void asking_is_no_claim(void)
{
	see_arp(ARPOP_REQUEST, own, none, ip1, true);
	see_nd(ND_NEIGHBOR_SOLICIT, own, none, v6, 0, 0, true);
	see_nd(ND_ROUTER_SOLICIT, own, none, NULL, 0, 0, true);
	EXPECT(!count());
}

static void shared_addresses_are_no_claim(void)
{
	advertise(own, v6, ND_NA_FLAG_SOLICITED, true);
	EXPECT(!count());
}

static void others_are_not_learnt(void)
{
	see_arp(ARPOP_REPLY, other, ip2, ip1, false);
	see_arp(ARPOP_REPLY, other, ip2, ip1, true);
	see_arp(ARPOP_REPLY, own, ip2, ip1, false);
	advertise(other, v6, ND_NA_FLAG_OVERRIDE, false);
	advertise(own, v6, ND_NA_FLAG_OVERRIDE, false);
	EXPECT(!count());
}

static void learn_both(void)
{
	see_arp(ARPOP_REPLY, own, ip1, ip2, true);
	advertise(own, v6, ND_NA_FLAG_OVERRIDE, true);
	EXPECT(count() == 2);
}

static void forgets_what_others_claim(void)
{
	learn_both();
	see_arp(ARPOP_REQUEST, other, ip1, ip2, false);
	EXPECT(count() == 1 && knows(0, v6, SNOOP_IPV6, false));
	advertise(other, v6, ND_NA_FLAG_OVERRIDE, false);
	EXPECT(!count());
}

static void forgets_what_others_ask_for(void)
{
	learn_both();
	see_arp(ARPOP_REQUEST, other, none, ip1, false);
	see_nd(ND_NEIGHBOR_SOLICIT, other, none, v6, 0, 0, false);
	EXPECT(!count());
	learn_both();
}

static void its_own_echo_changes_nothing(void)
{
	learn_both();
	see_arp(ARPOP_REQUEST, own, ip1, ip1, false);
	see_arp(ARPOP_REQUEST, own, none, ip1, false);
	see_nd(ND_NEIGHBOR_SOLICIT, own, none, v6, 0, 0, false);
	EXPECT(count() == 2);
}

static void no_single_machine_has_them(void)
{
	static const uint8_t v4[][SNOOP_IPV4] = {
		{ 0, 0, 0, 1 }, { 127, 0, 0, 1 }, { 224, 0, 0, 1 }, { 255, 255, 255, 255 },
	};
	static const uint8_t loopback[SNOOP_IPV6] = { [15] = 1 };
	static const uint8_t multicast[SNOOP_IPV6] = { 0xff, 2, [15] = 1 };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(v4); i++)
		see_arp(ARPOP_REPLY, own, v4[i], ip1, true);
	advertise(own, none, ND_NA_FLAG_OVERRIDE, true);
	advertise(own, loopback, ND_NA_FLAG_OVERRIDE, true);
	advertise(own, multicast, ND_NA_FLAG_OVERRIDE, true);
	EXPECT(!count());
}

static void remembers_the_last(void)
{
	uint8_t address[SNOOP_IPV4] = { 10, 0, 0, 0 };
	int i;

	for (i = 1; i <= SNOOP_ADDRESSES + 3; i++) {
		address[3] = i;
		see_arp(ARPOP_REPLY, own, address, ip1, true);
	}
	EXPECT(count() == SNOOP_ADDRESSES);
	for (i = 0; i < SNOOP_ADDRESSES; i++) {
		address[3] = SNOOP_ADDRESSES + 3 - i;
		EXPECT(knows(i, address, SNOOP_IPV4, false));
	}
	see_arp(ARPOP_REPLY, other, address, ip1, false);
	EXPECT(count() == SNOOP_ADDRESSES - 1);
}

static void routed_messages_are_forged(void)
{
	struct nd_frame f;
	size_t size = nd(&f, ND_NEIGHBOR_ADVERT, own, v6, v6, ND_NA_FLAG_OVERRIDE,
			 ND_OPT_TARGET_LINKADDR);

	f.ip.ip6_hlim = 254;
	see(&f, size, true);
	EXPECT(!count());
}

static void options_may_lie(void)
{
	struct nd_frame f;
	size_t size = nd(&f, ND_NEIGHBOR_ADVERT, own, v6, v6, ND_NA_FLAG_OVERRIDE,
			 ND_OPT_TARGET_LINKADDR);
	uint8_t *length = f.icmp + 25;

	for (*length = 0; *length != 1; *length -= 1)
		see(&f, size, true);
	f.icmp[24] = ND_OPT_SOURCE_LINKADDR;
	see(&f, size, true);
	f.icmp[24] = ND_OPT_TARGET_LINKADDR;
	f.ip.ip6_plen = htons(31);
	see(&f, size, true);
	EXPECT(!count());
	f.ip.ip6_plen = htons(1000);
	see(&f, size, true);
	EXPECT(count() == 1);
}

static void cut_off_frames_say_nothing(void)
{
	struct arp_frame a = arp(ARPOP_REPLY, own, ip1, ip2);
	struct nd_frame f;
	size_t size = nd(&f, ND_NEIGHBOR_ADVERT, own, v6, v6, ND_NA_FLAG_OVERRIDE,
			 ND_OPT_TARGET_LINKADDR);
	size_t i;

	for (i = 0; i < sizeof(a); i++)
		see(&a, i, true);
	for (i = 0; i < size; i++)
		see(&f, i, true);
	EXPECT(!count());
}

/* Frames that are sound but for some of their bytes. */
static void bears_any_frame(void)
{
	int i, j;

	srand(SEED);
	for (i = 0; i < ROUNDS; i++) {
		struct arp_frame a = arp(rand() % 4, rand() % 2 ? own : other, ip1, ip2);
		struct nd_frame f;
		size_t size = nd(&f, 133 + rand() % 4, rand() % 2 ? own : other, v6, v6b, rand(),
				 rand() % 3);
		uint8_t *bytes = rand() % 2 ? (uint8_t *)&a : (uint8_t *)&f;

		if (bytes == (uint8_t *)&a)
			size = sizeof(a);
		for (j = rand() % 4; j > 0; j--)
			bytes[rand() % size] = rand();
		see(bytes, rand() % 4 ? size : rand() % size, rand() % 2);
		if (!snoop_is_valid(&s))
			break;
	}
	EXPECT(i == ROUNDS);
}

static void checks_what_was_loaded(void)
{
	learn_both();
	EXPECT(snoop_is_valid(&s));
	s.address[1].size = 5;
	EXPECT(!snoop_is_valid(&s));
	s.address[1].size = SNOOP_IPV6;
	s.address[1].router = 2;
	EXPECT(!snoop_is_valid(&s));
	s.address[1].router = 0;
	s.address[3].size = SNOOP_IPV4;
	EXPECT(!snoop_is_valid(&s));
	set_up();
}

static const struct test tests[] = {
	TEST(learns_from_arp),
	TEST(learns_from_neighbour_discovery),
	TEST(learns_who_is_a_router),
	TEST(asking_is_no_claim),
	TEST(shared_addresses_are_no_claim),
	TEST(others_are_not_learnt),
	TEST(forgets_what_others_claim),
	TEST(forgets_what_others_ask_for),
	TEST(its_own_echo_changes_nothing),
	TEST(no_single_machine_has_them),
	TEST(remembers_the_last),
	TEST(routed_messages_are_forged),
	TEST(options_may_lie),
	TEST(cut_off_frames_say_nothing),
	TEST(bears_any_frame),
	TEST(checks_what_was_loaded),
};

int main(int argc, char **argv)
{
	return run_tests("snoop", tests, ARRAY_SIZE(tests), argc, argv);
}
