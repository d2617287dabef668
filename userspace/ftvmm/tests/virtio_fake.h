/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A virtio device without PCI and KVM, and a driver for it: for the unit tests of devices.
 * Guest memory is small; each queue has its rings in a page of its own.
 */
#ifndef FTVMM_TEST_VIRTIO_FAKE_H
#define FTVMM_TEST_VIRTIO_FAKE_H

#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "../virtio.h"

#define FAKE_MEMORY	0x40000
#define FAKE_SIZE	16		/* of a queue */
#define FAKE_RINGS(n)	((n) * 0x1000u)
#define FAKE_BUFFERS	0x8000

static struct memory memory;
static uint64_t features;

static struct vring_desc *desc(unsigned int queue, int i)
{
	return (struct vring_desc *)(memory.base + FAKE_RINGS(queue)) + i;
}

static struct vring_avail *avail(unsigned int queue)
{
	return (struct vring_avail *)(memory.base + FAKE_RINGS(queue) + 0x400);
}

static struct vring_used *used(unsigned int queue)
{
	return (struct vring_used *)(memory.base + FAKE_RINGS(queue) + 0x800);
}

/* A chain whose first buffer is that of @head. */
static void offer(unsigned int queue, uint16_t head)
{
	avail(queue)->ring[avail(queue)->idx % FAKE_SIZE] = head;
	avail(queue)->idx++;
}

static void fake_memory(void)
{
	memory = (struct memory){
		.base = calloc(1, FAKE_MEMORY),
		.size = FAKE_MEMORY,
		.low = FAKE_MEMORY,
	};
	if (!memory.base)
		abort();
}

/* The driver has set up all queues. */
int virtio_add(struct virtio *virtio, struct pci *pci, const char *name)
{
	unsigned int i;

	(void)pci;
	(void)name;
	for (i = 0; i < virtio->queues; i++) {
		virtio->queue[i].memory = &memory;
		virtqueue_reset(&virtio->queue[i]);
		virtio->queue[i].s.size = FAKE_SIZE;
		virtio->queue[i].s.desc = FAKE_RINGS(i);
		virtio->queue[i].s.avail = FAKE_RINGS(i) + 0x400;
		virtio->queue[i].s.used = FAKE_RINGS(i) + 0x800;
		virtio->queue[i].s.enabled = 1;
	}
	return 0;
}

bool virtio_has(const struct virtio *virtio, unsigned int feature)
{
	(void)virtio;
	return features >> feature & 1;
}

bool virtio_is_running(const struct virtio *virtio)
{
	(void)virtio;
	return true;
}

void virtio_interrupt(struct virtio *virtio, unsigned int queue)
{
	if (virtio->queue[queue].s.broken)
		virtio->state.status |= VIRTIO_CONFIG_S_NEEDS_RESET;
}

void state_add(struct state *state)
{
	(void)state;
}

#endif
