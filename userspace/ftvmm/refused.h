/* SPDX-License-Identifier: GPL-2.0-only */
/* Options of other VMMs that no protected guest can have: refused by name. */
#ifndef FTVMM_REFUSED_H
#define FTVMM_REFUSED_H

#define REFUSED_OPTIONS	8

/**
 * struct refused_option - an option and why it is refused
 * @option: without the dashes
 * @name: of the reason
 * @text: what is in the way
 * @remedy: what to do about it
 */
struct refused_option {
	const char *option;
	const char *name;
	const char *text;
	const char *remedy;
};

extern const struct refused_option refused_options[REFUSED_OPTIONS];

/* The one for --cpus, which has an argument that is not refused. */
#define REFUSED_CPUS	(&refused_options[0])

#endif
