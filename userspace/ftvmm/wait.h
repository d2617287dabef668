/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the vCPU's thread waits for the host, within an exit of the guest: for room in
 * the terminal's queue, for disk requests.  It must come out when it is to end.
 */
#ifndef FTVMM_WAIT_H
#define FTVMM_WAIT_H

#include <stdbool.h>
#include <time.h>

/**
 * wait_until() - wait for something
 * @ready: is it so?  Called at first, and after each wait_wake()
 * @data: for @ready
 * @ms: wait so long at most; 0 for no limit
 *
 * The vCPU's thread.
 *
 * Return: true if it is so; false after @ms, or if the thread is to end.
 */
bool wait_until(bool (*ready)(void *data), void *data, unsigned int ms);

/* Something that @ready looks at has changed.  Any thread. */
void wait_wake(void);

/* In so many milliseconds, by CLOCK_MONOTONIC. */
struct timespec wait_deadline(unsigned int ms);

/* From now on nothing is waited for.  Any thread. */
void wait_end(void);

#endif
