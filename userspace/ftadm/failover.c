// SPDX-License-Identifier: GPL-2.0-only
/* ftadm vm promote and test-failover: the VM is to run where its secondary is. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "../ftd/vm.h"
#include "control_link.h"
#include "ftadm.h"
#include "object.h"
#include "reply.h"

#define PROMOTE_MS	60000	/* the VM's own limits are 10 s, twice */
#define LOOK_MS		20000	/* for ftd to ask the other one */
#define TAKEOVER_MS	120000	/* silence, the rest of the log, arbitration */
#define AGAIN_MS	200

/**
 * struct failover - a VM that is to go on elsewhere
 * @a: the command line
 * @status: of the primary
 * @peer: address of the secondary's host
 * @generation: of the protection
 */
struct failover {
	const struct arguments *a;
	struct json_object *status;
	char peer[64];
	uint64_t generation;
};

/* What is in the way, as a VM would say it.  Returns the exit status. */
static int refuse(const struct failover *f, const char *error, const char *remedy)
{
	struct json_object *reply = json_object_new_object();

	object_add_flag(reply, "ok", false);
	object_add_text(reply, "vm", f->a->argument);
	object_add_text(reply, "error", error);
	object_add_text(reply, "remedy", remedy);
	return reply_finish(f->a, reply);
}

/* What ftd finds out about the VM on the other host.  NULL and errno. */
static struct json_object *look(const struct failover *f)
{
	struct json_object *request = control_request("look");

	if (!request)
		return NULL;
	object_add_text(request, "vm", f->a->argument);
	object_add_text(request, "host", f->peer);
	return control_ask(f->a->config.socket, request, LOOK_MS);
}

/* Is it there in that role? */
static bool has_role(const struct failover *f, struct json_object *reply, const char *wanted)
{
	struct json_object *status = object_object(reply, "status");
	const char *role = object_text(status, "role");
	uint64_t generation;

	return role && !strcmp(role, wanted) && object_number(status, "generation", &generation) &&
	       generation == f->generation;
}

/* Who has won is about to run it, and has no figures yet. */
static bool is_live(const struct failover *f, struct json_object *reply)
{
	uint64_t figure;

	return has_role(f, reply, "unprotected") &&
	       object_number(object_object(reply, "status"), "takeover_ms", &figure);
}

/* There is a secondary, and what becomes of it can be seen.  Returns the exit status. */
static int check_secondary(const struct failover *f)
{
	struct json_object *reply = look(f);
	int status;

	if (!reply)
		return reply_none("ftd", f->a->config.socket);
	if (!object_flag(reply, "ok"))
		return reply_finish(f->a, reply);
	status = has_role(f, reply, "secondary") ? 0 :
		 refuse(f, "its secondary is not where it should be", "ftadm vm status there");
	json_object_put(reply);
	return status;
}

/* Returns the exit status; @f is filled in if it is 0. */
static int begin(struct failover *f, const struct arguments *a)
{
	uint64_t replayed = 0;
	const char *role;
	int err;

	f->a = a;
	err = reply_of_vm(a, "status", REPLY_MS, &f->status);
	if (err || !object_flag(f->status, "ok"))
		return err ?: reply_finish(a, json_object_get(f->status));
	role = object_text(f->status, "role") ?: "";
	if (strcmp(role, "primary"))
		return refuse(f, !strcmp(role, "secondary") ? "this is the secondary" :
			      "the VM is not protected", !strcmp(role, "secondary") ?
			      "do it on the primary's host" : "ftadm vm protect it first");
	if (!object_copy_text(f->status, "peer", f->peer, sizeof(f->peer)) ||
	    !object_number(f->status, "generation", &f->generation) ||
	    !object_number(f->status, "replayed_bytes", &replayed) || !replayed)
		return refuse(f, "its secondary does not replay yet", "wait for that");
	return check_secondary(f);
}

static void print_figures(const struct failover *f, struct json_object *result)
{
	uint64_t takeover = 0, decision = 0, resent = 0, stopped;

	object_number(result, "takeover_ms", &takeover);
	object_number(result, "decision_ms", &decision);
	object_number(result, "resent", &resent);
	printf("VM %s runs on %s: %llu ms after the last word from here, ", f->a->argument,
	       f->peer, (unsigned long long)takeover);
	printf("%llu ms after it was missed; %llu packets were sent again\n",
	       (unsigned long long)decision, (unsigned long long)resent);
	if (object_number(result, "stopped_ms", &stopped))
		printf("it stood still here for %llu ms before it was %s's\n",
		       (unsigned long long)stopped, f->peer);
}

/* @reply is what the other host says of the VM that has gone live there. */
static int report(const struct failover *f, struct json_object *reply, struct json_object *result)
{
	static const char *const figures[] = { "takeover_ms", "decision_ms", "resent", NULL };
	const char *const *name;
	struct json_object *status = object_object(reply, "status");
	uint64_t figure;

	for (name = figures; *name; name++)
		if (object_number(status, *name, &figure))
			object_add_number(result, *name, figure);
	object_add_flag(result, "ok", true);
	object_add_text(result, "vm", f->a->argument);
	object_add_text(result, "peer", f->peer);
	json_object_put(reply);
	if (!f->a->json)
		print_figures(f, result);
	return reply_finish(f->a, result);
}

/* Until the VM runs there.  @result is put.  Returns the exit status. */
static int watch(const struct failover *f, struct json_object *result)
{
	int64_t deadline = deadline_in(TAKEOVER_MS);
	struct json_object *reply = NULL;

	for (;;) {
		json_object_put(reply);
		reply = look(f);
		if (is_live(f, reply))
			return report(f, reply, result);
		if (!deadline_left(deadline))
			break;
		poll(NULL, 0, AGAIN_MS);
	}
	json_object_put(result);
	if (reply && !object_flag(reply, "ok"))
		return reply_finish(f->a, reply);
	json_object_put(reply);
	return refuse(f, "the other host does not say that it runs the VM",
		      "ftadm vm status there, and on this host");
}

static int promote(struct failover *f)
{
	struct json_object *reply;
	int err;

	if (f->a->options & OPTION_DRY_RUN) {
		if (!f->a->json)
			printf("VM %s would move to %s\n", f->a->argument, f->peer);
		return reply_finish(f->a, json_object_get(f->status));
	}
	err = reply_of_vm(f->a, "promote", PROMOTE_MS, &reply);
	if (err || !object_flag(reply, "ok"))
		return err ?: reply_finish(f->a, reply);
	return watch(f, reply);
}

/* Only who says so, on a terminal or by --yes. */
static bool is_sure(const struct failover *f, pid_t pid)
{
	char answer[8];

	if (f->a->options & OPTION_YES)
		return true;
	if (!isatty(STDIN_FILENO)) {
		complain("it kills process %d, the primary of VM %s: say --yes", (int)pid,
			 f->a->argument);
		return false;
	}
	fprintf(stderr, "This kills process %d, the primary of VM %s. %s is to take over. ",
		(int)pid, f->a->argument, f->peer);
	fputs("Sure? [y/N] ", stderr);
	if (fgets(answer, sizeof(answer), stdin) && (*answer == 'y' || *answer == 'Y'))
		return true;
	complain("nothing was done");
	return false;
}

/* The primary says no word more.  Returns the exit status. */
static int kill_primary(const struct failover *f, int process, pid_t pid)
{
	struct pollfd end = { .fd = process, .events = POLLIN };

	if (f->a->options & OPTION_DRY_RUN) {
		if (!f->a->json)
			printf("process %d would be killed: VM %s would move to %s\n", (int)pid,
			       f->a->argument, f->peer);
		return reply_finish(f->a, json_object_get(f->status));
	}
	if (!is_sure(f, pid))
		return EXIT_ERROR;
	if (pidfd_send_signal(process, SIGKILL, NULL, 0)) {
		complain("cannot kill process %d: %s", (int)pid, strerror(errno));
		return EXIT_ERROR;
	}
	poll(&end, 1, REPLY_MS);
	return watch(f, json_object_new_object());
}

/* Its process, and that it is the one that has answered. */
static int test_failover(struct failover *f)
{
	static struct control_link link;
	struct json_object *reply;
	int process, err;
	char path[VM_PATH];
	pid_t pid;

	vm_socket(path, sizeof(path), &f->a->config, f->a->argument);
	err = control_link_open(&link, path);
	errno = -err;
	if (err)
		return reply_none("the VM", path);
	process = control_link_process(&link, &pid);
	errno = -process;
	reply = process < 0 || control_link_send(&link, control_request("status"), -1) ? NULL :
		control_link_next(&link, deadline_in(REPLY_MS));
	err = reply ? kill_primary(f, process, pid) : reply_none("the VM", path);
	json_object_put(reply);
	if (process >= 0)
		close(process);
	control_link_close(&link);
	return err;
}

static int fail_over(const struct arguments *a, int (*how)(struct failover *f))
{
	struct failover f = { .status = NULL };
	int status = begin(&f, a) ?: how(&f);

	json_object_put(f.status);
	return status;
}

int vm_promote(const struct arguments *a)
{
	return fail_over(a, promote);
}

int vm_test_failover(const struct arguments *a)
{
	return fail_over(a, test_failover);
}
