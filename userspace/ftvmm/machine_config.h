/* SPDX-License-Identifier: GPL-2.0-only */
/* What of the command line makes the machine, in a snapshot: its second section. */
#ifndef FTVMM_MACHINE_CONFIG_H
#define FTVMM_MACHINE_CONFIG_H

#include "options.h"
#include "snapshot.h"

/*
 * @checking: the log will have registers and hashes.  Both return 0, or -1 with the
 * reason told.
 */
int machine_config_save(const struct options *options, uint64_t generation, bool checking,
			struct snapshot_writer *to);

/**
 * machine_config_load() - read what machine it was
 * @options: memory, console, disks and network devices become those of the machine;
 *	a disk keeps the path that the user has given for it, or has none
 * @from: the snapshot; its next section must be the machine's
 *
 * Return: see above.
 */
int machine_config_load(struct options *options, struct snapshot_reader *from);

#endif
