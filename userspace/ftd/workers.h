/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The daemon's helper processes: one for each pairing.  What a stranger sends is read by
 * such a process, never by the daemon; whatever becomes of it, the daemon goes on.
 *
 * A process reports by a SOCK_SEQPACKET socket, a JSON object each:
 *
 *   {"authenticated":true}	it is no stranger any more
 *   {"event":...}		told to all clients that want events
 *   {"ok":...}			the answer to the request that it was started for
 */
#ifndef FTD_WORKERS_H
#define FTD_WORKERS_H

#include "control.h"
#include "loop.h"

#define WORKERS_MAX	32
#define STRANGERS_MAX	8	/* that have connected and proved nothing yet */

struct workers;

/**
 * struct worker - a process
 * @all: where it belongs
 * @watch: its reports; -1 if the slot is free
 * @ticket: of the request that it is to answer; 0 if of none, or answered
 * @stranger: it talks to somebody who has proved nothing yet
 */
struct worker {
	struct workers *all;
	struct watch watch;
	uint64_t ticket;
	bool stranger;
};

/**
 * struct workers - all of them
 * @loop: the main loop
 * @control: ftd's socket, for events and answers
 * @slot: they
 */
struct workers {
	struct loop *loop;
	struct control *control;
	struct worker slot[WORKERS_MAX];
};

void workers_open(struct workers *workers, struct loop *loop, struct control *control);

/* Those that work go on by themselves. */
void workers_close(struct workers *workers);

/* Is there room for one more?  @stranger: for one of somebody who has just connected. */
bool workers_have_room(const struct workers *workers, bool stranger);

/**
 * workers_start() - start a process
 * @workers: with room
 * @keep: a descriptor that it needs besides standard ones; or -1
 * @ticket: of the request that it is to answer; 0 if of none: then it is a stranger's
 * @run: what it does, with the socket for its reports; it ends after that
 * @data: for @run; a copy, as all memory
 *
 * Return: 0, or -1 with the reason told.
 */
int workers_start(struct workers *workers, int keep, uint64_t ticket,
		  void (*run)(void *data, int report), void *data);

#endif
