/* SPDX-License-Identifier: GPL-2.0-only */
/* The daemon: takes connections of other hosts, and requests of administrators. */
#ifndef FTD_DAEMON_H
#define FTD_DAEMON_H

#include "control.h"
#include "pairing.h"
#include "workers.h"

#define FTD_VERSION	"0.1.0"
#define DAEMON_COMMANDS	4

/**
 * struct daemon - all of it
 * @config: settings
 * @secret: shared with other hosts
 * @pairing: what its processes need
 * @loop: the main loop
 * @control: its socket
 * @command: what can be asked there: status, hosts, protect, look
 * @workers: processes
 * @listener: takes other hosts' connections
 * @signals: that end it, or tell of processes that have ended
 */
struct daemon {
	struct config config;
	struct secret secret;
	struct pairing pairing;
	struct loop loop;
	struct control control;
	struct control_command command[DAEMON_COMMANDS];
	struct workers workers;
	struct watch listener;
	struct watch signals;
};

/**
 * daemon_open() - begin to listen
 * @d: has @config and @pairing's describe and pair_ms
 * @findings: says what is wrong
 *
 * Return: 0, or -1; daemon_close() is to be called in both cases.
 */
int daemon_open(struct daemon *d, struct findings *findings);

/* Until SIGTERM or SIGINT.  Return: 0, or -1 with the reason told. */
int daemon_run(struct daemon *d);

void daemon_close(struct daemon *d);

#endif
