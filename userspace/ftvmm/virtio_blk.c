// SPDX-License-Identifier: GPL-2.0-only
#include <assert.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hold.h"
#include "message.h"
#include "virtio_blk.h"
#include "virtio_blk_task.h"

#define CLASS		0x010000
#define SEGMENTS	126
#define STATE_VERSION	1

static_assert(BLK_TRANSFER_MAX <= VIRTIO_BLK_BUDGET, "a request alone has room");

static struct virtqueue *queue_of(struct virtio_blk *blk)
{
	return &blk->virtio.queue[0];
}

/* The last writable byte has the result. */
static void answer(struct virtio_blk *blk, const struct chain *chain, uint8_t status,
		   uint32_t written)
{
	if (chain->write_size)
		chain_write(chain, chain->write_size - 1, &status, 1);
	virtqueue_push(queue_of(blk), chain->head, written + !!chain->write_size);
}

static uint8_t status_of(uint32_t error)
{
	if (!error)
		return VIRTIO_BLK_S_OK;
	return error == EOPNOTSUPP ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
}

/* There is one for each entry of the queue; the driver cannot use more. */
static int free_request(const struct virtio_blk *blk)
{
	int i;

	for (i = 0; i < DISK_REQUESTS; i++)
		if (!blk->state.request[i].busy)
			return i;
	return -1;
}

/*
 * Of the log, for what other hosts can see.  Reading changes nothing there, and the guest
 * waits for it.  A secondary asks at the same place, whatever happens on either host: so
 * before memory is allocated, and though it does not write.
 */
static const uint64_t *position_of(struct virtio_blk *blk, const struct blk_task *task)
{
	if (!blk->disk.shared || task->operation == DISK_READ || !hold_is_on())
		return NULL;
	if (!blk->has_position)
		blk->position = hold_position();
	blk->has_position = true;
	return &blk->position;
}

static void issue(struct virtio_blk *blk, int number, const struct chain *chain,
		  const struct blk_task *task, const uint64_t *position)
{
	void *data = NULL;

	if (task->operation == DISK_WRITE) {
		data = malloc(task->size);
		if (!data) {
			disk_fail(&blk->disk, number, blk->state.generation, ENOMEM);
			return;
		}
		chain_read(chain, BLK_HEADER, data, task->size);
	}
	disk_submit(&blk->disk, number, blk->state.generation, task->operation, task->offset,
		    task->size, data, position);
}

static bool has_room(const struct virtio_blk *blk, uint32_t bytes)
{
	return blk->bytes + bytes <= VIRTIO_BLK_BUDGET;
}

/* The host has it from now on. */
static void count_begun(struct virtio_blk *blk, int number)
{
	blk->state.request[number].busy = BLK_BEGUN;
	blk->bytes += blk->state.request[number].bytes;
}

/* It was made now, and other hosts can see it only when the log up to here is committed. */
static void wait_for_room(struct virtio_blk *blk, int number, const uint64_t *position)
{
	blk->state.request[number].busy = BLK_WAITS;
	blk->state.request[number].turn = blk->state.turn++;
	blk->waiting++;
	blk->output[number] = (struct virtio_blk_output){
		.held = position,
		.position = position ? *position : 0,
		.epoch = hold_epoch(),
	};
}

/*
 * Whatever the host has to say of it comes as an event: only what follows from the
 * guest's own doing is answered at once, so that a replay does the same.
 */
static int begin(struct virtio_blk *blk, const struct chain *chain, const struct blk_task *task)
{
	const uint64_t *position;
	uint32_t bytes = blk_task_bytes(task);
	int number = free_request(blk);

	if (number < 0)
		return -EBUSY;
	blk->state.request[number] = (struct virtio_blk_request){
		.head = chain->head,
		.operation = task->operation,
		.bytes = bytes,
	};
	position = position_of(blk, task);
	if (bytes && (blk->waiting || !has_room(blk, bytes))) {
		wait_for_room(blk, number, position);
		return 0;
	}
	count_begun(blk, number);
	issue(blk, number, chain, task, position);
	return 0;
}

/*
 * The chain was looked at before.  If the driver has changed it meanwhile it gets what it
 * deserves, but no more of the host's memory.  False if the queue is broken.
 */
static bool issue_again(struct virtio_blk *blk, int number, const uint64_t *position)
{
	const struct virtio_blk_request *r = &blk->state.request[number];
	struct blk_task task = { 0 };
	struct chain chain;

	if (!virtqueue_look(queue_of(blk), r->head, &chain))
		return false;
	if (blk_task_parse(&task, &blk->disk, &chain) == VIRTIO_BLK_S_OK &&
	    task.operation == r->operation && blk_task_bytes(&task) == r->bytes)
		issue(blk, number, &chain, &task, position);
	else
		disk_fail(&blk->disk, number, blk->state.generation, EIO);
	return true;
}

/* The request whose turn it is; -1 if none waits. */
static int first_waiting(const struct virtio_blk *blk)
{
	const struct virtio_blk_request *r = blk->state.request;
	int i, first = -1;

	for (i = 0; blk->waiting && i < DISK_REQUESTS; i++)
		if (r[i].busy == BLK_WAITS &&
		    (first < 0 || (int32_t)(r[i].turn - r[first].turn) < 0))
			first = i;
	return first;
}

/* In their turn, as far as there is room. */
static void begin_waiting(struct virtio_blk *blk)
{
	int i;

	while ((i = first_waiting(blk)) >= 0 && has_room(blk, blk->state.request[i].bytes)) {
		const struct virtio_blk_output *o = &blk->output[i];
		bool held = o->held && o->epoch == hold_epoch();

		blk->waiting--;
		count_begun(blk, i);
		if (!issue_again(blk, i, held ? &o->position : NULL))
			return;
	}
}

unsigned int virtio_blk_go_live(struct virtio_blk *blk)
{
	unsigned int again = 0;
	int i;

	disk_go_live(&blk->disk);
	/* There is nobody to wait for any more. */
	for (i = 0; i < DISK_REQUESTS; i++)
		if (blk->state.request[i].busy == BLK_BEGUN)
			again += issue_again(blk, i, NULL);
	begin_waiting(blk);
	return again;
}

static void notified(void *owner, unsigned int queue)
{
	struct virtio_blk *blk = owner;
	struct virtqueue *q = queue_of(blk);
	struct chain chain;

	blk->has_position = false;
	while (virtqueue_pop(q, &chain)) {
		struct blk_task task = { 0 };
		uint8_t status = blk_task_parse(&task, &blk->disk, &chain);

		if (status == VIRTIO_BLK_S_OK && begin(blk, &chain, &task))
			status = VIRTIO_BLK_S_IOERR;
		if (status != VIRTIO_BLK_S_OK)
			answer(blk, &chain, status, 0);
	}
	virtqueue_want_notification(q, true);
	virtio_interrupt(&blk->virtio, queue);
}

/* INPUT_DISK: a request is done, or a part of what it reads is there. */
static void completed(void *device, const void *data, uint32_t size)
{
	struct virtio_blk *blk = device;
	struct disk_done done;
	struct chain chain;

	if (size < sizeof(done))
		return;
	memcpy(&done, data, sizeof(done));
	if (done.generation != blk->state.generation || done.request >= DISK_REQUESTS ||
	    blk->state.request[done.request].busy != BLK_BEGUN)
		return;
	if (done.last) {
		blk->state.request[done.request].busy = BLK_FREE;
		blk->bytes -= blk->state.request[done.request].bytes;
	}
	if (!virtqueue_look(queue_of(blk), blk->state.request[done.request].head, &chain)) {
		virtio_interrupt(&blk->virtio, 0);
		return;
	}
	size -= sizeof(done);
	chain_write(&chain, done.offset, (const uint8_t *)data + sizeof(done), size);
	if (!done.last)
		return;
	answer(blk, &chain, status_of(done.error), done.error ? 0 : done.offset + size);
	begin_waiting(blk);
	/* The last: it also tells the driver if it has broken the queue. */
	virtio_interrupt(&blk->virtio, 0);
}

/* What follows from the state. */
static void count(struct virtio_blk *blk)
{
	int i;

	blk->bytes = 0;
	blk->waiting = 0;
	for (i = 0; i < DISK_REQUESTS; i++) {
		const struct virtio_blk_request *r = &blk->state.request[i];

		blk->bytes += r->busy == BLK_BEGUN ? r->bytes : 0;
		blk->waiting += r->busy == BLK_WAITS;
		blk->output[i].held = false;
	}
}

/*
 * What the host is still working on has nobody to go to. But it must be over: what was
 * to be written must not come after what the driver does next. What waits is never begun.
 */
static void reset(void *owner)
{
	struct virtio_blk *blk = owner;

	disk_drain(&blk->disk);
	blk->state = (struct virtio_blk_state){ .generation = ++blk->generations };
	count(blk);
}

/* The machine was reset: the number restored was used since. */
static int restored(void *device)
{
	reset(device);
	return 0;
}

/* The numbers go on where they were. */
static int loaded(void *device)
{
	struct virtio_blk *blk = device;

	blk->generations = blk->state.generation;
	count(blk);
	return 0;
}

static bool valid(const void *data)
{
	const struct virtio_blk_state *s = data;
	uint64_t bytes = 0;
	int i;

	for (i = 0; i < DISK_REQUESTS; i++) {
		const struct virtio_blk_request *r = &s->request[i];

		if (r->busy >= BLK_STATES || r->bytes > BLK_TRANSFER_MAX)
			return false;
		bytes += r->busy == BLK_BEGUN ? r->bytes : 0;
	}
	return bytes <= VIRTIO_BLK_BUDGET;
}

static void make_config(struct virtio_blk *blk)
{
	struct virtio_blk_config config = {
		.capacity = blk->disk.size / DISK_SECTOR,
		.seg_max = SEGMENTS,
		.blk_size = DISK_SECTOR,
		.max_discard_sectors = BLK_DISCARD_MAX,
		.max_discard_seg = 1,
		.discard_sector_alignment = 1,
		.max_write_zeroes_sectors = BLK_DISCARD_MAX,
		.max_write_zeroes_seg = 1,
		.write_zeroes_may_unmap = 1,
	};

	blk->virtio.features = FEATURE(VIRTIO_BLK_F_SEG_MAX) | FEATURE(VIRTIO_BLK_F_BLK_SIZE);
	if (blk->disk.read_only)
		blk->virtio.features |= FEATURE(VIRTIO_BLK_F_RO);
	else
		blk->virtio.features |= FEATURE(VIRTIO_BLK_F_FLUSH) |
			FEATURE(VIRTIO_BLK_F_DISCARD) | FEATURE(VIRTIO_BLK_F_WRITE_ZEROES);
	blk->virtio.config_size = offsetof(struct virtio_blk_config, unused1);
	memcpy(blk->virtio.config, &config, blk->virtio.config_size);
}

int virtio_blk_open(struct virtio_blk *blk, struct pci *pci, unsigned int index)
{
	blk->virtio = (struct virtio){
		.type = VIRTIO_ID_BLOCK,
		.class = CLASS,
		.queues = 1,
		.notified = notified,
		.reset = reset,
		.owner = blk,
	};
	make_config(blk);
	snprintf(blk->name, sizeof(blk->name), "disk%u", index);
	snprintf(blk->label, sizeof(blk->label), "%s.requests", blk->name);
	blk->saved = (struct state){
		.name = blk->label,
		.version = STATE_VERSION,
		.data = &blk->state,
		.size = sizeof(blk->state),
		.restored = restored,
		.loaded = loaded,
		.valid = valid,
		.device = blk,
	};
	inputs_handle(blk->disk.tag, completed, blk);
	state_add(&blk->saved);
	return virtio_add(&blk->virtio, pci, blk->name);
}
