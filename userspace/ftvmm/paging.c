// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "paging.h"

#define NPT	"/sys/module/kvm_amd/parameters/npt"

/* The file's first character; EOF if there is none. */
static int first_of(const char *path)
{
	FILE *file = fopen(path, "r");
	int value = file ? fgetc(file) : EOF;

	if (file)
		fclose(file);
	return value;
}

enum paging paging_of_host(void)
{
	int value = first_of(NPT);

	if (value == EOF)
		return PAGING_UNKNOWN;
	return value == 'Y' || value == '1' ? PAGING_NESTED : PAGING_STRICT;
}

static bool is_on(const char *path)
{
	int value = first_of(path);

	return value != EOF && value != '0';
}

bool paging_host_migrates(void)
{
	return is_on("/proc/sys/vm/compact_unevictable_allowed") ||
	       is_on("/proc/sys/kernel/numa_balancing");
}
