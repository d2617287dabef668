/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FTADM_H
#define FTADM_H

#include <stdbool.h>

/**
 * struct command - what ftadm can do: "ftadm OBJECT VERB ARGUMENT"
 * @object: what it is done to
 * @verb: what is done
 * @argument: its name in --help; there is one
 * @text: for --help
 * @run: does it; returns the exit status
 */
struct command {
	const char *object;
	const char *verb;
	const char *argument;
	const char *text;
	int (*run)(const char *argument, bool json);
};

/* Something went wrong: what, and the remedy.  Returns -1. */
__attribute__((format(printf, 1, 2)))
int complain(const char *format, ...);

/* log.c; exit status 0, 1 after an error, 3 if the log is corrupt */
int log_dump(const char *path, bool json);
int log_stat(const char *path, bool json);

#define EXIT_ERROR	1
#define EXIT_CORRUPT	3

#endif
