// SPDX-License-Identifier: GPL-2.0-only
#include <linux/virtio_ring.h>
#include <string.h>

#include "virtqueue.h"

#define AVAIL_SIZE(n)	(sizeof(struct vring_avail) + (n) * 2 + 2)
#define USED_SIZE(n)	(sizeof(struct vring_used) + (n) * sizeof(struct vring_used_elem) + 2)

void virtqueue_reset(struct virtqueue *q)
{
	q->s = (struct virtqueue_state){ .size = VIRTQUEUE_SIZE, .vector = 0xffff };
}

bool virtqueue_valid(const struct virtqueue_state *s)
{
	if (!s->size)
		return !s->enabled;
	return s->size <= VIRTQUEUE_SIZE && !(s->size & (s->size - 1));
}

static bool broken(struct virtqueue *q)
{
	q->s.broken = 1;
	return false;
}

static bool usable(const struct virtqueue *q)
{
	return q->s.enabled && !q->s.broken;
}

static void *at(const struct virtqueue *q, uint64_t gpa, uint64_t size, uint64_t alignment)
{
	return gpa & (alignment - 1) ? NULL : memory_at(q->memory, gpa, size);
}

static struct vring_avail *avail_ring(const struct virtqueue *q)
{
	return at(q, q->s.avail, AVAIL_SIZE(q->s.size), 2);
}

static struct vring_used *used_ring(const struct virtqueue *q)
{
	return at(q, q->s.used, USED_SIZE(q->s.size), 4);
}

static const void *descriptors(const struct virtqueue *q)
{
	return at(q, q->s.desc, q->s.size * sizeof(struct vring_desc), 16);
}

static uint16_t *used_event(struct vring_avail *avail, const struct virtqueue *q)
{
	return &avail->ring[q->s.size];
}

static uint16_t *avail_event(struct vring_used *used, const struct virtqueue *q)
{
	return (uint16_t *)&used->ring[q->s.size];
}

/**
 * struct table - descriptors that a chain goes through
 * @desc: the first; an indirect table need not be aligned
 * @size: how many
 */
struct table {
	const uint8_t *desc;
	uint32_t size;
};

static bool add_buffer(struct virtqueue *q, struct chain *chain, const struct vring_desc *d)
{
	unsigned int count = chain->readable + chain->writable;
	void *buffer = memory_at(q->memory, d->addr, d->len);

	if (!buffer || count == VIRTQUEUE_SIZE)
		return broken(q);
	chain->iov[count] = (struct iovec){ buffer, d->len };
	if (d->flags & VRING_DESC_F_WRITE) {
		chain->writable++;
		chain->write_size += d->len;
	} else if (!chain->writable) {
		chain->readable++;
		chain->read_size += d->len;
	} else {
		return broken(q);	/* readable ones must come first */
	}
	return true;
}

/* A descriptor that stands for a table of descriptors. */
static bool enter_indirect(struct virtqueue *q, struct table *table, const struct vring_desc *d)
{
	if (!q->s.indirect || (d->flags & (VRING_DESC_F_NEXT | VRING_DESC_F_WRITE)) || !d->len ||
	    d->len % sizeof(*d))
		return broken(q);
	table->size = d->len / sizeof(*d);
	table->desc = memory_at(q->memory, d->addr, d->len);
	return table->desc || broken(q);
}

/* Buffers are counted, and there is a limit, so that a loop comes to an end. */
static bool walk(struct virtqueue *q, struct chain *chain, struct table table, uint32_t index)
{
	bool is_indirect = false;

	for (;;) {
		struct vring_desc d;

		if (index >= table.size)
			return broken(q);
		memcpy(&d, table.desc + index * sizeof(d), sizeof(d));
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (is_indirect || chain->readable || chain->writable ||
			    !enter_indirect(q, &table, &d))
				return broken(q);
			is_indirect = true;
			index = 0;
			continue;
		}
		if (!add_buffer(q, chain, &d))
			return false;
		if (!(d.flags & VRING_DESC_F_NEXT))
			return true;
		index = d.next;
	}
}

bool virtqueue_look(struct virtqueue *q, uint16_t head, struct chain *chain)
{
	struct table table = { .size = q->s.size };

	if (!usable(q))
		return false;
	table.desc = descriptors(q);
	if (!table.desc || !used_ring(q))
		return broken(q);
	chain->head = head;
	chain->readable = 0;
	chain->writable = 0;
	chain->read_size = 0;
	chain->write_size = 0;
	return walk(q, chain, table, head);
}

bool virtqueue_pop(struct virtqueue *q, struct chain *chain)
{
	struct vring_avail *avail;
	uint16_t waiting;

	if (!usable(q))
		return false;
	avail = avail_ring(q);
	if (!avail || !used_ring(q) || !descriptors(q))
		return broken(q);
	waiting = avail->idx - q->s.next;
	if (!waiting)
		return false;
	if (waiting > q->s.size)
		return broken(q);
	if (!virtqueue_look(q, avail->ring[q->s.next % q->s.size], chain))
		return false;
	q->s.next++;
	return true;
}

void virtqueue_unpop(struct virtqueue *q, unsigned int count)
{
	q->s.next -= count;
}

void virtqueue_push(struct virtqueue *q, uint16_t head, uint32_t written)
{
	struct vring_used *used = used_ring(q);

	if (!usable(q) || !used)
		return;
	used->ring[q->s.used_index % q->s.size] = (struct vring_used_elem){ head, written };
	q->s.used_index++;
	used->idx = q->s.used_index;
}

bool virtqueue_must_interrupt(struct virtqueue *q)
{
	struct vring_avail *avail = avail_ring(q);
	uint16_t told = q->s.told;

	if (!usable(q) || !avail || told == q->s.used_index)
		return false;
	q->s.told = q->s.used_index;
	if (q->s.event_index)
		return vring_need_event(*used_event(avail, q), q->s.used_index, told);
	return !(avail->flags & VRING_AVAIL_F_NO_INTERRUPT);
}

void virtqueue_want_notification(struct virtqueue *q, bool wanted)
{
	struct vring_avail *avail = avail_ring(q);
	struct vring_used *used = used_ring(q);

	if (!usable(q) || !avail || !used)
		return;
	if (q->s.event_index)
		*avail_event(used, q) = wanted ? avail->idx : q->s.next - 1;
	else
		used->flags = wanted ? 0 : VRING_USED_F_NO_NOTIFY;
}

/* The part of a buffer that a copy of @size bytes at @offset touches first. */
static size_t part_of(const struct iovec *iov, uint64_t *offset, size_t size)
{
	size_t part;

	if (*offset >= iov->iov_len) {
		*offset -= iov->iov_len;
		return 0;
	}
	part = iov->iov_len - *offset;
	return part < size ? part : size;
}

size_t chain_read(const struct chain *chain, uint64_t offset, void *to, size_t size)
{
	const struct iovec *iov = chain->iov;
	size_t done = 0, part;
	unsigned int i;

	for (i = 0; i < chain->readable && done < size; i++) {
		part = part_of(&iov[i], &offset, size - done);
		if (!part)
			continue;
		memcpy((char *)to + done, (char *)iov[i].iov_base + offset, part);
		done += part;
		offset = 0;
	}
	return done;
}

size_t chain_write(const struct chain *chain, uint64_t offset, const void *from, size_t size)
{
	const struct iovec *iov = chain->iov + chain->readable;
	size_t done = 0, part;
	unsigned int i;

	for (i = 0; i < chain->writable && done < size; i++) {
		part = part_of(&iov[i], &offset, size - done);
		if (!part)
			continue;
		memcpy((char *)iov[i].iov_base + offset, (const char *)from + done, part);
		done += part;
		offset = 0;
	}
	return done;
}
