/* SPDX-License-Identifier: GPL-2.0-only */
/* A VM of this host that has the name of one that is to have a secondary here. */
#ifndef FTD_NAMESAKE_H
#define FTD_NAMESAKE_H

#include "config.h"
#include "finding.h"
#include "vm.h"

/**
 * namesake_check() - is there none?
 * @vm: of another host, whose primary begins a new protection
 * @config: settings
 * @ms: to wait for one that is about to end
 * @findings: gets the reason if there is one
 *
 * What is left of an older protection of the same VM ends by itself, as soon as it has
 * played its log, or has been told by the arbiter that it has lost; until its process has
 * ended it has the VM's taps and disks.
 */
void namesake_check(const struct vm *vm, const struct config *config, unsigned int ms,
		    struct findings *findings);

#endif
