// SPDX-License-Identifier: GPL-2.0-only
/*
 * A log from one session to another in the same kernel, through a ring in
 * memory: for tests, and the pattern for transports between hosts.
 *
 * Three parameters of the module have it behave as a network may.  Each holds for
 * loop-backs that are made from then on; 0 is none.
 */
#include <linux/err.h>
#include <linux/jiffies.h>
#include <linux/kref.h>
#include <linux/moduleparam.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "ring.h"
#include "transport.h"

/* Some blocks of the largest size; a power of two. */
#define RING_SIZE	(512 * 1024)

/* Nobody wants to wait longer, not even for a test. */
#define LONGEST_DELAY_MS	10000U

static uint loopback_delay_ms;
module_param(loopback_delay_ms, uint, 0644);
MODULE_PARM_DESC(loopback_delay_ms, "For tests: milliseconds (up to 10000) before a loop-back hands on what it was given");
static ulong loopback_lose_after;
module_param(loopback_lose_after, ulong, 0644);
MODULE_PARM_DESC(loopback_lose_after, "For tests: bytes of the log after which a loop-back breaks, for both ends");
static ulong loopback_truncate_after;
module_param(loopback_truncate_after, ulong, 0644);
MODULE_PARM_DESC(loopback_truncate_after, "For tests: bytes of the log after which a loop-back loses the rest without a word");

/**
 * struct loop - what both ends share
 * @refs: of the ends
 * @ring: between them
 * @has_sink: there is, or was, a replaying end; under the ring's lock
 * @delay: in jiffies
 * @lose_after: bytes, or U64_MAX
 * @truncate_after: bytes, or U64_MAX
 */
struct loop {
	struct kref refs;
	struct kvm_ft_ring *ring;
	bool has_sink;
	unsigned long delay;
	u64 lose_after;
	u64 truncate_after;
};

/**
 * struct loop_end - one end
 * @end: its public part
 * @loop: a reference
 * @source: it is the recording one
 * @arrived: bytes that the delay is over for
 * @under_way: bytes that it will be over for at @due
 * @due: in jiffies
 */
struct loop_end {
	struct kvm_ft_end end;
	struct loop *loop;
	bool source;
	u64 arrived;
	u64 under_way;
	unsigned long due;
};

static struct loop_end *loop_end_of(struct kvm_ft_end *end)
{
	return container_of(end, struct loop_end, end);
}

static int loopback_open(struct kvm_ft_end *end, bool write)
{
	return loop_end_of(end)->source == write ? 0 : -EBADF;
}

/* The connection is lost: the replay gets what is there, and the recorder is told. */
static int lose(struct loop *loop)
{
	kvm_ft_ring_close_store(loop->ring);
	return -EPIPE;
}

static int loopback_store(struct kvm_ft_end *end, u64 offset, const u8 *buf, size_t len,
			  bool wait)
{
	struct loop *loop = loop_end_of(end)->loop;

	if (offset + len > loop->lose_after)
		return lose(loop);
	if (offset >= loop->truncate_after)
		return READ_ONCE(loop->ring->closed_load) ? -EPIPE : 0;
	len = min_t(u64, len, loop->truncate_after - offset);
	return kvm_ft_ring_store(loop->ring, offset, buf, len, wait);
}

/*
 * As if on the way: what is there now will have arrived when the delay is over.  What
 * comes meanwhile has to wait for the next one, so a block takes up to two.
 */
static int arrive(struct loop_end *e, u64 offset, bool wait)
{
	if (offset < e->arrived)
		return 0;
	if (e->under_way == e->arrived) {
		e->under_way = READ_ONCE(e->loop->ring->stored);
		e->due = jiffies + e->loop->delay;
	}
	while (time_before(jiffies, e->due)) {
		if (!wait)
			return -EAGAIN;
		schedule_timeout_interruptible(e->due - jiffies);
		if (signal_pending(current))
			return -EINTR;
	}
	e->arrived = e->under_way;
	return 0;
}

static ssize_t loopback_load(struct kvm_ft_end *end, u64 offset, u8 *buf, size_t size,
			     bool wait)
{
	struct loop_end *e = loop_end_of(end);
	ssize_t len = kvm_ft_ring_load(e->loop->ring, offset, buf, size, wait);
	int err = 0;

	if (len > 0 && e->loop->delay)
		err = arrive(e, offset, wait);
	return err ?: len;
}

static void loop_free(struct kref *refs)
{
	struct loop *loop = container_of(refs, struct loop, refs);

	kvm_ft_ring_free(loop->ring);
	kfree(loop);
}

static void loopback_release(struct kvm_ft_end *end)
{
	struct loop_end *e = loop_end_of(end);

	if (e->source)
		kvm_ft_ring_close_store(e->loop->ring);
	else
		kvm_ft_ring_close_load(e->loop->ring);
	kref_put(&e->loop->refs, loop_free);
	kfree(e);
}

static const struct kvm_ft_transport_ops loopback_ops = {
	.name = "loop-back",
	.live = true,
	.open = loopback_open,
	.store = loopback_store,
	.load = loopback_load,
	.release = loopback_release,
};

static struct loop *loop_alloc(void)
{
	struct loop *loop = kzalloc(sizeof(*loop), GFP_KERNEL_ACCOUNT);

	if (!loop)
		return NULL;
	loop->ring = kvm_ft_ring_alloc(RING_SIZE);
	if (!loop->ring) {
		kfree(loop);
		return NULL;
	}
	kref_init(&loop->refs);
	loop->delay = msecs_to_jiffies(min(READ_ONCE(loopback_delay_ms), LONGEST_DELAY_MS));
	loop->lose_after = READ_ONCE(loopback_lose_after) ?: U64_MAX;
	loop->truncate_after = READ_ONCE(loopback_truncate_after) ?: U64_MAX;
	return loop;
}

static struct loop_end *end_alloc(bool source)
{
	struct loop_end *e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);

	if (e) {
		e->end.ops = &loopback_ops;
		e->source = source;
	}
	return e;
}

struct kvm_ft_end *kvm_ft_loopback_source(void)
{
	struct loop_end *e = end_alloc(true);

	if (!e)
		return ERR_PTR(-ENOMEM);
	e->loop = loop_alloc();
	if (!e->loop) {
		kfree(e);
		return ERR_PTR(-ENOMEM);
	}
	return &e->end;
}

struct kvm_ft_end *kvm_ft_loopback_sink(struct kvm_ft_end *source)
{
	struct loop *loop;
	struct loop_end *e;
	bool taken;

	if (source->ops != &loopback_ops || !loop_end_of(source)->source)
		return ERR_PTR(-EINVAL);
	loop = loop_end_of(source)->loop;
	e = end_alloc(false);
	if (!e)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&loop->ring->lock);
	taken = loop->has_sink;
	loop->has_sink = true;
	mutex_unlock(&loop->ring->lock);
	if (taken) {
		kfree(e);
		return ERR_PTR(-EBUSY);
	}
	kref_get(&loop->refs);
	e->loop = loop;
	return &e->end;
}
