/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtio entropy device: the host's random numbers. */
#ifndef FTVMM_VIRTIO_RNG_H
#define FTVMM_VIRTIO_RNG_H

#include "virtio.h"

/**
 * struct virtio_rng - the device; it has no state of its own
 * @virtio: what all have
 */
struct virtio_rng {
	struct virtio virtio;
};

/* Return: 0, or -1 with the reason told. */
int virtio_rng_open(struct virtio_rng *rng, struct pci *pci);

#endif
