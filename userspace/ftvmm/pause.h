/* SPDX-License-Identifier: GPL-2.0-only */
/* The vCPU's thread stands still for as long as somebody wants it to. */
#ifndef FTVMM_PAUSE_H
#define FTVMM_PAUSE_H

#include <pthread.h>
#include <stdbool.h>

/**
 * struct pause - whether the guest runs
 * @lock: protects @wanted and @standing
 * @changed: of @wanted
 * @wanted: the guest is to stand still
 * @standing: it does
 * @told: an eventfd: @standing has changed
 */
struct pause {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool wanted;
	bool standing;
	int told;
};

/* Returns 0, or -1 with the reason told; pause_close() is to be called in both cases. */
int pause_open(struct pause *pause);
void pause_close(struct pause *pause);

/* Any thread.  The vCPU's has to be interrupted after that. */
void pause_want(struct pause *pause, bool wanted);

/* Any thread. */
bool pause_is_standing(struct pause *pause);

/* Returns when no pause is wanted.  The vCPU's thread, between two instructions. */
void pause_wait(struct pause *pause);

/* Have the main loop look: something has happened that it should know. */
void pause_tell(struct pause *pause);

#endif
