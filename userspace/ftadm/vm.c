// SPDX-License-Identifier: GPL-2.0-only
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../ftd/vm.h"
#include "control_link.h"
#include "ftadm.h"
#include "object.h"

#define ASK_MS		5000	/* for answers that need no work */
#define PROTECT_MS	300000	/* between two signs of life of a protection */
#define MIB		1048576

/* Something that was not to be had; returns the exit status. */
static int no_answer(const char *what, const char *path)
{
	complain("%s does not answer at %s: %s%s", what, path, strerror(errno),
		 errno == ENOENT || errno == ECONNREFUSED ? ": it does not run" : "");
	return EXIT_ERROR;
}

/* A reply that is no, for people: what was found, or the error. */
static void print_refusal(struct json_object *reply)
{
	struct findings findings = { .count = 0 };
	const char *error = object_text(reply, "error");
	const char *remedy = object_text(reply, "remedy");

	findings_load(&findings, object_list(reply, "refused"));
	if (findings.count)
		print_findings("refused", &findings);
	else
		complain("%s%s%s", error ?: "there is no reason given", remedy ? ": " : "",
			 remedy ?: "");
}

/* Prints a reply that is no, or anything as JSON.  @reply is put. */
static int finish(const struct arguments *a, struct json_object *reply)
{
	int status = object_flag(reply, "ok") ? 0 : EXIT_ERROR;

	if (a->json)
		return print_object(reply) ?: status;
	if (status)
		print_refusal(reply);
	json_object_put(reply);
	return status;
}

/* Path of the VM's socket; returns -1 with the reason told. */
static int find_socket(const struct arguments *a, char *path, size_t size)
{
	if (!vm_name_is_sane(a->argument))
		return complain("there is no VM '%s': ftadm vm list shows those there are",
				a->argument);
	vm_socket(path, size, &a->config, a->argument);
	return 0;
}

static int ask_vm(const struct arguments *a, const char *command, struct json_object **reply)
{
	char path[VM_PATH];

	*reply = NULL;
	if (find_socket(a, path, sizeof(path)))
		return EXIT_ERROR;
	*reply = control_ask(path, control_request(command), ASK_MS);
	return *reply ? 0 : no_answer("the VM", path);
}

static int is_socket(const struct dirent *entry)
{
	const char *end = strrchr(entry->d_name, '.');

	return *entry->d_name != '.' && end && !strcmp(end, ".sock");
}

static void print_row(const char *name, struct json_object *status)
{
	uint64_t memory = 0, generation = 0, lag;
	char lag_text[24] = "-";

	object_number(status, "memory", &memory);
	object_number(status, "generation", &generation);
	if (object_number(status, "lag_ms", &lag))
		snprintf(lag_text, sizeof(lag_text), "%llu ms", (unsigned long long)lag);
	printf("%-20s %-12s %-8s %6llu MiB %10llu %8s\n", name,
	       object_text(status, "role") ?: "-", object_text(status, "state") ?:
	       (object_flag(status, "ok") ? "-" : "no answer"),
	       (unsigned long long)memory / MIB, (unsigned long long)generation, lag_text);
}

static struct json_object *status_of(const struct config *config, const char *name)
{
	struct json_object *status, *none;
	char path[VM_PATH];

	vm_socket(path, sizeof(path), config, name);
	status = control_ask(path, control_request("status"), ASK_MS);
	if (status)
		return status;
	none = json_object_new_object();
	object_add_flag(none, "ok", false);
	object_add_text(none, "name", name);
	object_add_text(none, "error", strerror(errno));
	return none;
}

int vm_list(const struct arguments *a)
{
	struct json_object *all = json_object_new_array();
	struct dirent **entries = NULL;
	int i, count = scandir(a->config.sockets, &entries, is_socket, alphasort);

	if (!a->json)
		printf("%-20s %-12s %-8s %10s %10s %8s\n", "NAME", "ROLE", "STATE", "MEMORY",
		       "GENERATION", "LAG");
	for (i = 0; i < count; i++) {
		char *name = entries[i]->d_name;
		struct json_object *status;

		name[strlen(name) - strlen(".sock")] = '\0';
		status = status_of(&a->config, name);
		if (!a->json)
			print_row(name, status);
		json_object_array_add(all, status);
		free(entries[i]);
	}
	free(entries);
	if (a->json)
		return print_object(all);
	json_object_put(all);
	return 0;
}

static void print_status(struct json_object *status)
{
	json_object_object_foreach(status, name, value) {
		if (strcmp(name, "ok"))
			printf("%-14s %s\n", name, json_object_get_string(value));
	}
}

int vm_status(const struct arguments *a)
{
	struct json_object *status;
	int err = ask_vm(a, "status", &status);

	if (err)
		return err;
	if (!a->json && object_flag(status, "ok"))
		print_status(status);
	return finish(a, status);
}

/* Only look; the rest of it is what the VM does when it is asked to. */
static int look_at_protection(const struct arguments *a)
{
	struct json_object *status;
	const char *role;
	int err = ask_vm(a, "status", &status);

	if (err)
		return err;
	role = object_text(status, "role") ?: "";
	if (strcmp(role, "primary")) {
		object_add_flag(status, "ok", false);
		object_add_text(status, "error", "the VM is not protected");
	} else if (!a->json) {
		printf("VM %s is protected: it would be no more\n", a->argument);
	}
	return finish(a, status);
}

int vm_unprotect(const struct arguments *a)
{
	struct json_object *reply;
	int err;

	if (a->dry_run)
		return look_at_protection(a);
	err = ask_vm(a, "unprotect", &reply);
	if (err)
		return err;
	if (!a->json && object_flag(reply, "ok"))
		printf("VM %s is not protected any more\n", a->argument);
	return finish(a, reply);
}

/* Of this VM's snapshot; as it comes. */
static void print_progress(const struct arguments *a, struct json_object *event)
{
	const char *name = object_text(event, "event"), *vm = object_text(event, "vm");
	uint64_t bytes = 0;

	if (a->json || strcmp(name, "protect_progress") || !vm || strcmp(vm, a->argument))
		return;
	object_number(event, "snapshot_bytes", &bytes);
	fprintf(stderr, "snapshot: %llu bytes\n", (unsigned long long)bytes);
}

/* The reply to what was sent; events before it are shown.  NULL and errno. */
static struct json_object *reply_to(const struct arguments *a, struct control_link *link,
				    struct json_object *request)
{
	int err = control_link_send(link, request, -1);

	if (err) {
		errno = -err;
		return NULL;
	}
	for (;;) {
		struct json_object *object = control_link_next(link, deadline_in(PROTECT_MS));

		if (!object || !object_text(object, "event"))
			return object;
		print_progress(a, object);
		json_object_put(object);
	}
}

static struct json_object *new_request(const struct arguments *a)
{
	struct json_object *request = control_request("protect");

	if (!request)
		return NULL;
	object_add_text(request, "vm", a->argument);
	object_add_text(request, "host", a->secondary);
	object_add_flag(request, "dry_run", a->dry_run);
	return request;
}

static void print_protected(const struct arguments *a, struct json_object *reply)
{
	uint64_t pause = 0, bytes = 0;

	if (a->dry_run) {
		printf("VM %s can be protected by %s\n", a->argument, a->secondary);
		return;
	}
	object_number(reply, "pause_ms", &pause);
	object_number(reply, "snapshot_bytes", &bytes);
	printf("VM %s is protected by %s: stood still for %llu ms, snapshot of %llu bytes\n",
	       a->argument, a->secondary, (unsigned long long)pause, (unsigned long long)bytes);
}

int vm_protect(const struct arguments *a)
{
	static struct control_link link;
	struct json_object *reply;
	int err = control_link_open(&link, a->config.socket);

	errno = -err;
	if (err)
		return no_answer("ftd", a->config.socket);
	reply = reply_to(a, &link, control_request("events"));
	if (object_flag(reply, "ok")) {
		json_object_put(reply);
		reply = reply_to(a, &link, new_request(a));
	}
	control_link_close(&link);
	if (!reply)
		return no_answer("ftd", a->config.socket);
	if (!a->json && object_flag(reply, "ok"))
		print_protected(a, reply);
	return finish(a, reply);
}
