/* SPDX-License-Identifier: GPL-2.0-only */
/* A thread that does something to the VM or its session at random times. */
#ifndef SELFTESTS_DISTURB_H
#define SELFTESTS_DISTURB_H

#include <pthread.h>

#include "replay.h"

/**
 * struct disturber - the thread
 * @replay: the guest; its @meanwhile is called
 * @thread: valid if there is something to do
 * @ended: set to end it
 */
struct disturber {
	struct replay *replay;
	pthread_t thread;
	int ended;
};

/* Both do nothing if @r->meanwhile is NULL.  In the thread that runs the guest. */
void disturb_begin(struct disturber *d, struct replay *r);
void disturb_end(struct disturber *d);

#endif
