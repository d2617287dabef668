// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "control_link.h"
#include "namesake.h"
#include "object.h"

/**
 * struct namesake - it
 * @link: to its VMM
 * @pid: process
 * @process: a descriptor of that
 * @deadline: no longer than until then
 */
struct namesake {
	struct control_link link;
	pid_t pid;
	int process;
	int64_t deadline;
};

/* Roles in which a VM of an older protection is no more than what is left of it. */
static bool is_left_over(const struct vm *vm, struct json_object *status)
{
	const char *role = object_text(status, "role") ?: "";
	const char *id = object_text(status, "id") ?: "";
	uint64_t generation;

	return *id && !strcmp(id, vm->id) && object_number(status, "generation", &generation) &&
	       generation < vm->generation &&
	       (!strcmp(role, "secondary") || !strcmp(role, "primary") || !strcmp(role, "ended"));
}

/*
 * Does it go on for all that it says?  One that ends may hang up instead of answering.  It
 * lives while it answers, so that the descriptor was that of no other process.
 */
static bool stays(struct namesake *n, const struct vm *vm)
{
	struct json_object *status;
	bool stays;

	if (control_link_send(&n->link, control_request("status"), -1))
		return false;
	status = control_link_next(&n->link, n->deadline);
	stays = status ? !is_left_over(vm, status) : errno == ETIMEDOUT;
	json_object_put(status);
	return stays;
}

static bool has_ended(const struct namesake *n)
{
	struct pollfd end = { .fd = n->process, .events = POLLIN };
	int ready;

	do {
		ready = poll(&end, 1, deadline_left(n->deadline));
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

static void check(struct namesake *n, const struct vm *vm, unsigned int ms,
		  struct findings *findings)
{
	n->process = control_link_process(&n->link, &n->pid);
	/* None any more: it was about to end. */
	if (n->process == -ESRCH)
		return;
	if (n->process < 0 || stays(n, vm))
		findings_add(findings, "VM_EXISTS",
			     "end it there (ftvmm send SOCKET quit), or take another host",
			     "a VM of the name %s runs on the secondary's host", vm->name);
	else if (!has_ended(n))
		findings_add(findings, "VM_ENDS",
			     "see its messages there, try again, or end that process",
			     "what is left of the last protection of VM %s on the secondary's host, process %d, has not ended in %u s",
			     vm->name, (int)n->pid, (ms + 999) / 1000);
	if (n->process >= 0)
		close(n->process);
}

void namesake_check(const struct vm *vm, const struct config *config, unsigned int ms,
		    struct findings *findings)
{
	static struct namesake n;
	char path[VM_PATH];

	vm_socket(path, sizeof(path), config, vm->name);
	if (control_link_open(&n.link, path))
		return;
	n.deadline = deadline_in(ms);
	check(&n, vm, ms, findings);
	control_link_close(&n.link);
}
