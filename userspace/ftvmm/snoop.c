// SPDX-License-Identifier: GPL-2.0-only
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <string.h>

#include "snoop.h"

#define ND_HOPS		255	/* else it has come through a router, and is forged */
#define ND_OPT_UNIT	8

/**
 * struct claim - what a frame says
 * @address: of whom
 * @mac: for which MAC address
 * @says_router: @address.router is known
 * @asks: the sender would like to have it, and does not yet
 */
struct claim {
	struct snooped_address address;
	uint8_t mac[ETH_ALEN];
	bool says_router;
	bool asks;
};

/* A message of neighbour discovery: bytes before its options, and the option with the MAC. */
static const struct message {
	uint8_t type;
	uint8_t head;
	uint8_t option;
} messages[] = {
	{ ND_ROUTER_SOLICIT, sizeof(struct nd_router_solicit), ND_OPT_SOURCE_LINKADDR },
	{ ND_ROUTER_ADVERT, sizeof(struct nd_router_advert), ND_OPT_SOURCE_LINKADDR },
	{ ND_NEIGHBOR_SOLICIT, sizeof(struct nd_neighbor_solicit), ND_OPT_SOURCE_LINKADDR },
	{ ND_NEIGHBOR_ADVERT, sizeof(struct nd_neighbor_advert), ND_OPT_TARGET_LINKADDR },
};

static const uint8_t unspecified[SNOOP_IPV6];

/* One machine's; neither loopback nor multicast. */
static bool is_unicast(const struct snooped_address *a)
{
	const uint8_t *bytes = a->bytes;

	if (a->size == SNOOP_IPV4)
		return bytes[0] && bytes[0] != 127 && bytes[0] < 224;
	return bytes[0] != 0xff &&
	       (memcmp(bytes, unspecified, SNOOP_IPV6 - 1) || bytes[SNOOP_IPV6 - 1] > 1);
}

/* What has no sender yet is about its target. */
static bool parse_arp(const uint8_t *at, size_t size, struct claim *claim)
{
	struct ether_arp arp;

	if (size < sizeof(arp))
		return false;
	memcpy(&arp, at, sizeof(arp));
	if (ntohs(arp.arp_hrd) != ARPHRD_ETHER || ntohs(arp.arp_pro) != ETH_P_IP ||
	    arp.arp_hln != ETH_ALEN || arp.arp_pln != SNOOP_IPV4 ||
	    (ntohs(arp.arp_op) != ARPOP_REQUEST && ntohs(arp.arp_op) != ARPOP_REPLY))
		return false;
	claim->asks = !memcmp(arp.arp_spa, unspecified, SNOOP_IPV4);
	claim->address.size = SNOOP_IPV4;
	memcpy(claim->address.bytes, claim->asks ? arp.arp_tpa : arp.arp_spa, SNOOP_IPV4);
	memcpy(claim->mac, arp.arp_sha, ETH_ALEN);
	return true;
}

/* The MAC address in an option of that type; false if there is none, or they make no sense. */
static bool find_mac(const uint8_t *at, size_t size, uint8_t type, uint8_t mac[ETH_ALEN])
{
	while (size >= ND_OPT_UNIT) {
		size_t length = ND_OPT_UNIT * at[1];

		if (!length || length > size)
			return false;
		if (at[0] == type) {
			memcpy(mac, at + 2, ETH_ALEN);
			return true;
		}
		at += length;
		size -= length;
	}
	return false;
}

static const struct message *find_message(const struct ip6_hdr *ip, const uint8_t *icmp,
					  size_t size)
{
	const struct message *m = messages, *end = m + sizeof(messages) / sizeof(*m);

	if (ip->ip6_nxt != IPPROTO_ICMPV6 || ip->ip6_hlim != ND_HOPS || !size)
		return NULL;
	while (m < end && icmp[0] != m->type)
		m++;
	return m < end && size >= m->head ? m : NULL;
}

/* An address that must not override another one is shared, or somebody else's: no claim. */
static bool parse_advertisement(const uint8_t *icmp, struct claim *claim)
{
	struct nd_neighbor_advert advert;

	memcpy(&advert, icmp, sizeof(advert));
	memcpy(claim->address.bytes, &advert.nd_na_target, SNOOP_IPV6);
	claim->address.router = !!(advert.nd_na_flags_reserved & ND_NA_FLAG_ROUTER);
	claim->says_router = true;
	return advert.nd_na_flags_reserved & ND_NA_FLAG_OVERRIDE;
}

/* @source: of the frame; who only asks gives no MAC address in an option. */
static bool parse_nd(const uint8_t *at, size_t size, const uint8_t source[ETH_ALEN],
		     struct claim *claim)
{
	const uint8_t *icmp = at + sizeof(struct ip6_hdr);
	const struct message *m;
	struct ip6_hdr ip;

	if (size < sizeof(ip))
		return false;
	memcpy(&ip, at, sizeof(ip));
	size -= sizeof(ip);
	if (size > ntohs(ip.ip6_plen))
		size = ntohs(ip.ip6_plen);
	m = find_message(&ip, icmp, size);
	if (!m)
		return false;
	claim->address.size = SNOOP_IPV6;
	memcpy(claim->address.bytes, &ip.ip6_src, SNOOP_IPV6);
	claim->says_router = m->type == ND_ROUTER_ADVERT;
	claim->address.router = claim->says_router;
	if (m->type == ND_NEIGHBOR_ADVERT && !parse_advertisement(icmp, claim))
		return false;
	claim->asks = m->type == ND_NEIGHBOR_SOLICIT &&
		      !memcmp(&ip.ip6_src, unspecified, SNOOP_IPV6);
	if (!claim->asks)
		return find_mac(icmp + m->head, size - m->head, m->option, claim->mac);
	memcpy(claim->address.bytes, icmp + offsetof(struct nd_neighbor_solicit, nd_ns_target),
	       SNOOP_IPV6);
	memcpy(claim->mac, source, ETH_ALEN);
	return true;
}

static bool parse(const uint8_t *frame, size_t size, struct claim *claim)
{
	struct ethhdr ethernet;
	bool is_claim = false;

	*claim = (struct claim){ 0 };
	if (size < sizeof(ethernet))
		return false;
	memcpy(&ethernet, frame, sizeof(ethernet));
	frame += sizeof(ethernet);
	size -= sizeof(ethernet);
	if (ntohs(ethernet.h_proto) == ETH_P_ARP)
		is_claim = parse_arp(frame, size, claim);
	else if (ntohs(ethernet.h_proto) == ETH_P_IPV6)
		is_claim = parse_nd(frame, size, ethernet.h_source, claim);
	return is_claim && is_unicast(&claim->address);
}

/* Its place; SNOOP_ADDRESSES if it has none. */
static size_t find(const struct snooped *s, const struct snooped_address *address)
{
	size_t i = 0;

	while (i < SNOOP_ADDRESSES && (s->address[i].size != address->size ||
				       memcmp(s->address[i].bytes, address->bytes,
					      sizeof(address->bytes))))
		i++;
	return i;
}

/* It becomes the first; the last one goes if there is no room. */
static void learn(struct snooped *s, const struct claim *claim)
{
	struct snooped_address address = claim->address;
	size_t at = find(s, &address);

	if (at == SNOOP_ADDRESSES)
		at--;
	else if (!claim->says_router)
		address.router = s->address[at].router;
	memmove(s->address + 1, s->address, at * sizeof(address));
	s->address[0] = address;
}

static void forget(struct snooped *s, const struct claim *claim)
{
	size_t at = find(s, &claim->address);

	if (at == SNOOP_ADDRESSES)
		return;
	memmove(s->address + at, s->address + at + 1,
		(SNOOP_ADDRESSES - 1 - at) * sizeof(*s->address));
	s->address[SNOOP_ADDRESSES - 1] = (struct snooped_address){ 0 };
}

/* What the guest gets from its own MAC address is an echo, or forged. */
void snoop_frame(struct snooped *s, const uint8_t mac[ETH_ALEN], const uint8_t *frame,
		 size_t size, bool sent)
{
	struct claim claim;
	bool is_own;

	if (!parse(frame, size, &claim))
		return;
	is_own = !memcmp(claim.mac, mac, ETH_ALEN);
	if (is_own && sent && !claim.asks)
		learn(s, &claim);
	else if (!is_own || sent)
		forget(s, &claim);
}

bool snoop_is_valid(const struct snooped *s)
{
	const struct snooped_address *a = s->address, *end = a + SNOOP_ADDRESSES;

	while (a < end && (a->size == SNOOP_IPV4 || a->size == SNOOP_IPV6) && a->router <= 1)
		a++;
	while (a < end && !a->size)
		a++;
	return a == end;
}
