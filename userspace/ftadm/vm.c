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
#include "reply.h"

#define MIB		1048576
#define UNPROTECT_MS	30000	/* the other host has to get all of the log */

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
	status = control_ask(path, control_request("status"), REPLY_MS);
	if (status)
		return status;
	none = json_object_new_object();
	object_add_flag(none, "ok", false);
	object_add_text(none, "name", name);
	object_add_text(none, "error", strerror(errno));
	return none;
}

void vm_each(const struct arguments *a, void (*each)(void *data, const char *name), void *data)
{
	struct dirent **entries = NULL;
	int i, count = scandir(a->config.sockets, &entries, is_socket, alphasort);

	for (i = 0; i < count; i++) {
		char *name = entries[i]->d_name;

		name[strlen(name) - strlen(".sock")] = '\0';
		each(data, name);
		free(entries[i]);
	}
	free(entries);
}

/**
 * struct listing - the VMs of this host
 * @a: the command line
 * @all: their status
 */
struct listing {
	const struct arguments *a;
	struct json_object *all;
};

static void list_one(void *data, const char *name)
{
	struct listing *l = data;
	struct json_object *status = status_of(&l->a->config, name);

	if (!l->a->json)
		print_row(name, status);
	json_object_array_add(l->all, status);
}

int vm_list(const struct arguments *a)
{
	struct listing l = { .a = a, .all = json_object_new_array() };

	if (!a->json)
		printf("%-20s %-12s %-8s %10s %10s %8s\n", "NAME", "ROLE", "STATE", "MEMORY",
		       "GENERATION", "LAG");
	vm_each(a, list_one, &l);
	if (a->json)
		return print_object(l.all);
	json_object_put(l.all);
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
	int err = reply_of_vm(a, "status", REPLY_MS, &status);

	if (err)
		return err;
	if (!a->json && object_flag(status, "ok"))
		print_status(status);
	return reply_finish(a, status);
}

/* Only look; the rest of it is what the VM does when it is asked to. */
static int look_at_protection(const struct arguments *a)
{
	struct json_object *status;
	const char *role;
	int err = reply_of_vm(a, "status", REPLY_MS, &status);

	if (err)
		return err;
	role = object_text(status, "role") ?: "";
	if (strcmp(role, "primary")) {
		object_add_flag(status, "ok", false);
		object_add_text(status, "error", "the VM is not protected");
	} else if (!a->json) {
		printf("VM %s is protected: it would be no more\n", a->argument);
	}
	return reply_finish(a, status);
}

int vm_unprotect(const struct arguments *a)
{
	struct json_object *reply;
	int err;

	if (a->options & OPTION_DRY_RUN)
		return look_at_protection(a);
	err = reply_of_vm(a, "unprotect", UNPROTECT_MS, &reply);
	if (err)
		return err;
	if (!a->json && object_flag(reply, "ok"))
		printf("VM %s is not protected any more\n", a->argument);
	return reply_finish(a, reply);
}
