/* SPDX-License-Identifier: GPL-2.0-only */
/* The vCPU's thread stands still for as long as somebody wants it to. */
#ifndef FTVMM_PAUSE_H
#define FTVMM_PAUSE_H

#include <pthread.h>
#include <stdbool.h>

/**
 * struct pause - whether the guest runs
 * @lock: protects @wanted, @called and @standing
 * @changed: of @wanted and @called
 * @wanted: the guest is to stand still
 * @called: there is something to be done while it does
 * @standing: it does
 * @told: an eventfd: @standing has changed
 */
struct pause {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool wanted;
	bool called;
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

/* Who stands still, or comes to do so next, has something to do first.  Any thread. */
void pause_call(struct pause *pause);

/**
 * pause_wait() - stand still for as long as that is wanted
 * @pause: whether it is
 *
 * The vCPU's thread, between two instructions.
 *
 * Return: true after pause_call(): it is to be called again; false when no pause is wanted.
 */
bool pause_wait(struct pause *pause);

/* Have the main loop look: something has happened that it should know. */
void pause_tell(struct pause *pause);

#endif
