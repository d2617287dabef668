/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The connection between two daemons.  They speak in turns: whoever sends a line waits
 * for the answer, so that nothing of what follows on the connection, when others have
 * taken it over, is read here.
 */
#ifndef FTD_CHANNEL_H
#define FTD_CHANNEL_H

#include "auth.h"
#include "lines.h"

#define CHANNEL_STRANGER	512	/* bytes of a line of who has proved nothing */
#define CHANNEL_LINE		32768	/* of one of the other ftd */
#define CHANNEL_PAIR_MS		5000	/* to prove something */

/**
 * struct channel - a connection
 * @lines: what comes
 * @auth: keys
 * @findings: why it has failed
 */
struct channel {
	struct lines lines;
	struct auth auth;
	struct findings findings;
};

/**
 * channel_pair() - prove the secret, and have it proved
 * @channel: all but the descriptor is set here
 * @fd: the connection; not closed here
 * @role: this side's
 * @secret: shared
 * @ms: time for it
 *
 * Return: 0, or -1 with the reason in @channel's findings.
 */
int channel_pair(struct channel *channel, int fd, enum auth_role role,
		 const struct secret *secret, unsigned int ms);

/* Return: 0, or -1 with the reason in the findings.  The object is put. */
int channel_send(struct channel *channel, struct json_object *object);

/* Return: the other side's next line, to be put; NULL with the reason in the findings. */
struct json_object *channel_receive(struct channel *channel, unsigned int ms);

#endif
