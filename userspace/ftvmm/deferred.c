// SPDX-License-Identifier: GPL-2.0-only
#include "deferred.h"

enum control_result deferred_ask(struct deferred *d, const struct control_call *call,
				 int (*run)(void *data), void *data)
{
	d->task = (struct vcpu_task){ .run = run, .data = data, .anywhere = d->anywhere };
	d->ticket = call->ticket;
	vcpu_do(d->vcpu, &d->task);
	return CONTROL_LATER;
}

bool deferred_is_done(const struct deferred *d)
{
	return d->ticket && vcpu_did(&d->task);
}

struct json_object *deferred_reply(const struct deferred *d)
{
	return control_pending(d->control, d->ticket);
}

void deferred_answer(struct deferred *d, const char *error)
{
	struct json_object *reply = deferred_reply(d);

	if (reply && error)
		control_refuse(reply, "see its messages", "%s", error);
	if (reply)
		control_answer(d->control, d->ticket);
	d->ticket = 0;
}
