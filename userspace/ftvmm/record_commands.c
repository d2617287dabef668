// SPDX-License-Identifier: GPL-2.0-only
#include <stdlib.h>
#include <string.h>

#include "record_commands.h"

/* In the vCPU's thread, the guest between two instructions. */
static int start(void *data)
{
	struct record_commands *c = data;
	int err = recording_start(c->recording, c->folder, c->verify);

	if (!err)
		vcpu_record(c->vcpu, c->recording);
	return err;
}

static int finish(void *data)
{
	struct record_commands *c = data;

	return vcpu_end_recording(c->vcpu);
}

static bool is_recording(const struct record_commands *c)
{
	return __atomic_load_n(&c->vcpu->recording, __ATOMIC_SEQ_CST);
}

/* NULL if it can be done; otherwise why not. */
static const char *obstacle(struct record_commands *c, bool recording)
{
	if (c->deferred.ticket)
		return "a recording is just being begun or ended";
	if (recording && !is_recording(c))
		return "the guest is not being recorded";
	if (!recording && is_recording(c))
		return "the guest is recorded or replayed already";
	return vcpu_obstacle(c->vcpu);
}

static int take_parameters(struct record_commands *c, struct json_object *request)
{
	struct json_object *dir = NULL, *verify = NULL;

	json_object_object_get_ex(request, "dir", &dir);
	json_object_object_get_ex(request, "verify", &verify);
	if (!json_object_is_type(dir, json_type_string) || !json_object_get_string_len(dir))
		return -1;
	if (verify && !json_object_is_type(verify, json_type_boolean))
		return -1;
	free(c->folder);
	c->folder = strdup(json_object_get_string(dir));
	c->verify = verify && json_object_get_boolean(verify);
	return c->folder ? 0 : -1;
}

static enum control_result record(void *owner, struct control_call *call)
{
	struct record_commands *c = owner;
	const char *why = obstacle(c, false);

	if (why)
		return control_refuse(call->reply, NULL, "%s", why);
	if (take_parameters(c, call->request))
		return control_refuse(call->reply, "name a new folder in \"dir\"",
				      "\"dir\" must be a path, \"verify\" true or false");
	return deferred_ask(&c->deferred, call, start, c);
}

static enum control_result end(void *owner, struct control_call *call)
{
	struct record_commands *c = owner;
	const char *why = obstacle(c, true);

	if (!why && c->recording->lockstep)
		why = "its log goes to or comes from another host: see unprotect";
	if (!why && recording_is_replay(c->recording))
		why = "this is a replay: it ends with its recording";
	if (why)
		return control_refuse(call->reply, NULL, "%s", why);
	return deferred_ask(&c->deferred, call, finish, c);
}

void record_commands_look(struct record_commands *c)
{
	if (!deferred_is_done(&c->deferred))
		return;
	if (!c->deferred.task.result)
		deferred_answer(&c->deferred, NULL);
	else if (c->deferred.run == start)
		deferred_answer(&c->deferred, "the guest is not recorded");
	else
		deferred_answer(&c->deferred, "the recording is not complete");
}

void record_commands_open(struct record_commands *c)
{
	const struct control_command all[RECORD_COMMANDS] = {
		{ .name = "record", .parameters = "dir verify",
		  .help = "record the guest to a new folder, as it is now", .run = record },
		{ .name = "finish", .parameters = "",
		  .help = "complete the recording; the guest runs on", .run = end },
	};
	int i;

	c->deferred.control = c->control;
	c->deferred.vcpu = c->vcpu;
	c->deferred.anywhere = true;
	for (i = 0; i < RECORD_COMMANDS; i++) {
		c->command[i] = all[i];
		c->command[i].owner = c;
		control_add(c->control, &c->command[i]);
	}
}

void record_commands_ended(struct record_commands *c)
{
	if (c->deferred.ticket)
		deferred_answer(&c->deferred, "the guest has ended");
	free(c->folder);
	c->folder = NULL;
}
