/* SPDX-License-Identifier: GPL-2.0-only */
/* "ftvmm check": what stands in the way of protecting a guest. */
#ifndef FTVMM_CHECK_H
#define FTVMM_CHECK_H

#include "options.h"

/**
 * check_run() - look at the host and at what the options name; print what is found
 * @options: of the guest, which is not started
 *
 * Everything is opened by the functions that open it for a guest, and closed again:
 * what they complain about is what is printed. kvm-ft is asked by beginning to record
 * a VM that has not run to a log in memory.
 *
 * Return: exit status: 0 if nothing stands in the way, 1 if something does.
 */
int check_run(const struct options *options);

#endif
