// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "control_link.h"
#include "message.h"
#include "object.h"
#include "pairing.h"
#include "tcp.h"

/**
 * struct protection - what is being done
 * @p: what is needed
 * @job: what is wanted
 * @socket: path of the VM's control socket
 * @vm: the VM
 * @own: this host
 * @fd: the connection to the other host, or -1
 * @channel: on it
 * @link: to the VM
 * @result: reply to the administrator
 */
struct protection {
	const struct pairing *p;
	const struct protect_job *job;
	char socket[VM_PATH];
	struct vm vm;
	struct host own;
	int fd;
	struct channel channel;
	struct control_link link;
	struct json_object *result;
};

static int refuse(struct protection *t, const char *name, const char *remedy, const char *text)
{
	return findings_add(&t->channel.findings, name, remedy, "VM %s: %s", t->job->vm, text);
}

static bool has_command(struct json_object *help, const char *name)
{
	struct json_object *list = object_list(help, "commands");
	size_t i, count = list ? json_object_array_length(list) : 0;

	for (i = 0; i < count; i++) {
		const char *known = object_text(json_object_array_get_idx(list, i), "name");

		if (known && !strcmp(known, name))
			return true;
	}
	return false;
}

static int check_commands(struct protection *t)
{
	struct json_object *help = control_ask(t->socket, control_request("help"), t->p->pair_ms);
	bool known = has_command(help, "protect");

	json_object_put(help);
	if (known)
		return 0;
	return refuse(t, "VMM", "use an ftvmm of this version", "its VMM cannot protect it");
}

/* The roles in which a VM has another host already. */
static int check_role(struct protection *t, struct json_object *status)
{
	const char *role = object_text(status, "role") ?: "";

	if (!strcmp(role, "primary"))
		return refuse(t, "PROTECTED", "ftadm vm unprotect it first",
			      "it is protected already");
	if (!strcmp(role, "secondary"))
		return refuse(t, "SECONDARY", "do it on the primary's host",
			      "what is here is the secondary of another host's VM");
	return 0;
}

static int load(struct protection *t, struct json_object *status)
{
	unsigned int i;

	if (check_role(t, status) || vm_load(&t->vm, status, &t->channel.findings))
		return -1;
	t->vm.generation++;
	for (i = 0; i < t->vm.nets; i++)
		t->vm.net[i].bridged = vm_tap_is_bridged(t->vm.net[i].tap);
	return 0;
}

static int ask_vm(struct protection *t)
{
	struct json_object *status;
	int err;

	if (!vm_name_is_sane(t->job->vm))
		return refuse(t, "NO_VM", "ftadm vm list shows those there are", "no such name");
	vm_socket(t->socket, sizeof(t->socket), t->p->config, t->job->vm);
	status = control_ask(t->socket, control_request("status"), t->p->pair_ms);
	if (!status)
		return refuse(t, "NO_VM", "ftadm vm list shows those there are",
			      errno == ENOENT || errno == ECONNREFUSED ? "it does not run here" :
			      strerror(errno));
	err = load(t, status);
	json_object_put(status);
	return err ?: check_commands(t);
}

static struct json_object *new_request(const struct protection *t)
{
	struct json_object *request = json_object_new_object();

	if (!request)
		return NULL;
	object_add_text(request, "request", "secondary");
	object_add_flag(request, "dry_run", t->job->dry_run);
	json_object_object_add(request, "host", host_save(&t->own));
	json_object_object_add(request, "vm", vm_save(&t->vm));
	return request;
}

static int take_answer(struct protection *t, struct json_object *object)
{
	const char *answer = object_text(object, "answer") ?: "";
	struct findings *findings = &t->channel.findings;

	if (!strcmp(answer, t->job->dry_run ? "fit" : "ready"))
		return 0;
	if (strcmp(answer, "refused") || findings_load(findings, object_list(object, "refused")) ||
	    !findings->count)
		findings_add(findings, "ANSWER", "use the same version of kvm-ft on both hosts",
			     "the secondary's ftd has given no answer that this one knows");
	return -1;
}

static int ask_host(struct protection *t)
{
	struct json_object *object;
	int err;

	if (channel_send(&t->channel, new_request(t)))
		return -1;
	object = channel_receive(&t->channel, t->p->end_ms + t->p->ready_ms + t->p->pair_ms);
	err = object ? take_answer(t, object) : -1;
	json_object_put(object);
	return err;
}

/* How far the snapshot is, is told on.  Returns the next reply, or NULL and errno. */
static struct json_object *next_reply(struct protection *t)
{
	for (;;) {
		struct json_object *object = control_link_next(&t->link,
							       deadline_in(PAIRING_QUIET_MS));
		const char *event = object_text(object, "event");

		if (!event)
			return object;
		if (strcmp(event, "protect_progress")) {
			json_object_put(object);
			continue;
		}
		object_add_text(object, "vm", t->vm.name);
		pairing_report(t->p, object);
	}
}

static void hang_up(struct protection *t)
{
	if (t->fd >= 0)
		close(t->fd);
	t->fd = -1;
}

static int vm_request(struct protection *t, struct json_object *request, int fd)
{
	int err = control_link_send(&t->link, request, fd);

	if (fd >= 0)
		hang_up(t);	/* from here on it is the VMM's alone */
	json_object_put(t->result);
	t->result = err ? NULL : next_reply(t);
	if (t->result)
		return object_flag(t->result, "ok") ? 0 : -1;
	return refuse(t, "VMM", "see its messages", strerror(err ? -err : errno));
}

static int hand_over(struct protection *t)
{
	struct json_object *request = control_request("protect");
	int err = control_link_open(&t->link, t->socket);

	if (err) {
		json_object_put(request);
		return refuse(t, "VMM", "see its messages", strerror(-err));
	}
	if (request) {
		object_add_number(request, "generation", t->vm.generation);
		object_add_flag(request, "verify", t->job->verify);
		if (t->job->hash_interval)
			object_add_number(request, "hash_interval", t->job->hash_interval);
	}
	err = vm_request(t, control_request("events"), -1);
	if (err)
		json_object_put(request);
	else
		err = vm_request(t, request, t->fd);
	control_link_close(&t->link);
	return err;
}

static int work(struct protection *t)
{
	const struct config *config = t->p->config;

	t->p->describe(&t->own);
	if (ask_vm(t))
		return -1;
	host_check_interface(&t->own, config->interface, "primary's", &t->channel.findings);
	if (t->channel.findings.count)
		return -1;
	t->fd = tcp_connect(config, config_address(config, t->job->host), t->p->pair_ms,
			    &t->channel.findings);
	if (t->fd < 0 || channel_pair(&t->channel, t->fd, AUTH_INITIATOR, t->p->secret,
				      t->p->pair_ms) || ask_host(t))
		return -1;
	return t->job->dry_run ? 0 : hand_over(t);
}

/* The VMM's own reply, or what was found on the way to it. */
static void finish(struct protection *t, int err)
{
	const struct findings *f = &t->channel.findings;
	struct json_object *result = t->result ?: json_object_new_object();

	pairing_complain("protecting VM", t->job->vm, f);
	if (!result)
		return;		/* the daemon says that there was no answer */
	object_add_text(result, "secondary", t->job->host);
	object_add_flag(result, "verify", t->job->verify);
	if (!err)
		info("VM %s %s %s", t->job->vm, t->job->dry_run ? "can be protected by" :
		     "is protected by", t->job->host);
	pairing_answer(t->p, t->job, f, result, err);
}

void pairing_protect(const struct pairing *p, const struct protect_job *job)
{
	static struct protection t;

	t = (struct protection){ .p = p, .job = job, .fd = -1 };
	finish(&t, work(&t));
	hang_up(&t);
}
