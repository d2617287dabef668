// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "announce.h"
#include "message.h"

#define REVERSE_REQUEST	3	/* of RFC 903 */

/* What follows struct arphdr for Ethernet and IPv4. */
struct addresses {
	uint8_t sender_mac[ETH_ALEN];
	uint8_t sender_ip[4];
	uint8_t target_mac[ETH_ALEN];
	uint8_t target_ip[4];
} __attribute__((packed));

static void make_frame(uint8_t frame[ANNOUNCE_SIZE], const uint8_t mac[ETH_ALEN])
{
	const struct arphdr arp = {
		.ar_hrd = htons(ARPHRD_ETHER),
		.ar_pro = htons(ETH_P_IP),
		.ar_hln = ETH_ALEN,
		.ar_pln = 4,
		.ar_op = htons(REVERSE_REQUEST),
	};
	struct ethhdr ethernet = { .h_proto = htons(ETH_P_RARP) };
	struct addresses addresses = { 0 };
	uint8_t *at = frame + TAP_HEADER;

	memset(ethernet.h_dest, 0xff, ETH_ALEN);
	memcpy(ethernet.h_source, mac, ETH_ALEN);
	memcpy(addresses.sender_mac, mac, ETH_ALEN);
	memcpy(addresses.target_mac, mac, ETH_ALEN);
	memset(frame, 0, ANNOUNCE_SIZE);
	memcpy(at, &ethernet, sizeof(ethernet));
	memcpy(at + sizeof(ethernet), &arp, sizeof(arp));
	memcpy(at + sizeof(ethernet) + sizeof(arp), &addresses, sizeof(addresses));
}

/* One more time, and set the timer for the next. */
static void send_frame(struct announce *a)
{
	uint64_t ms = ANNOUNCE_MS + 100 * a->times;
	const struct itimerspec next = { .it_value.tv_nsec = ms * 1000000 };

	if (write(a->fd, a->frame, sizeof(a->frame)) < 0)
		info("cannot announce an address to the network: %s", strerror(errno));
	if (++a->times < ANNOUNCE_TIMES && timerfd_settime(a->timer.fd, 0, &next, NULL))
		complain("cannot use a timer: %s", strerror(errno));
}

static void on_timer(void *owner)
{
	struct announce *a = owner;
	uint64_t count;

	if (read(a->timer.fd, &count, sizeof(count)) == sizeof(count))
		send_frame(a);
}

void announce_begin(struct announce *a, struct loop *loop, int fd, const uint8_t mac[ETH_ALEN])
{
	*a = (struct announce){
		.timer = {
			.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
			.ready = on_timer,
			.owner = a,
		},
		.fd = fd,
	};
	make_frame(a->frame, mac);
	send_frame(a);
	if (a->timer.fd >= 0)
		loop_watch(loop, &a->timer);
}

void announce_close(struct announce *a)
{
	if (a->timer.fd >= 0)
		close(a->timer.fd);
}
