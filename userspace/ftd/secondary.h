/* SPDX-License-Identifier: GPL-2.0-only */
/* The VMM that replays a VM of another host. */
#ifndef FTD_SECONDARY_H
#define FTD_SECONDARY_H

#include "config.h"
#include "finding.h"
#include "vm.h"

/**
 * secondary_start() - start ftvmm, and wait until it can be asked for its status
 * @config: has its path and more options
 * @vm: that it is for
 * @fd: the connection, which it inherits
 * @ms: time until it must be ready
 * @findings: says what is wrong
 *
 * It is in a session of its own, and lives on when the caller ends.
 *
 * Return: its process; or -1: then there is none.
 */
pid_t secondary_start(const struct config *config, const struct vm *vm, int fd,
		      unsigned int ms, struct findings *findings);

#endif
