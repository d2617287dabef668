// SPDX-License-Identifier: GPL-2.0-only
#include "deferred.h"
#include "message.h"

/* The vCPU's thread. */
static int run_task(void *data)
{
	struct deferred *d = data;
	int result;

	message_catch(d->problem, sizeof(d->problem));
	result = d->run(d->data);
	message_catch(NULL, 0);
	return result;
}

enum control_result deferred_ask(struct deferred *d, const struct control_call *call,
				 int (*run)(void *data), void *data)
{
	d->run = run;
	d->data = data;
	d->problem[0] = '\0';
	d->task = (struct vcpu_task){ .run = run_task, .data = d, .anywhere = d->anywhere };
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
	bool has_failed = deferred_is_done(d) && d->task.result;
	struct json_object *reply = deferred_reply(d);

	if (reply && error && has_failed && *d->problem)
		control_refuse(reply, NULL, "%s: %s", error, d->problem);
	else if (reply && error)
		control_refuse(reply, "see its messages", "%s", error);
	if (reply)
		control_answer(d->control, d->ticket);
	d->ticket = 0;
}
