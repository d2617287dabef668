/* SPDX-License-Identifier: GPL-2.0-only */
/* A client of a control socket: of a VM's, or of ftd's. */
#ifndef KVMFT_CONTROL_LINK_H
#define KVMFT_CONTROL_LINK_H

#include <json-c/json.h>
#include <sys/types.h>

#include "lines.h"

/**
 * struct control_link - a connection to a control socket
 * @lines: what comes
 */
struct control_link {
	struct lines lines;
};

/* Return: 0, or a negative errno; control_link_close() is to be called after 0 only. */
int control_link_open(struct control_link *link, const char *path);

void control_link_close(struct control_link *link);

/**
 * control_link_send() - send a request
 * @link: the connection
 * @request: is put
 * @fd: a descriptor to go along, or -1; stays open here
 *
 * Return: 0, or a negative errno.
 */
int control_link_send(struct control_link *link, struct json_object *request, int fd);

/**
 * control_link_next() - what comes next: a reply or an event
 * @link: the connection
 * @deadline: of CLOCK_MONOTONIC in ms; 0: only what is there already
 *
 * Return: an object, to be put; or NULL and errno, as lines_next(): EPROTO if it is
 * no object.
 */
struct json_object *control_link_next(struct control_link *link, int64_t deadline);

/**
 * control_link_process() - who listens at the socket?
 * @link: the connection
 * @pid: becomes its process
 *
 * Return: a descriptor of that (pidfd_open()), to be closed; or a negative errno, ESRCH if it
 * has ended.  It is the right one if an answer to a later request comes.
 */
int control_link_process(const struct control_link *link, pid_t *pid);

/* A request of one command without parameters.  NULL: no memory. */
struct json_object *control_request(const char *command);

/**
 * control_ask() - make one request to a control socket
 * @path: of the socket
 * @request: is put
 * @ms: time for it
 *
 * Return: the reply, to be put; or NULL and errno.
 */
struct json_object *control_ask(const char *path, struct json_object *request, unsigned int ms);

#endif
