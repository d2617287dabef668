/* SPDX-License-Identifier: GPL-2.0-only */
/* The virtio console: hvc0 in Linux. */
#ifndef FTVMM_VIRTIO_CONSOLE_H
#define FTVMM_VIRTIO_CONSOLE_H

#include "terminal.h"
#include "virtio.h"

/**
 * struct virtio_console_state - what was typed and has not been taken by the driver
 * @size: bytes
 * @bytes: of them the first @size
 */
struct virtio_console_state {
	uint32_t size;
	uint8_t bytes[TERMINAL_BATCH];
};

/**
 * struct virtio_console - the console
 * @terminal: where it leads
 * @virtio: what all have
 * @state: saved
 * @saved: its place in the list
 */
struct virtio_console {
	struct terminal *terminal;
	struct virtio virtio;
	struct virtio_console_state state;
	struct state saved;
};

/* Input comes as events of INPUT_CONSOLE.  Return: 0, or -1 with the reason told. */
int virtio_console_open(struct virtio_console *console, struct pci *pci,
			struct terminal *terminal);

#endif
