// SPDX-License-Identifier: GPL-2.0-only
/*
 * A log from one session to another in the same kernel, through a ring in
 * memory: for tests, and the pattern for transports between hosts.
 */
#include <linux/err.h>
#include <linux/kref.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "../replay/log.h"
#include "transport.h"

/* Some blocks of the largest size; a power of two. */
#define RING_SIZE	(512 * 1024)

/**
 * struct ring - what both ends share
 * @refs: of the ends
 * @lock: of all that follows
 * @wait: for either end: something has changed
 * @stored: bytes that the recorder has stored, ever
 * @freed: bytes of these that the replayer does not need any more
 * @has_sink: there is, or was, a replaying end
 * @source_gone: the recorder has released its end
 * @sink_gone: the replayer has
 * @bytes: %RING_SIZE of them; that of offset x is at x % %RING_SIZE
 */
struct ring {
	struct kref refs;
	struct mutex lock;	/* see above */
	wait_queue_head_t wait;
	u64 stored;
	u64 freed;
	bool has_sink;
	bool source_gone;
	bool sink_gone;
	u8 *bytes;
};

/**
 * struct ring_end - one end
 * @end: its public part
 * @ring: a reference
 * @source: it is the recording one
 */
struct ring_end {
	struct kvm_ft_end end;
	struct ring *ring;
	bool source;
};

static struct ring_end *ring_end_of(struct kvm_ft_end *end)
{
	return container_of(end, struct ring_end, end);
}

static int loopback_open(struct kvm_ft_end *end, bool write)
{
	return ring_end_of(end)->source == write ? 0 : -EBADF;
}

static void copy_in(struct ring *ring, u64 offset, const u8 *buf, size_t len)
{
	size_t at = offset % RING_SIZE;
	size_t first = min_t(size_t, len, RING_SIZE - at);

	memcpy(ring->bytes + at, buf, first);
	memcpy(ring->bytes, buf + first, len - first);
}

static void copy_out(struct ring *ring, u64 offset, u8 *buf, size_t len)
{
	size_t at = offset % RING_SIZE;
	size_t first = min_t(size_t, len, RING_SIZE - at);

	memcpy(buf, ring->bytes + at, first);
	memcpy(buf + first, ring->bytes, len - first);
}

static int try_store(struct ring *ring, u64 offset, const u8 *buf, size_t len)
{
	int err = 0;

	mutex_lock(&ring->lock);
	if (ring->sink_gone)
		err = -EPIPE;
	else if (offset != ring->stored || len > RING_SIZE)
		err = -EINVAL;
	else if (ring->stored + len - ring->freed > RING_SIZE)
		err = -EAGAIN;
	if (!err) {
		copy_in(ring, offset, buf, len);
		ring->stored += len;
	}
	mutex_unlock(&ring->lock);
	if (!err)
		wake_up_all(&ring->wait);
	return err;
}

static bool has_room(struct ring *ring, size_t len)
{
	return READ_ONCE(ring->stored) + len - READ_ONCE(ring->freed) <= RING_SIZE ||
	       READ_ONCE(ring->sink_gone);
}

static int loopback_store(struct kvm_ft_end *end, u64 offset, const u8 *buf, size_t len,
			  bool wait)
{
	struct ring *ring = ring_end_of(end)->ring;
	int err = try_store(ring, offset, buf, len);

	while (err == -EAGAIN && wait) {
		if (wait_event_interruptible(ring->wait, has_room(ring, len)))
			return -EINTR;
		err = try_store(ring, offset, buf, len);
	}
	return err;
}

/* The header, or the block, that begins at @offset; both say how long they are. */
static ssize_t next_length(struct ring *ring, u64 offset)
{
	u8 head[KVM_FT_BLOCK_HEADER];

	if (!offset)
		return ring->stored - offset;
	copy_out(ring, offset, head, sizeof(head));
	return kvm_ft_block_size(head);
}

static ssize_t try_load(struct ring *ring, u64 offset, u8 *buf, size_t size)
{
	ssize_t len;

	mutex_lock(&ring->lock);
	if (offset < ring->freed || offset > ring->stored) {
		len = -EINVAL;
	} else if (offset == ring->stored) {
		len = ring->source_gone ? 0 : -EAGAIN;
	} else {
		len = next_length(ring, offset);
		if (len > 0) {
			len = min_t(size_t, len, size);
			copy_out(ring, offset, buf, len);
		}
	}
	if (len != -EINVAL)
		ring->freed = offset;
	mutex_unlock(&ring->lock);
	wake_up_all(&ring->wait);
	return len;
}

static bool has_more(struct ring *ring, u64 offset)
{
	return READ_ONCE(ring->stored) != offset || READ_ONCE(ring->source_gone);
}

static ssize_t loopback_load(struct kvm_ft_end *end, u64 offset, u8 *buf, size_t size,
			     bool wait)
{
	struct ring *ring = ring_end_of(end)->ring;
	ssize_t len = try_load(ring, offset, buf, size);

	while (len == -EAGAIN && wait) {
		if (wait_event_interruptible(ring->wait, has_more(ring, offset)))
			return -EINTR;
		len = try_load(ring, offset, buf, size);
	}
	return len;
}

static void ring_free(struct kref *refs)
{
	struct ring *ring = container_of(refs, struct ring, refs);

	vfree(ring->bytes);
	kfree(ring);
}

static void loopback_release(struct kvm_ft_end *end)
{
	struct ring_end *e = ring_end_of(end);
	struct ring *ring = e->ring;

	mutex_lock(&ring->lock);
	if (e->source)
		ring->source_gone = true;
	else
		ring->sink_gone = true;
	mutex_unlock(&ring->lock);
	wake_up_all(&ring->wait);
	kref_put(&ring->refs, ring_free);
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

static struct ring *ring_alloc(void)
{
	struct ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);

	if (!ring)
		return NULL;
	ring->bytes = __vmalloc(RING_SIZE, GFP_KERNEL_ACCOUNT);
	if (!ring->bytes) {
		kfree(ring);
		return NULL;
	}
	kref_init(&ring->refs);
	mutex_init(&ring->lock);
	init_waitqueue_head(&ring->wait);
	return ring;
}

static struct ring_end *end_alloc(bool source)
{
	struct ring_end *e = kzalloc(sizeof(*e), GFP_KERNEL_ACCOUNT);

	if (e) {
		e->end.ops = &loopback_ops;
		e->source = source;
	}
	return e;
}

struct kvm_ft_end *kvm_ft_loopback_source(void)
{
	struct ring_end *e = end_alloc(true);

	if (!e)
		return ERR_PTR(-ENOMEM);
	e->ring = ring_alloc();
	if (!e->ring) {
		kfree(e);
		return ERR_PTR(-ENOMEM);
	}
	return &e->end;
}

struct kvm_ft_end *kvm_ft_loopback_sink(struct kvm_ft_end *source)
{
	struct ring *ring;
	struct ring_end *e;
	bool taken;

	if (source->ops != &loopback_ops || !ring_end_of(source)->source)
		return ERR_PTR(-EINVAL);
	ring = ring_end_of(source)->ring;
	e = end_alloc(false);
	if (!e)
		return ERR_PTR(-ENOMEM);
	mutex_lock(&ring->lock);
	taken = ring->has_sink;
	ring->has_sink = true;
	mutex_unlock(&ring->lock);
	if (taken) {
		kfree(e);
		return ERR_PTR(-EBUSY);
	}
	kref_get(&ring->refs);
	e->ring = ring;
	return &e->end;
}
