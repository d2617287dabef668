// SPDX-License-Identifier: GPL-2.0-only
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "announce.h"
#include "message.h"
#include "tap.h"

#define SHORTEST	60	/* frame of Ethernet */
#define ND_HOPS		255

/* When something is sent, in ms from the first time, and what. */
static const struct round {
	unsigned int at;
	bool arp;
	bool advertise;
} rounds[] = {
	{ 0, true, true }, { 50, true, false }, { 200, true, false }, { 450, true, false },
	{ 800, true, false }, { 1000, false, true }, { 2000, false, true },
};

#define ROUNDS	(sizeof(rounds) / sizeof(*rounds))

struct arp_frame {
	uint8_t header[TAP_HEADER];
	struct ethhdr ethernet;
	struct ether_arp arp;
	uint8_t padding[SHORTEST - sizeof(struct ethhdr) - sizeof(struct ether_arp)];
} __attribute__((packed));

struct nd_frame {
	uint8_t header[TAP_HEADER];
	struct ethhdr ethernet;
	struct ip6_hdr ip;
	struct nd_neighbor_advert advert;
	struct nd_opt_hdr option;
	uint8_t mac[ETH_ALEN];
} __attribute__((packed));

/* What follows the header of IP in the latter. */
#define ND_SIZE	(sizeof(struct nd_frame) - offsetof(struct nd_frame, advert))

static void send_frame(const struct announce *a, const void *frame, size_t size)
{
	if (write(a->fd, frame, size) < 0)
		info("cannot announce an address to the network: %s", strerror(errno));
}

/* @ipv4: to be announced by ARP; NULL: the MAC address alone, by RARP. */
static void send_arp(const struct announce *a, const uint8_t *ipv4)
{
	struct arp_frame f = {
		.ethernet.h_proto = htons(ipv4 ? ETH_P_ARP : ETH_P_RARP),
		.arp.ea_hdr = {
			.ar_hrd = htons(ARPHRD_ETHER),
			.ar_pro = htons(ETH_P_IP),
			.ar_hln = ETH_ALEN,
			.ar_pln = SNOOP_IPV4,
			.ar_op = htons(ipv4 ? ARPOP_REQUEST : ARPOP_RREQUEST),
		},
	};

	memset(f.ethernet.h_dest, 0xff, ETH_ALEN);
	memcpy(f.ethernet.h_source, a->mac, ETH_ALEN);
	memcpy(f.arp.arp_sha, a->mac, ETH_ALEN);
	if (ipv4) {
		memcpy(f.arp.arp_spa, ipv4, SNOOP_IPV4);
		memcpy(f.arp.arp_tpa, ipv4, SNOOP_IPV4);
	} else {
		memcpy(f.arp.arp_tha, a->mac, ETH_ALEN);
	}
	send_frame(a, &f, sizeof(f));
}

/* That of the internet protocols (RFC 1071); @size is even. */
static uint16_t checksum(const void *data, size_t size, uint32_t sum)
{
	const uint8_t *at = data, *end = at + size;

	for (; at < end; at += 2)
		sum += at[0] << 8 | at[1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum);
}

/* Both addresses and all that follows count, and what the rest of the header says. */
static uint16_t nd_checksum(const struct nd_frame *f)
{
	size_t from = offsetof(struct nd_frame, ip) + offsetof(struct ip6_hdr, ip6_src);

	return checksum((const uint8_t *)f + from, sizeof(*f) - from, ND_SIZE + IPPROTO_ICMPV6);
}

static void send_advertisement(const struct announce *a, const struct snooped_address *address)
{
	static const uint8_t all_nodes_mac[ETH_ALEN] = { 0x33, 0x33, 0, 0, 0, 1 };
	static const uint8_t all_nodes[SNOOP_IPV6] = { 0xff, 0x02, [15] = 1 };
	struct nd_frame f = {
		.ethernet.h_proto = htons(ETH_P_IPV6),
		.ip = {
			.ip6_flow = htonl(6u << 28),	/* the version */
			.ip6_plen = htons(ND_SIZE),
			.ip6_nxt = IPPROTO_ICMPV6,
			.ip6_hlim = ND_HOPS,
		},
		.advert.nd_na_type = ND_NEIGHBOR_ADVERT,
		.advert.nd_na_flags_reserved = ND_NA_FLAG_OVERRIDE |
					       (address->router ? ND_NA_FLAG_ROUTER : 0),
		.option = { .nd_opt_type = ND_OPT_TARGET_LINKADDR, .nd_opt_len = 1 },
	};

	memcpy(f.ethernet.h_dest, all_nodes_mac, ETH_ALEN);
	memcpy(f.ethernet.h_source, a->mac, ETH_ALEN);
	memcpy(&f.ip.ip6_src, address->bytes, SNOOP_IPV6);
	memcpy(&f.ip.ip6_dst, all_nodes, SNOOP_IPV6);
	memcpy(&f.advert.nd_na_target, address->bytes, SNOOP_IPV6);
	memcpy(f.mac, a->mac, ETH_ALEN);
	f.advert.nd_na_cksum = nd_checksum(&f);
	send_frame(a, &f, sizeof(f));
}

static void send_round(const struct announce *a, const struct round *round)
{
	const struct snooped_address *address = a->known.address;
	const struct snooped_address *end = address + SNOOP_ADDRESSES;
	bool is_known = false;

	for (; address < end; address++) {
		if (round->arp && address->size == SNOOP_IPV4)
			send_arp(a, address->bytes);
		if (round->advertise && address->size == SNOOP_IPV6)
			send_advertisement(a, address);
		is_known |= address->size == SNOOP_IPV4;
	}
	if (round->arp && !is_known)
		send_arp(a, NULL);
}

/* One more time, and set the timer for the next. */
static void go_on(struct announce *a)
{
	const struct round *round = rounds + a->times++;
	struct itimerspec next = { 0 };

	send_round(a, round);
	if (a->times == ROUNDS)
		return;
	next.it_value.tv_nsec = (round[1].at - round->at) * 1000000ull;
	next.it_value.tv_sec = next.it_value.tv_nsec / 1000000000;
	next.it_value.tv_nsec %= 1000000000;
	if (timerfd_settime(a->timer.fd, 0, &next, NULL))
		complain("cannot use a timer: %s", strerror(errno));
}

static void on_timer(void *owner)
{
	struct announce *a = owner;
	uint64_t count;

	if (read(a->timer.fd, &count, sizeof(count)) == sizeof(count))
		go_on(a);
}

void announce_begin(struct announce *a, struct loop *loop, int fd, const uint8_t mac[ETH_ALEN],
		    const struct snooped *known)
{
	*a = (struct announce){
		.timer = {
			.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
			.ready = on_timer,
			.owner = a,
		},
		.fd = fd,
		.known = *known,
	};
	memcpy(a->mac, mac, ETH_ALEN);
	go_on(a);
	if (a->timer.fd >= 0)
		loop_watch(loop, &a->timer);
}

void announce_close(struct announce *a)
{
	if (a->timer.fd >= 0)
		close(a->timer.fd);
}
