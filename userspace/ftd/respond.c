// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "look.h"
#include "message.h"
#include "namesake.h"
#include "object.h"
#include "pairing.h"
#include "secondary.h"

/**
 * struct response - a connection that the other host has made
 * @p: what is needed
 * @peer: address of the other side
 * @channel: the connection
 * @vm: that is to have a secondary here
 * @dry_run: or only if it could
 */
struct response {
	const struct pairing *p;
	const char *peer;
	struct channel channel;
	struct vm vm;
	bool dry_run;
};

static struct json_object *new_event(const char *name, const struct response *r)
{
	struct json_object *event = json_object_new_object();

	if (!event)
		return NULL;
	object_add_text(event, "event", name);
	object_add_text(event, "peer", r->peer);
	if (*r->vm.name)
		object_add_text(event, "vm", r->vm.name);
	return event;
}

static void tell_findings(const struct response *r)
{
	const struct findings *f = &r->channel.findings;
	struct json_object *event = new_event("pairing_refused", r);

	pairing_complain("pairing with", r->peer, f);
	if (event)
		json_object_object_add(event, "refused", findings_save(f));
	pairing_report(r->p, event);
}

static void report_authenticated(const struct response *r)
{
	struct json_object *report = json_object_new_object();

	if (report)
		object_add_flag(report, "authenticated", true);
	pairing_report(r->p, report);
}

static int answer(struct response *r, const char *word)
{
	struct json_object *object = json_object_new_object();

	if (object)
		object_add_text(object, "answer", word);
	if (object && r->channel.findings.count)
		json_object_object_add(object, "refused", findings_save(&r->channel.findings));
	return channel_send(&r->channel, object);
}

static void check(struct response *r, struct json_object *request)
{
	struct findings *findings = &r->channel.findings;
	static struct host primary, own;
	const char *what = object_text(request, "request");

	r->dry_run = object_flag(request, "dry_run");
	if (!what || strcmp(what, "secondary")) {
		findings_add(findings, "REQUEST", "use the same version of kvm-ft on both hosts",
			     "the secondary's ftd does not know this request");
		return;
	}
	if (host_load(&primary, object_object(request, "host"))) {
		findings_add(findings, "REQUEST", "use the same version of kvm-ft on both hosts",
			     "the description of the primary's host is not one");
		return;
	}
	if (vm_load(&r->vm, object_object(request, "vm"), findings))
		return;
	r->p->describe(&own);
	host_compare(&primary, &own, findings);
	vm_check(&r->vm, &own, r->p->config, findings);
	namesake_check(&r->vm, r->p->config, r->p->end_ms, findings);
}

/* If it cannot be, that is found. */
static void start(struct response *r, int fd)
{
	pid_t pid = secondary_start(r->p->config, &r->vm, fd, r->p->ready_ms,
				    &r->channel.findings);
	struct json_object *event;

	if (pid < 0)
		return;
	info("secondary of VM %s for %s: process %d, messages in %s/%s.log", r->vm.name, r->peer,
	     pid, r->p->config->logs, r->vm.name);
	event = new_event("secondary_started", r);
	if (event)
		object_add_number(event, "pid", pid);
	pairing_report(r->p, event);
}

static int take_request(struct response *r, int fd)
{
	struct json_object *request = channel_receive(&r->channel, r->p->pair_ms);
	const char *what = object_text(request, "request") ?: "";
	bool looks = !strcmp(what, LOOK_REQUEST);

	if (!request)
		return -1;
	if (looks)
		look_answer(r->p, &r->channel, request);
	else
		check(r, request);
	json_object_put(request);
	if (!r->channel.findings.count && !looks && !r->dry_run)
		start(r, fd);
	if (r->channel.findings.count) {
		answer(r, "refused");
		return -1;
	}
	return looks ? 0 : answer(r, r->dry_run ? "fit" : "ready");
}

void pairing_respond(const struct pairing *p, int fd, const char *peer)
{
	static struct response r;

	r = (struct response){ .p = p, .peer = peer };
	if (channel_pair(&r.channel, fd, AUTH_RESPONDER, p->secret, p->pair_ms)) {
		tell_findings(&r);
	} else {
		report_authenticated(&r);
		if (take_request(&r, fd))
			tell_findings(&r);
	}
	close(fd);
}
