/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Connections on the logging interface: sockets are bound to it, so that nothing goes
 * another way, whatever the routes are.
 */
#ifndef FTD_TCP_H
#define FTD_TCP_H

#include <stddef.h>

#include "config.h"
#include "finding.h"

/* Return: a listening socket, not blocking; or -1 with the reason in @findings. */
int tcp_listen(const struct config *config, struct findings *findings);

/**
 * tcp_connect() - connect to another ftd
 * @config: has interface and port
 * @address: numeric
 * @ms: time for it
 * @findings: says what is wrong
 *
 * Return: a blocking socket without timeouts; or -1.
 */
int tcp_connect(const struct config *config, const char *address, unsigned int ms,
		struct findings *findings);

/* Return: a connection, a blocking socket; or -1 and errno.  @peer: its address. */
int tcp_accept(int listener, char *peer, size_t size);

#endif
