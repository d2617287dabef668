/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest-visible state of the machine beside its RAM: each device keeps its
 * own in one struct without pointers, and tells of it here.
 */
#ifndef FTVMM_STATE_H
#define FTVMM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"

/**
 * struct state - of one device
 * @next: in the list of all
 * @name: unique, shorter than SNAPSHOT_NAME
 * @version: goes up whenever @data gets another layout or meaning
 * @data: the struct
 * @size: its size
 * @collect: makes @data current first; NULL if it always is
 * @restored: the guest is being reset: takes on what @data has become; NULL if
 *	there is nothing to do
 * @loaded: likewise, when @data was loaded from a snapshot; NULL for @restored
 * @valid: can @data, which was read from a snapshot, be the state of a device?  What
 *	is in it is used without a check later; NULL if anything will do
 * @device: for the functions that return int: 0, or -1 with the reason told
 * @kept: a copy
 * @taken: which of its sections were read from a snapshot
 */
struct state {
	struct state *next;
	const char *name;
	uint32_t version;
	void *data;
	size_t size;
	int (*collect)(void *device);
	int (*restored)(void *device);
	int (*loaded)(void *device);
	bool (*valid)(const void *data);
	void *device;
	void *kept;
	unsigned int taken;
};

/* The struct must stay; restored() and loaded() are called in the order of adding. */
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

/**
 * state_save() - write the state of all devices, and what state_keep() remembers
 * @to: the snapshot
 *
 * The guest stands still, its last instruction complete.
 *
 * Return: 0, or -1 with the reason told.
 */
int state_save(struct snapshot_writer *to);

/**
 * state_take() - read a section that state_save() has written
 * @from: the snapshot, with the section's head read
 *
 * Return: 1 if it was one of a device; 0 if not, and nothing was read; -1 with the
 * reason told.
 */
int state_take(struct snapshot_reader *from);

/**
 * state_loaded() - all sections were taken
 *
 * Return: 0, or -1 with the reason told: if a device's state did not come.
 */
int state_loaded(void);

#endif
