/* SPDX-License-Identifier: GPL-2.0-only */
/* The main loop's part, for tests that are not in it. */
#ifndef FTVMM_TESTS_SERVE_H
#define FTVMM_TESTS_SERVE_H

#include <stdbool.h>
#include <sys/epoll.h>

#include "../../lib/loop.h"

/* One round, if there is anything within @ms.  Whether there was. */
static inline bool serve(struct loop *loop, int ms)
{
	struct epoll_event event;
	struct watch *watch;

	if (epoll_wait(loop->epoll, &event, 1, ms) != 1)
		return false;
	watch = event.data.ptr;
	watch->ready(watch->owner);
	return true;
}

#endif
