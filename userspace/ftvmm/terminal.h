/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's console on our standard input and output. */
#ifndef FTVMM_TERMINAL_H
#define FTVMM_TERMINAL_H

#include <stddef.h>
#include <stdint.h>

#include "loop.h"

/* The most bytes in one event. */
#define TERMINAL_BATCH	64

/**
 * struct terminal - standard input and output
 * @source: of input
 * @tag: of the events with what was typed, TERMINAL_BATCH bytes at most
 * @escaped: Ctrl-A was typed
 * @quit: called when the user wants to leave: Ctrl-A x
 * @owner: for @quit
 */
struct terminal {
	struct source source;
	uint32_t tag;
	int escaped;
	void (*quit)(void *owner);
	void *owner;
};

/**
 * terminal_open() - begin to read; a terminal becomes raw
 * @terminal: must stay; @quit and @owner are set
 * @loop: the main loop
 * @tag: of the events
 *
 * Return: 0, or -1 with the reason told.
 */
int terminal_open(struct terminal *terminal, struct loop *loop, uint32_t tag);

/* The terminal is as it was before. */
void terminal_close(void);

/* The device has taken the last event.  The vCPU's thread. */
void terminal_taken(struct terminal *terminal);

#endif
