/* SPDX-License-Identifier: GPL-2.0-only */
/* What a VM of the other host says of itself: who takes over tells it there. */
#ifndef FTD_LOOK_H
#define FTD_LOOK_H

#include "channel.h"
#include "pairing.h"

#define LOOK_REQUEST	"look"

/* The administrator's side: ask the other host's daemon. */
void look_ask(const struct pairing *pairing, const struct protect_job *job);

/**
 * look_answer() - the other side
 * @pairing: what it needs
 * @channel: the other daemon has asked
 * @request: what it has said
 *
 * Return: 0, or -1 with the reason in the channel's findings.
 */
int look_answer(const struct pairing *pairing, struct channel *channel,
		struct json_object *request);

#endif
