// SPDX-License-Identifier: GPL-2.0-only
/*
 * A log from one session to another in the same kernel, through a ring in
 * memory: for tests, and the pattern for transports between hosts.
 */
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/slab.h>

#include "ring.h"
#include "transport.h"

/* Some blocks of the largest size; a power of two. */
#define RING_SIZE	(512 * 1024)

/**
 * struct loop - what both ends share
 * @refs: of the ends
 * @ring: between them
 * @has_sink: there is, or was, a replaying end; under the ring's lock
 */
struct loop {
	struct kref refs;
	struct kvm_ft_ring *ring;
	bool has_sink;
};

/**
 * struct loop_end - one end
 * @end: its public part
 * @loop: a reference
 * @source: it is the recording one
 */
struct loop_end {
	struct kvm_ft_end end;
	struct loop *loop;
	bool source;
};

static struct loop_end *loop_end_of(struct kvm_ft_end *end)
{
	return container_of(end, struct loop_end, end);
}

static int loopback_open(struct kvm_ft_end *end, bool write)
{
	return loop_end_of(end)->source == write ? 0 : -EBADF;
}

static int loopback_store(struct kvm_ft_end *end, u64 offset, const u8 *buf, size_t len,
			  bool wait)
{
	return kvm_ft_ring_store(loop_end_of(end)->loop->ring, offset, buf, len, wait);
}

static ssize_t loopback_load(struct kvm_ft_end *end, u64 offset, u8 *buf, size_t size,
			     bool wait)
{
	return kvm_ft_ring_load(loop_end_of(end)->loop->ring, offset, buf, size, wait);
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
