/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef FTADM_H
#define FTADM_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "../ftd/config.h"
#include "finding.h"

/* Options of some commands. */
enum {
	OPTION_SECONDARY = 1,	/* those that know it need it */
	OPTION_VERIFY = 2,
	OPTION_HASH_INTERVAL = 4,
	OPTION_DRY_RUN = 8,
	OPTION_YES = 16,
	OPTION_INTERVAL = 32,
};

/**
 * struct arguments - the command line
 * @config: of ftd, for where things are
 * @argument: of the command; NULL if it has none
 * @secondary: the other host, or NULL
 * @hash_interval: guest progress between two hashes of RAM, if it was given
 * @options: OPTION_* that were given
 * @interval: seconds between samples; 0 for one sample
 * @json: print JSON
 */
struct arguments {
	struct config config;
	const char *argument;
	const char *secondary;
	uint64_t hash_interval;
	unsigned int options;
	unsigned int interval;
	bool json;
};

/**
 * struct command - what ftadm can do: "ftadm OBJECT VERB ARGUMENT"
 * @object: what it is done to
 * @verb: what is done; "" if there is but one thing to do
 * @argument: its name in --help; NULL if there is none
 * @text: for --help
 * @help: more of it, or NULL
 * @options: OPTION_* that it knows
 * @run: does it; returns the exit status
 */
struct command {
	const char *object;
	const char *verb;
	const char *argument;
	const char *text;
	const char *help;
	unsigned int options;
	int (*run)(const struct arguments *a);
};

/* Something went wrong: what, and the remedy.  Returns -1. */
__attribute__((format(printf, 1, 2)))
int complain(const char *format, ...);

/* An object on a line of the output; is put.  Returns the exit status. */
int print_object(struct json_object *object);

/* "refused NAME: what it is: the remedy", a line each. */
void print_findings(const char *heading, const struct findings *findings);

/* log.c; exit status 0, 1 after an error, 3 if the log is corrupt */
int log_dump(const char *path, bool json);
int log_stat(const char *path, bool json);

/* host.c */
int host_check(const struct arguments *a);
int host_list(const struct arguments *a);

/* vm.c */
/* Calls @each for each VM of this host that has, or has left, a control socket; by name. */
void vm_each(const struct arguments *a, void (*each)(void *data, const char *name), void *data);
int vm_list(const struct arguments *a);
int vm_status(const struct arguments *a);
int vm_protect(const struct arguments *a);
int vm_unprotect(const struct arguments *a);

/* failover.c */
int vm_promote(const struct arguments *a);
int vm_test_failover(const struct arguments *a);

/* stats.c */
int stats_show(const struct arguments *a);

/* events.c */
int events_show(const struct arguments *a);

#define EXIT_ERROR	1
#define EXIT_CORRUPT	3

#endif
