/* SPDX-License-Identifier: GPL-2.0-only */
/* Makes a block device or a file an area for arbiters. */
#ifndef ARBITER_FORMAT_H
#define ARBITER_FORMAT_H

#include "arbiter.h"

/**
 * arbiter_format() - write an empty area to the first ARBITER_BYTES of a device or file
 * @a: arbiter_close() is to be called in any case
 * @path: a block device that nothing uses, or a file; outside of /dev it is created
 * @force: also if something is there already, or another area
 *
 * No VM may be protected by an area that is there. Contenders of it get no answer any more.
 *
 * Return: 0; -EEXIST if something is there, @a->problem says what; -EBUSY if a device is
 * in use; or another negative errno.
 */
int arbiter_format(struct arbiter *a, const char *path, bool force);

#endif
