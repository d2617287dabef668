// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "paging.h"

#define NPT	"/sys/module/kvm_amd/parameters/npt"

enum paging paging_of_host(void)
{
	FILE *file = fopen(NPT, "r");
	int value = file ? fgetc(file) : EOF;

	if (file)
		fclose(file);
	if (value == EOF)
		return PAGING_UNKNOWN;
	return value == 'Y' || value == '1' ? PAGING_NESTED : PAGING_STRICT;
}
