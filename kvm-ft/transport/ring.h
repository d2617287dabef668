/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The part of a log that has been stored and not yet loaded, in memory.
 *
 * One thread stores, one loads; they wait for one another.  Either end may be
 * closed, from any thread, which ends the other one's wait.  Process context.
 */
#ifndef KVM_FT_RING_H
#define KVM_FT_RING_H

#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/wait.h>

/**
 * struct kvm_ft_ring - see above; positions are offsets in the log
 * @lock: of all that follows
 * @wait: for either end: something has changed
 * @stored: bytes that were stored, ever
 * @freed: bytes of these that are not needed any more
 * @closed_store: nothing more will be stored
 * @closed_load: nothing more will be loaded
 * @size: of @bytes, a power of two
 * @bytes: that of offset x is at x % @size
 */
struct kvm_ft_ring {
	struct mutex lock;	/* see above */
	wait_queue_head_t wait;
	u64 stored;
	u64 freed;
	bool closed_store;
	bool closed_load;
	size_t size;
	u8 *bytes;
};

/**
 * kvm_ft_ring_alloc() - a ring with nothing in it
 * @size: bytes; a power of two, at least two blocks of the largest size
 *
 * Return: the ring, or NULL without memory.
 */
struct kvm_ft_ring *kvm_ft_ring_alloc(size_t size);

/* Nobody uses it any more.  NULL is none. */
void kvm_ft_ring_free(struct kvm_ft_ring *ring);

/**
 * kvm_ft_ring_store() - put the log's header, or a block, in
 * @ring: the ring
 * @offset: in the log: what was stored so far
 * @buf: the bytes
 * @len: how many
 * @wait: for room
 *
 * Return: 0; -EAGAIN without room, -EINTR for a signal, -EPIPE if the loading end is
 * closed, -EINVAL at another offset.
 */
int kvm_ft_ring_store(struct kvm_ft_ring *ring, u64 offset, const u8 *buf, size_t len,
		      bool wait);

/* Do these bytes say of themselves that they are a block of that length? */
bool kvm_ft_ring_is_block(const u8 *buf, size_t len);

/**
 * kvm_ft_ring_load() - get the log's header, or the block, at an offset
 * @ring: the ring
 * @offset: in the log; what is before it is freed
 * @buf: for the bytes
 * @size: room; the header or block is cut off there
 * @wait: until it is there
 *
 * Return: bytes; 0 if the storing end is closed and there is no more; -EAGAIN,
 * -EINTR for a signal, -EBADMSG if it is no block.
 */
ssize_t kvm_ft_ring_load(struct kvm_ft_ring *ring, u64 offset, u8 *buf, size_t size, bool wait);

/**
 * kvm_ft_ring_wait() - until there is more to load
 * @ring: the ring
 * @offset: as for kvm_ft_ring_load()
 * @timeout: in jiffies, after which it returns all the same
 * @woken: another condition to end the wait; kvm_ft_ring_wake()
 *
 * For kernel threads; not ended by signals.
 */
void kvm_ft_ring_wait(struct kvm_ft_ring *ring, u64 offset, long timeout, const bool *woken);
void kvm_ft_ring_wake(struct kvm_ft_ring *ring);

void kvm_ft_ring_close_store(struct kvm_ft_ring *ring);
void kvm_ft_ring_close_load(struct kvm_ft_ring *ring);

#endif
