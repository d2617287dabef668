// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/socket.h>

#include "message.h"
#include "object.h"
#include "pairing.h"

void pairing_report(const struct pairing *p, struct json_object *object)
{
	const char *text = object ? object_line(object) : NULL;

	/* Without a daemon there is nobody who wants to know. */
	if (text && send(p->report, text, strlen(text), MSG_NOSIGNAL) < 0)
		info("the daemon has ended: it was not told: %s", text);
	json_object_put(object);
}

void pairing_answer(const struct pairing *p, const struct protect_job *job,
		    const struct findings *findings, struct json_object *result, int err)
{
	object_add_flag(result, "ok", !err);
	object_add_text(result, "vm", job->vm);
	if (findings->count) {
		object_add_text(result, "error", findings->list[0].text);
		json_object_object_add(result, "refused", findings_save(findings));
	}
	pairing_report(p, result);
}

void pairing_complain(const char *what, const char *whom, const struct findings *findings)
{
	const struct finding *f = findings->list;

	for (; f < findings->list + findings->count; f++)
		tell_error("%s %s: %s: %s%s%s", what, whom, f->name, f->text,
			   *f->remedy ? ": " : "", f->remedy);
}
