/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A split virtqueue of virtio 1.x, the device's side.
 *
 * The rings are the guest's: everything in them is checked, and what makes no sense
 * breaks the queue, which is not looked at again before a reset.  All functions are
 * for the vCPU's thread while the guest stands still, so that nothing changes
 * between a check and its use, and no memory barriers are needed.
 */
#ifndef FTVMM_VIRTQUEUE_H
#define FTVMM_VIRTQUEUE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "memory.h"

#define VIRTQUEUE_SIZE	256	/* the most entries */

/**
 * struct virtqueue_state - what is saved of a queue
 * @desc: guest physical address of the descriptor table
 * @avail: of the ring of available chains
 * @used: of the ring of used ones
 * @size: entries, a power of 2
 * @vector: of MSI-X
 * @enabled: by the driver
 * @broken: the driver has done something impossible
 * @event_index: VIRTIO_RING_F_EVENT_IDX was negotiated
 * @indirect: VIRTIO_RING_F_INDIRECT_DESC was
 * @next: the next available chain to take
 * @used_index: the next used one to give back
 * @told: @used_index when the driver was last interrupted
 */
struct virtqueue_state {
	uint64_t desc;
	uint64_t avail;
	uint64_t used;
	uint16_t size;
	uint16_t vector;
	uint8_t enabled;
	uint8_t broken;
	uint8_t event_index;
	uint8_t indirect;
	uint16_t next;
	uint16_t used_index;
	uint16_t told;
};

/**
 * struct virtqueue - a queue
 * @memory: the guest's
 * @s: saved
 */
struct virtqueue {
	const struct memory *memory;
	struct virtqueue_state s;
};

/**
 * struct chain - buffers that the driver has made available together
 * @head: names the chain
 * @readable: how many of @iov the device reads; they come first
 * @writable: how many it writes
 * @read_size: bytes of all readable ones
 * @write_size: of all writable ones
 * @iov: the buffers, in guest memory
 */
struct chain {
	uint16_t head;
	unsigned int readable;
	unsigned int writable;
	uint64_t read_size;
	uint64_t write_size;
	struct iovec iov[VIRTQUEUE_SIZE];
};

/* As it is after a reset of the device. */
void virtqueue_reset(struct virtqueue *q);

/* Can it be the state of a queue, or of none at all?  The rings are not looked at. */
bool virtqueue_valid(const struct virtqueue_state *s);

/**
 * virtqueue_pop() - take the next available chain
 * @q: the queue
 * @chain: the result
 *
 * Return: true if there was one; it must be given back with virtqueue_push().
 */
bool virtqueue_pop(struct virtqueue *q, struct chain *chain);

/**
 * virtqueue_look() - look at a chain again that was popped before
 * @q: the queue
 * @head: of the chain
 * @chain: the result; the driver should not have changed it, but may have
 *
 * Return: true, unless the queue is or was broken.
 */
bool virtqueue_look(struct virtqueue *q, uint16_t head, struct chain *chain);

/* Take it back: the @count chains popped last are available again. */
void virtqueue_unpop(struct virtqueue *q, unsigned int count);

/**
 * virtqueue_push() - give a chain back to the driver
 * @q: the queue
 * @head: of the chain
 * @written: bytes written to its writable buffers
 */
void virtqueue_push(struct virtqueue *q, uint16_t head, uint32_t written);

/* Does the driver want an interrupt for what was pushed since it was last asked? */
bool virtqueue_must_interrupt(struct virtqueue *q);

/* Does the device want to be notified of the next chain that the driver makes available? */
void virtqueue_want_notification(struct virtqueue *q, bool wanted);

/**
 * chain_read() - copy from the readable buffers
 * @chain: the chain
 * @offset: into them
 * @to: where to
 * @size: bytes
 *
 * Return: how many were there, at most @size.
 */
size_t chain_read(const struct chain *chain, uint64_t offset, void *to, size_t size);

/* Copy to the writable buffers; likewise. */
size_t chain_write(const struct chain *chain, uint64_t offset, const void *from, size_t size);

#endif
