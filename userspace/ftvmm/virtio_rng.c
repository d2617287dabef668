// SPDX-License-Identifier: GPL-2.0-only
#include <linux/virtio_ids.h>
#include <sys/random.h>

#include "inputs.h"
#include "message.h"
#include "virtio_rng.h"

#define CLASS		0x00ff00
#define BATCH		256	/* bytes for one chain; getrandom() always has that many */

/* What the guest gets is a value: it is recorded. */
static uint32_t fill(const struct chain *chain)
{
	uint8_t bytes[BATCH];
	size_t size = chain->write_size < BATCH ? chain->write_size : BATCH;

	if (getrandom(bytes, size, 0) != (ssize_t)size) {
		complain_limited("the host has no random numbers");
		return 0;
	}
	inputs_value(INPUT_TAG(INPUT_ENTROPY, 0), bytes, size);
	return chain_write(chain, 0, bytes, size);
}

static void notified(void *owner, unsigned int queue)
{
	struct virtio_rng *rng = owner;
	struct virtqueue *q = &rng->virtio.queue[queue];
	struct chain chain;

	while (virtqueue_pop(q, &chain))
		virtqueue_push(q, chain.head, fill(&chain));
	virtqueue_want_notification(q, true);
	virtio_interrupt(&rng->virtio, queue);
}

int virtio_rng_open(struct virtio_rng *rng, struct pci *pci)
{
	*rng = (struct virtio_rng){
		.virtio = {
			.type = VIRTIO_ID_RNG,
			.class = CLASS,
			.queues = 1,
			.notified = notified,
			.owner = rng,
		},
	};
	return virtio_add(&rng->virtio, pci, "rng");
}
