// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control_link.h"
#include "look.h"
#include "object.h"
#include "tcp.h"

/* What the VM says; NULL and errno. */
static struct json_object *status_of(const struct pairing *p, const char *vm)
{
	char socket[VM_PATH];

	vm_socket(socket, sizeof(socket), p->config, vm);
	return control_ask(socket, control_request("status"), p->pair_ms);
}

int look_answer(const struct pairing *p, struct channel *channel, struct json_object *request)
{
	const char *vm = object_text(request, "vm") ?: "";
	struct json_object *answer, *status;

	if (!vm_name_is_sane(vm))
		return findings_add(&channel->findings, "REQUEST",
				    "use the same version of kvm-ft on both hosts",
				    "the name of a VM is not one");
	status = status_of(p, vm);
	if (!status && errno != ENOENT && errno != ECONNREFUSED)
		return findings_add(&channel->findings, "VMM", "see its messages there",
				    "VM %s of the other host does not answer: %s", vm,
				    strerror(errno));
	answer = json_object_new_object();
	if (!answer) {
		json_object_put(status);
		return findings_add(&channel->findings, "NO_MEMORY", "free some", "no memory");
	}
	object_add_text(answer, "answer", status ? "status" : "none");
	if (status)
		json_object_object_add(answer, "status", status);
	return channel_send(channel, answer);
}

static struct json_object *new_request(const char *vm)
{
	struct json_object *request = json_object_new_object();

	if (!request)
		return NULL;
	object_add_text(request, "request", LOOK_REQUEST);
	object_add_text(request, "vm", vm);
	return request;
}

/* Fills @result in from what the other daemon has said. */
static int take_answer(const struct protect_job *job, struct json_object *answer,
		       struct json_object *result, struct findings *findings)
{
	struct json_object *status = object_object(answer, "status");
	const char *word = object_text(answer, "answer") ?: "";

	if (!strcmp(word, "none"))
		return findings_add(findings, "NO_VM", "ftadm vm list there shows those there are",
				    "no VM of the name %s runs on %s", job->vm, job->host);
	if (!strcmp(word, "status") && status) {
		json_object_object_add(result, "status", json_object_get(status));
		return 0;
	}
	if (strcmp(word, "refused") || findings_load(findings, object_list(answer, "refused")) ||
	    !findings->count)
		findings_add(findings, "ANSWER", "use the same version of kvm-ft on both hosts",
			     "the other host's ftd has given no answer that this one knows");
	return -1;
}

static int ask(const struct pairing *p, const struct protect_job *job, struct channel *channel,
	       int fd, struct json_object *result)
{
	struct json_object *answer;
	int err;

	if (channel_pair(channel, fd, AUTH_INITIATOR, p->secret, p->pair_ms) ||
	    channel_send(channel, new_request(job->vm)))
		return -1;
	answer = channel_receive(channel, 2 * p->pair_ms);
	err = answer ? take_answer(job, answer, result, &channel->findings) : -1;
	json_object_put(answer);
	return err;
}

void look_ask(const struct pairing *p, const struct protect_job *job)
{
	struct json_object *result = json_object_new_object();
	static struct channel channel;
	int err = -1, fd;

	if (!result)
		return;		/* the daemon says that there was no answer */
	fd = tcp_connect(p->config, config_address(p->config, job->host), p->pair_ms,
			 &channel.findings);
	if (fd >= 0) {
		err = ask(p, job, &channel, fd, result);
		close(fd);
	}
	object_add_text(result, "host", job->host);
	pairing_answer(p, job, &channel.findings, result, err);
}
