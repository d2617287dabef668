/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest-visible state of the machine beside its RAM: each device keeps its
 * own in one struct without pointers, and tells of it here.
 */
#ifndef FTVMM_STATE_H
#define FTVMM_STATE_H

#include <stddef.h>

/**
 * struct state - of one device
 * @next: in the list of all
 * @name: unique
 * @data: the struct
 * @size: its size
 * @collect: makes @data current first; NULL if it always is
 * @restored: takes on what @data has become; NULL if there is nothing to do
 * @device: for the functions, which return 0, or -1 with the reason told
 * @kept: a copy
 */
struct state {
	struct state *next;
	const char *name;
	void *data;
	size_t size;
	int (*collect)(void *device);
	int (*restored)(void *device);
	void *device;
	void *kept;
};

/* The struct must stay; restored() is called in the order of adding. */
void state_add(struct state *state);

/**
 * state_keep() - remember the state of all devices
 *
 * Return: 0, or -1 with the reason told.
 */
int state_keep(void);

/**
 * state_restore() - go back to what state_keep() has remembered
 *
 * The vCPU's thread.
 *
 * Return: 0, or -1 with the reason told.
 */
int state_restore(void);

#endif
