/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The main loop: everything of the host's side happens in its thread, when a
 * descriptor becomes readable.
 */
#ifndef KVMFT_LOOP_H
#define KVMFT_LOOP_H

#include <stdbool.h>

/**
 * struct watch - a descriptor that the loop waits for
 * @fd: the descriptor
 * @ready: called when it is readable
 * @owner: for @ready
 */
struct watch {
	int fd;
	void (*ready)(void *owner);
	void *owner;
};

/**
 * struct loop - the main loop
 * @epoll: descriptor
 * @done: set it to leave loop_run()
 */
struct loop {
	int epoll;
	bool done;
};

/* Functions that return int: 0, or -1 with the reason told. */
int loop_open(struct loop *loop);
void loop_close(struct loop *loop);

/* The watch must stay; its descriptor is not closed here. */
int loop_watch(struct loop *loop, struct watch *watch);

/* Whether to look for input; that the other side has gone is told anyway. */
void loop_want(struct loop *loop, struct watch *watch, bool input);

/* It is not looked at any more. */
void loop_forget(struct loop *loop, struct watch *watch);

/* Until loop->done is set. */
int loop_run(struct loop *loop);

/**
 * struct source - a descriptor whose input becomes events for the guest
 * @loop: that it is in; NULL if it has nothing to say
 * @input: the descriptor
 * @post: reads, and posts one event; false if it posted none
 * @owner: for @post
 *
 * Nothing more is read before the guest has taken the last event: what comes
 * faster waits in the host, where there are limits for it.
 */
struct source {
	struct loop *loop;
	struct watch input;
	bool (*post)(void *owner);
	void *owner;
};

/**
 * source_open() - begin to read
 * @source: must stay
 * @loop: the main loop
 * @fd: to be read from, not blocking
 * @post: see struct source
 * @owner: for @post
 *
 * Return: 0, or -1 with the reason told.
 */
int source_open(struct source *source, struct loop *loop, int fd, bool (*post)(void *owner),
		void *owner);

/* No more is read: there will be nothing.  The main loop. */
void source_end(struct source *source);

/*
 * The device has taken the last event, all of it.  The vCPU's thread.  Nothing if the
 * source was not opened, as in a replay.
 */
void source_taken(struct source *source);

#endif
