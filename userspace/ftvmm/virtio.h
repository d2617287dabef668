/* SPDX-License-Identifier: GPL-2.0-only */
/* virtio devices on PCI, virtio 1.x only: what is common to all of them. */
#ifndef FTVMM_VIRTIO_H
#define FTVMM_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

#include "pci.h"
#include "virtqueue.h"

/* A feature bit. */
#define FEATURE(bit)	((uint64_t)1 << (bit))

#define VIRTIO_QUEUES	4
#define VIRTIO_CONFIG	64	/* the most bytes of a device's own registers */

/**
 * struct virtio_state - saved, beside configuration space
 * @features: that the driver has accepted
 * @status: of the device
 * @device_select: which half of the features is shown
 * @driver_select: likewise
 * @queue_select: which queue is shown
 * @config_vector: MSI-X vector for changes of the configuration
 * @pending: MSI-X vectors that are masked and due, as bits
 * @table: MSI-X vectors, as the guest sees them
 * @queue: of each queue
 */
struct virtio_state {
	uint64_t features;
	uint32_t status;
	uint32_t device_select;
	uint32_t driver_select;
	uint16_t queue_select;
	uint16_t config_vector;
	uint64_t pending;
	struct {
		uint64_t address;
		uint32_t data;
		uint32_t control;
	} table[VIRTIO_QUEUES + 1];
	struct virtqueue_state queue[VIRTIO_QUEUES];
};

/**
 * struct virtio - a device
 * @type: VIRTIO_ID_*
 * @class: of PCI
 * @features: offered, beside those that all have
 * @queues: how many
 * @config: its own registers
 * @config_size: of them
 * @notified: the driver has made chains available in a queue
 * @reset: the driver has reset it; may be NULL
 * @owner: for the functions, which run in the vCPU's thread
 * @queue: its queues
 * @pci: its PCI function
 * @name: of the device
 * @label: for the saved state
 * @state: saved
 * @saved: its place in the list
 */
struct virtio {
	uint16_t type;
	uint32_t class;
	uint64_t features;
	unsigned int queues;
	uint8_t config[VIRTIO_CONFIG];
	unsigned int config_size;
	void (*notified)(void *owner, unsigned int queue);
	void (*reset)(void *owner);
	void *owner;
	struct virtqueue queue[VIRTIO_QUEUES];
	struct pci_device pci;
	const char *name;
	char label[32];
	struct virtio_state state;
	struct state saved;
};

/**
 * virtio_add() - put a device on the PCI bus
 * @virtio: must stay; all up to @owner is set
 * @pci: the bus
 * @name: unique; must stay
 *
 * Return: 0, or -1 with the reason told.
 */
int virtio_add(struct virtio *virtio, struct pci *pci, const char *name);

/* The driver is ready, and has accepted a feature. */
bool virtio_has(const struct virtio *virtio, unsigned int feature);

/* The driver has set the device up completely. */
bool virtio_is_running(const struct virtio *virtio);

/* Interrupt the driver if it wants to know what was pushed to a queue. */
void virtio_interrupt(struct virtio *virtio, unsigned int queue);

#endif
