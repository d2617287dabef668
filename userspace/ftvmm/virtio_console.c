// SPDX-License-Identifier: GPL-2.0-only
#include <linux/virtio_ids.h>
#include <string.h>

#include "inputs.h"
#include "output.h"
#include "virtio_console.h"

#define CLASS	0x078000

enum { INPUT, OUTPUT, QUEUES };

/* Give the driver what was typed, as soon as it has a buffer for it. */
static void deliver(struct virtio_console *console)
{
	struct virtqueue *q = &console->virtio.queue[INPUT];
	struct virtio_console_state *s = &console->state;
	struct chain chain;
	size_t done;

	while (s->size && virtio_is_running(&console->virtio) && virtqueue_pop(q, &chain)) {
		done = chain_write(&chain, 0, s->bytes, s->size);
		virtqueue_push(q, chain.head, done);
		s->size -= done;
		memmove(s->bytes, s->bytes + done, s->size);
		if (!s->size)
			terminal_taken(console->terminal);
	}
	virtqueue_want_notification(q, s->size);
	virtio_interrupt(&console->virtio, INPUT);
}

/* INPUT_CONSOLE: bytes that were typed. */
static void receive(void *device, const void *data, uint32_t size)
{
	struct virtio_console *console = device;
	struct virtio_console_state *s = &console->state;

	if (size > sizeof(s->bytes) - s->size)
		size = sizeof(s->bytes) - s->size;
	memcpy(s->bytes + s->size, data, size);
	s->size += size;
	deliver(console);
}

static void print(struct virtio_console *console)
{
	struct virtqueue *q = &console->virtio.queue[OUTPUT];
	struct chain chain;
	unsigned int i;

	while (virtqueue_pop(q, &chain)) {
		for (i = 0; i < chain.readable; i++)
			output_write(chain.iov[i].iov_base, chain.iov[i].iov_len);
		virtqueue_push(q, chain.head, 0);
	}
	virtqueue_want_notification(q, true);
	virtio_interrupt(&console->virtio, OUTPUT);
}

static void notified(void *owner, unsigned int queue)
{
	if (queue == INPUT)
		deliver(owner);
	else
		print(owner);
}

static int restored(void *device)
{
	struct virtio_console *console = device;

	if (!console->state.size)
		terminal_taken(console->terminal);
	return 0;
}

static bool valid(const void *data)
{
	const struct virtio_console_state *s = data;

	return s->size <= sizeof(s->bytes);
}

int virtio_console_open(struct virtio_console *console, struct pci *pci,
			struct terminal *terminal)
{
	*console = (struct virtio_console){
		.terminal = terminal,
		.virtio = {
			.type = VIRTIO_ID_CONSOLE,
			.class = CLASS,
			.queues = QUEUES,
			.notified = notified,
			.owner = console,
		},
		.saved = {
			.name = "console.input",
			.data = &console->state,
			.size = sizeof(console->state),
			.restored = restored,
			.valid = valid,
			.device = console,
		},
	};
	inputs_handle(INPUT_TAG(INPUT_CONSOLE, 0), receive, console);
	state_add(&console->saved);
	return virtio_add(&console->virtio, pci, "console");
}
