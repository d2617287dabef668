/* SPDX-License-Identifier: GPL-2.0-only */
/* How often, and from which seed: what may be chosen without building anew. */
#ifndef SELFTESTS_ENVIRONMENT_H
#define SELFTESTS_ENVIRONMENT_H

#include <stdint.h>
#include <stdlib.h>

/* The number in the variable @name, @otherwise if there is none. */
static inline uint64_t environment_number(const char *name, uint64_t otherwise)
{
	const char *value = getenv(name);

	return value ? strtoull(value, NULL, 0) : otherwise;
}

#endif
