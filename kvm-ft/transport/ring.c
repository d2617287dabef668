// SPDX-License-Identifier: GPL-2.0-only
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "../replay/log.h"
#include "ring.h"

struct kvm_ft_ring *kvm_ft_ring_alloc(size_t size)
{
	struct kvm_ft_ring *ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);

	if (!ring)
		return NULL;
	ring->bytes = __vmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!ring->bytes) {
		kfree(ring);
		return NULL;
	}
	ring->size = size;
	mutex_init(&ring->lock);
	init_waitqueue_head(&ring->wait);
	return ring;
}
EXPORT_SYMBOL_GPL(kvm_ft_ring_alloc);

void kvm_ft_ring_free(struct kvm_ft_ring *ring)
{
	if (ring)
		vfree(ring->bytes);
	kfree(ring);
}
EXPORT_SYMBOL_GPL(kvm_ft_ring_free);

static void copy_in(struct kvm_ft_ring *ring, u64 offset, const u8 *buf, size_t len)
{
	size_t at = offset & (ring->size - 1);
	size_t first = min_t(size_t, len, ring->size - at);

	memcpy(ring->bytes + at, buf, first);
	memcpy(ring->bytes, buf + first, len - first);
}

static void copy_out(struct kvm_ft_ring *ring, u64 offset, u8 *buf, size_t len)
{
	size_t at = offset & (ring->size - 1);
	size_t first = min_t(size_t, len, ring->size - at);

	memcpy(buf, ring->bytes + at, first);
	memcpy(buf + first, ring->bytes, len - first);
}

static int try_store(struct kvm_ft_ring *ring, u64 offset, const u8 *buf, size_t len)
{
	int err = 0;

	mutex_lock(&ring->lock);
	if (ring->closed_load)
		err = -EPIPE;
	else if (offset != ring->stored || len > ring->size)
		err = -EINVAL;
	else if (ring->stored + len - ring->freed > ring->size)
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

static bool has_room(struct kvm_ft_ring *ring, size_t len)
{
	return READ_ONCE(ring->stored) + len - READ_ONCE(ring->freed) <= ring->size ||
	       READ_ONCE(ring->closed_load);
}

int kvm_ft_ring_store(struct kvm_ft_ring *ring, u64 offset, const u8 *buf, size_t len,
		      bool wait)
{
	int err = try_store(ring, offset, buf, len);

	while (err == -EAGAIN && wait) {
		if (wait_event_interruptible(ring->wait, has_room(ring, len)))
			return -EINTR;
		err = try_store(ring, offset, buf, len);
	}
	return err;
}
EXPORT_SYMBOL_GPL(kvm_ft_ring_store);

bool kvm_ft_ring_is_block(const u8 *buf, size_t len)
{
	return len >= KVM_FT_BLOCK_HEADER && kvm_ft_block_size(buf) == len;
}
EXPORT_SYMBOL_GPL(kvm_ft_ring_is_block);

/* The header, or the block, that begins at @offset; both say how long they are. */
static ssize_t next_length(struct kvm_ft_ring *ring, u64 offset)
{
	u8 head[KVM_FT_BLOCK_HEADER];
	ssize_t len;

	if (!offset)
		return ring->stored - offset;
	copy_out(ring, offset, head, sizeof(head));
	len = kvm_ft_block_size(head);
	return len > 0 && len > ring->stored - offset ? -EBADMSG : len;
}

static ssize_t try_load(struct kvm_ft_ring *ring, u64 offset, u8 *buf, size_t size)
{
	ssize_t len;

	mutex_lock(&ring->lock);
	if (offset < ring->freed || offset > ring->stored) {
		len = -EINVAL;
	} else if (offset == ring->stored) {
		len = ring->closed_store ? 0 : -EAGAIN;
	} else {
		len = next_length(ring, offset);
		if (len > 0) {
			len = min_t(size_t, len, size);
			copy_out(ring, offset, buf, len);
		}
	}
	if (len != -EINVAL)
		WRITE_ONCE(ring->freed, offset);
	mutex_unlock(&ring->lock);
	wake_up_all(&ring->wait);
	return len;
}

static bool has_more(struct kvm_ft_ring *ring, u64 offset)
{
	return READ_ONCE(ring->stored) != offset || READ_ONCE(ring->closed_store);
}

ssize_t kvm_ft_ring_load(struct kvm_ft_ring *ring, u64 offset, u8 *buf, size_t size, bool wait)
{
	ssize_t len = try_load(ring, offset, buf, size);

	while (len == -EAGAIN && wait) {
		if (wait_event_interruptible(ring->wait, has_more(ring, offset)))
			return -EINTR;
		len = try_load(ring, offset, buf, size);
	}
	return len;
}
EXPORT_SYMBOL_GPL(kvm_ft_ring_load);

void kvm_ft_ring_wait(struct kvm_ft_ring *ring, u64 offset, long timeout, const bool *woken)
{
	wait_event_idle_timeout(ring->wait, has_more(ring, offset) || READ_ONCE(*woken), timeout);
}
EXPORT_SYMBOL_GPL(kvm_ft_ring_wait);

void kvm_ft_ring_wake(struct kvm_ft_ring *ring)
{
	wake_up_all(&ring->wait);
}
EXPORT_SYMBOL_GPL(kvm_ft_ring_wake);

static void close_end(struct kvm_ft_ring *ring, bool *end)
{
	mutex_lock(&ring->lock);
	WRITE_ONCE(*end, true);
	mutex_unlock(&ring->lock);
	wake_up_all(&ring->wait);
}

void kvm_ft_ring_close_store(struct kvm_ft_ring *ring)
{
	close_end(ring, &ring->closed_store);
}
EXPORT_SYMBOL_GPL(kvm_ft_ring_close_store);

void kvm_ft_ring_close_load(struct kvm_ft_ring *ring)
{
	close_end(ring, &ring->closed_load);
}
EXPORT_SYMBOL_GPL(kvm_ft_ring_close_load);
