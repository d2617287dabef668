/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What two daemons have to say to one another about a VM.  Each pairing is done by a
 * process of its own, which waits as long as it takes and ends; the daemon goes on.
 */
#ifndef FTD_PAIRING_H
#define FTD_PAIRING_H

#include <stdbool.h>

#include "auth.h"
#include "config.h"
#include "vm.h"

#define PAIRING_QUIET_MS	120000	/* for a primary to say how far the snapshot is */

/**
 * struct pairing - what it needs
 * @config: settings
 * @secret: shared with other hosts
 * @describe: this host
 * @pair_ms: time for authentication, and for other answers that need no work
 * @ready_ms: time for a secondary to start
 * @end_ms: time for what is left of an older protection to end
 * @report: a SOCK_SEQPACKET socket to the daemon; see daemon.h
 */
struct pairing {
	const struct config *config;
	const struct secret *secret;
	void (*describe)(struct host *host);
	unsigned int pair_ms;
	unsigned int ready_ms;
	unsigned int end_ms;
	int report;
};

/**
 * struct protect_job - what an administrator wants
 * @vm: name of a VM of this host
 * @host: name or address of another one
 * @verify: registers and hashes of RAM are compared
 * @hash_interval: guest progress between two of these; 0 for what it was last
 * @dry_run: only find out whether it can be done
 */
struct protect_job {
	char vm[VM_NAME];
	char host[64];
	bool verify;
	uint64_t hash_interval;
	bool dry_run;
};

/* Tell the daemon something.  @object is put. */
void pairing_report(const struct pairing *pairing, struct json_object *object);

/*
 * The answer to the administrator: @result with what was found, and whether all went well.
 * It is put.
 */
void pairing_answer(const struct pairing *pairing, const struct protect_job *job,
		    const struct findings *findings, struct json_object *result, int err);

/* A line of the log for each finding. */
void pairing_complain(const char *what, const char *whom, const struct findings *findings);

/* The other host has connected.  @fd is closed. */
void pairing_respond(const struct pairing *pairing, int fd, const char *peer);

/* Connect to the other host, and hand the connection to the primary. */
void pairing_protect(const struct pairing *pairing, const struct protect_job *job);

#endif
