// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>

#include "../ftd/vm.h"
#include "control_link.h"
#include "ftadm.h"
#include "object.h"
#include "reply.h"

int reply_none(const char *what, const char *path)
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

int reply_finish(const struct arguments *a, struct json_object *reply)
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

int reply_of_vm(const struct arguments *a, const char *command, unsigned int ms,
		struct json_object **reply)
{
	char path[VM_PATH];

	*reply = NULL;
	if (find_socket(a, path, sizeof(path)))
		return EXIT_ERROR;
	*reply = control_ask(path, control_request(command), ms);
	return *reply ? 0 : reply_none("the VM", path);
}
