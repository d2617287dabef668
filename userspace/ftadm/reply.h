/* SPDX-License-Identifier: GPL-2.0-only */
/* Replies of VMs and of ftd, and what is printed of those that are no. */
#ifndef FTADM_REPLY_H
#define FTADM_REPLY_H

#include <json-c/json.h>

#include "ftadm.h"

#define REPLY_MS	5000	/* for answers that need no work */

/* There is none, and errno says why: @what does not answer at @path.  The exit status. */
int reply_none(const char *what, const char *path);

/* Prints a reply that is no, or anything as JSON.  @reply is put.  The exit status. */
int reply_finish(const struct arguments *a, struct json_object *reply);

/**
 * reply_of_vm() - ask the VM that the command line names
 * @a: the command line
 * @command: without parameters
 * @ms: time for the answer
 * @reply: to be put
 *
 * Return: 0, or the exit status with the reason told.
 */
int reply_of_vm(const struct arguments *a, const char *command, unsigned int ms,
		struct json_object **reply);

#endif
