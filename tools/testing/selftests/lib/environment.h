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

/*
 * Times that this host takes longer than others for the same; the runner knows
 * that of its kernel.  Limits of time and times between events are multiplied by it.
 */
static inline unsigned int environment_slower(void)
{
	return environment_number("KVM_FT_TEST_SLOWER", 1);
}

/* How often to do what is done @times times on other hosts. */
static inline unsigned int environment_amount(unsigned int times)
{
	unsigned int slower = environment_slower();

	return (times + slower - 1) / slower;
}

#endif
