// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "hold.h"
#include "inputs.h"
#include "message.h"
#include "switchover.h"
#include "vcpu.h"
#include "wait.h"

#define THROUGH_MS	10000	/* for the secondary to come to the log's end */
#define PROPOSE_MS	10000	/* for it to propose itself */
#define LOOK_MS		10
#define NS_PER_MS	1000000ull

/* The log up to an output is on its way already: it needs no flush. */
static bool has_released(struct lockstep *l, const struct kvm_ft_link_page *link)
{
	struct hold_stats held;

	(void)l;
	(void)link;
	hold_get_stats(&held);
	return !held.waiting;
}

/* Nothing of the guest is on its way any more; the log ends where it stands. */
static bool is_through(struct lockstep *l, const struct kvm_ft_link_page *link)
{
	struct kvm_ft_status status;

	return has_released(l, link) && l->is_settled(l->owner) &&
	       !kvmft_status(&l->recording->session, &status) &&
	       link->committed >= status.bytes && link->replayed >= status.bytes;
}

static bool is_over(void *data)
{
	const struct lockstep *l = data;

	return lockstep_link(l).state != KVM_FT_LINK_UP;
}

/* The page of the link cannot be waited for: it is looked at now and then. */
static int await(struct lockstep *l, uint64_t end,
		 bool (*is_so)(struct lockstep *l, const struct kvm_ft_link_page *link))
{
	const struct vcpu *vcpu = l->recording->vcpu;

	for (;;) {
		struct kvm_ft_link_page link = lockstep_link(l);

		if (link.state != KVM_FT_LINK_UP)
			return complain("no switch: the secondary was lost before it");
		if (is_so(l, &link))
			return 0;
		if (lockstep_now() > end)
			return complain("no switch: it takes the secondary, or a disk, over %u s",
					THROUGH_MS / 1000);
		if (__atomic_load_n(&vcpu->stop, __ATOMIC_SEQ_CST))
			return complain("no switch: the guest is to end");
		wait_until(is_over, l, LOOK_MS);
	}
}

/* The secondary learns that it has nothing to send again. */
static int tell_released(struct lockstep *l)
{
	struct kvmft_session *s = &l->recording->session;

	if (kvmft_put_event(s, INPUT_TAG(INPUT_RELEASED, 0), NULL, 0))
		return complain("no switch: %s", s->problem);
	return 0;
}

int switchover_stop(struct lockstep *l)
{
	uint64_t began = lockstep_now(), end = began + THROUGH_MS * NS_PER_MS;

	/* The link was lost, and this side has won, since the switch was asked for. */
	if (!l->recording->lockstep)
		return complain("no switch: the guest is not protected any more");
	/* An event has to come before the flush, which leaves the landmark. */
	if (await(l, end, has_released) || tell_released(l))
		return -1;
	vcpu_flush(l->recording->vcpu);
	if (await(l, end, is_through))
		return -1;
	l->stopped_ns = began;
	__atomic_store_n(&l->concedes, true, __ATOMIC_SEQ_CST);
	/* Both kernels find the connection at its end, without a word that the log is complete. */
	if (shutdown(l->socket, SHUT_RDWR))
		info("the connection to the secondary has ended already: %s", strerror(errno));
	return 0;
}

void switchover_wait(struct lockstep *l)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * NS_PER_MS };
	uint64_t end = lockstep_now() + PROPOSE_MS * NS_PER_MS;

	while (!atomic_load(&l->cancel) && lockstep_now() < end &&
	       arbiter_has_accepted(&l->arbiter, l->generation, ARBITER_SECONDARY) != 1)
		nanosleep(&pause, NULL);
}
