/* SPDX-License-Identifier: GPL-2.0-only */
/* The values of options. */
#ifndef FTVMM_OPTION_VALUES_H
#define FTVMM_OPTION_VALUES_H

#include "options.h"

/* Each takes an option's value, and returns 0, or -1 with the reason told. */
int option_memory(struct options *options, const char *text);
int option_console(struct options *options, const char *text);
int option_disk(struct options *options, char *text);		/* the text must stay */
int option_net(struct options *options, char *text);		/* likewise */
int option_counter(struct options *options, const char *text);
int option_descriptor(struct options *options, const char *text);

/* A number from @min to @max. */
int option_number(const char *option, const char *text, uint64_t min, uint64_t max,
		  uint64_t *number);

/* Has each network device an address and a tap device of its own?  Returns as the others do. */
int option_nets_differ(const struct options *options);

#endif
