// SPDX-License-Identifier: GPL-2.0-only
/* ftadm vm protect: ftd does it; here it is said how far it is. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "control_link.h"
#include "ftadm.h"
#include "object.h"
#include "reply.h"

#define PROTECT_MS	300000	/* between two signs of life of a protection */
#define MIB		1048576

/* A line on a terminal that is written anew each time.  Numbers are the VM's word. */
static bool print_progress(const struct arguments *a, struct json_object *event)
{
	const char *name = object_text(event, "event"), *vm = object_text(event, "vm");
	uint64_t sent, done, memory;

	if (strcmp(name, "protect_progress") || !vm || strcmp(vm, a->argument) ||
	    !object_number(event, "snapshot_bytes", &sent) ||
	    !object_number(event, "memory_done", &done) ||
	    !object_number(event, "memory", &memory) || !memory || done > memory)
		return false;
	fprintf(stderr, "\rsnapshot: %3.0f %% of %llu MiB of memory, %llu MiB sent ",
		100.0 * done / memory, (unsigned long long)(memory / MIB),
		(unsigned long long)(sent / MIB));
	return true;
}

/* The reply to what was sent; events before it are shown.  NULL and errno. */
static struct json_object *reply_to(const struct arguments *a, struct control_link *link,
				    struct json_object *request)
{
	bool shows = !a->json && isatty(STDERR_FILENO), shown = false;
	int err = control_link_send(link, request, -1);
	struct json_object *object;

	if (err) {
		errno = -err;
		return NULL;
	}
	while ((object = control_link_next(link, deadline_in(PROTECT_MS))) &&
	       object_text(object, "event")) {
		shown |= shows && print_progress(a, object);
		json_object_put(object);
	}
	err = errno;
	if (shown)
		fputs("\n", stderr);
	errno = err;
	return object;
}

static struct json_object *new_request(const struct arguments *a)
{
	struct json_object *request = control_request("protect");

	if (!request)
		return NULL;
	object_add_text(request, "vm", a->argument);
	object_add_text(request, "host", a->secondary);
	object_add_flag(request, "verify", a->options & OPTION_VERIFY);
	if (a->options & OPTION_HASH_INTERVAL)
		object_add_number(request, "hash_interval", a->hash_interval);
	object_add_flag(request, "dry_run", a->options & OPTION_DRY_RUN);
	return request;
}

static void print_protected(const struct arguments *a, struct json_object *reply)
{
	uint64_t pause = 0, bytes = 0;

	if (a->options & OPTION_DRY_RUN) {
		printf("VM %s can be protected by %s\n", a->argument, a->secondary);
		return;
	}
	object_number(reply, "pause_ms", &pause);
	object_number(reply, "snapshot_bytes", &bytes);
	printf("VM %s is protected by %s%s: stood still for %llu ms, snapshot of %llu bytes\n",
	       a->argument, a->secondary, object_flag(reply, "verify") ? ", and verified" : "",
	       (unsigned long long)pause, (unsigned long long)bytes);
}

int vm_protect(const struct arguments *a)
{
	static struct control_link link;
	struct json_object *reply;
	int err = control_link_open(&link, a->config.socket);

	errno = -err;
	if (err)
		return reply_none("ftd", a->config.socket);
	reply = reply_to(a, &link, control_request("events"));
	if (object_flag(reply, "ok")) {
		json_object_put(reply);
		reply = reply_to(a, &link, new_request(a));
	}
	control_link_close(&link);
	if (!reply)
		return reply_none("ftd", a->config.socket);
	if (!a->json && object_flag(reply, "ok"))
		print_protected(a, reply);
	return reply_finish(a, reply);
}
