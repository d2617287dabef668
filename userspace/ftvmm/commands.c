// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "message.h"
#include "power.h"

static void add(struct json_object *to, const char *name, struct json_object *value)
{
	json_object_object_add(to, name, value);
}

static void add_text(struct json_object *to, const char *name, const char *text)
{
	add(to, name, json_object_new_string(text));
}

static void add_number(struct json_object *to, const char *name, uint64_t number)
{
	add(to, name, json_object_new_uint64(number));
}

static const char *role(const struct commands *c)
{
	const struct lockstep *l = c->protect.lockstep;

	if (c->options->replay)
		return "replay";
	if (l->state == LOCKSTEP_NONE && __atomic_load_n(&c->vcpu->recording, __ATOMIC_SEQ_CST))
		return "recording";
	return lockstep_role(l);
}

static const char *state(struct commands *c)
{
	return pause_is_standing(&c->vcpu->pause) ? "paused" : "running";
}

static void tell_state(struct commands *c, const char *now, const char *reason)
{
	struct json_object *event = json_object_new_object();
	struct timespec time;

	if (!event)
		return;
	clock_gettime(CLOCK_REALTIME, &time);
	add_text(event, "event", "state");
	add_text(event, "role", role(c));
	add_text(event, "state", now);
	add_text(event, "reason", reason);
	add(event, "time", json_object_new_double(time.tv_sec + time.tv_nsec / 1e9));
	control_tell(c->control, event);
}

static struct json_object *disk_list(const struct options *options)
{
	struct json_object *list = json_object_new_array();
	unsigned int i;

	for (i = 0; list && i < options->disks; i++) {
		const struct disk_option *disk = &options->disk[i];
		struct json_object *one = json_object_new_object();

		if (!one)
			break;
		add_text(one, "path", disk->path ?: "");
		add_number(one, "size", disk->size);
		add(one, "read_only", json_object_new_boolean(disk->read_only));
		add(one, "shared", json_object_new_boolean(disk->shared));
		json_object_array_add(list, one);
	}
	return list;
}

static struct json_object *net_list(const struct options *options)
{
	struct json_object *list = json_object_new_array();
	char mac[3 * sizeof(options->net[0].mac)];
	unsigned int i;

	for (i = 0; list && i < options->nets; i++) {
		const struct net_option *net = &options->net[i];
		struct json_object *one = json_object_new_object();

		if (!one)
			break;
		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", net->mac[0],
			 net->mac[1], net->mac[2], net->mac[3], net->mac[4], net->mac[5]);
		add_text(one, "tap", net->tap ?: "");
		add_text(one, "mac", mac);
		json_object_array_add(list, one);
	}
	return list;
}

static void add_id(struct json_object *to, const uint8_t *id)
{
	char text[2 * ARBITER_ID + 1];
	unsigned int i;

	for (i = 0; i < ARBITER_ID; i++)
		sprintf(text + 2 * i, "%02x", id[i]);
	add_text(to, "id", text);
}

static void add_seconds(struct json_object *to, const char *name, clockid_t clock, double since)
{
	struct timespec time;

	if (!clock_gettime(clock, &time))
		add(to, name, json_object_new_double(time.tv_sec + time.tv_nsec / 1e9 - since));
}

static enum control_result status(void *owner, struct control_call *call)
{
	static const char *const consoles[] = { "serial", "virtio", "none" };
	struct commands *c = owner;
	const struct options *o = c->options;
	clockid_t clock;

	add_text(call->reply, "name", o->name);
	add_id(call->reply, o->id);
	add_text(call->reply, "version", FTVMM_VERSION);
	add_number(call->reply, "pid", getpid());
	add_text(call->reply, "role", role(c));
	add_text(call->reply, "state", state(c));
	add_number(call->reply, "memory", o->memory);
	add_text(call->reply, "console", consoles[o->console]);
	add(call->reply, "disks", disk_list(o));
	add(call->reply, "nets", net_list(o));
	if (c->vcpu->started)
		add_seconds(call->reply, "seconds", CLOCK_MONOTONIC, c->vcpu->since.tv_sec +
			    c->vcpu->since.tv_nsec / 1e9);
	if (c->vcpu->started && !pthread_getcpuclockid(c->vcpu->thread, &clock))
		add_seconds(call->reply, "vcpu_seconds", clock, 0);
	protect_commands_status(&c->protect, call->reply);
	add_number(call->reply, "resets", __atomic_load_n(&c->vcpu->resets, __ATOMIC_RELAXED));
	return CONTROL_DONE;
}

static void tell_paused(struct commands *c)
{
	if (!c->paused)
		tell_state(c, "paused", "asked for");
	c->paused = true;
}

static enum control_result pause_guest(void *owner, struct control_call *call)
{
	struct commands *c = owner;
	const char *why = vcpu_obstacle(c->vcpu);
	int i;

	if (why)
		return control_refuse(call->reply, NULL, "%s", why);
	vcpu_pause(c->vcpu, true);
	if (pause_is_standing(&c->vcpu->pause)) {
		tell_paused(c);
		return CONTROL_DONE;
	}
	for (i = 0; c->waiting[i] && control_pending(c->control, c->waiting[i]);)
		i++;		/* there is one for each client */
	c->waiting[i] = call->ticket;
	return CONTROL_LATER;
}

/* They get an answer; @error is NULL if the guest stands still now. */
static void answer_waiting(struct commands *c, const char *error)
{
	int i;

	for (i = 0; i < CONTROL_CLIENTS; i++) {
		uint64_t ticket = c->waiting[i];
		struct json_object *reply = ticket ? control_pending(c->control, ticket) : NULL;

		c->waiting[i] = 0;
		if (reply && error)
			control_refuse(reply, NULL, "%s", error);
		if (reply)
			control_answer(c->control, ticket);
	}
}

static enum control_result resume(void *owner, struct control_call *call)
{
	struct commands *c = owner;
	const char *why = vcpu_obstacle(c->vcpu);

	if (why)
		return control_refuse(call->reply, NULL, "%s", why);
	vcpu_pause(c->vcpu, false);
	answer_waiting(c, "the guest was told to run on before it stood still");
	if (c->paused)
		tell_state(c, "running", "resumed");
	c->paused = false;
	return CONTROL_DONE;
}

static enum control_result press_button(void *owner, struct control_call *call)
{
	struct commands *c = owner;

	if (lockstep_replays(c->protect.lockstep, c->options))
		return control_refuse(call->reply, NULL, "a replay takes no input");
	info("the power button is pressed");
	power_press_button();
	return CONTROL_DONE;
}

static enum control_result quit(void *owner, struct control_call *call)
{
	struct commands *c = owner;

	(void)call;
	c->loop->done = true;
	return CONTROL_DONE;
}

static void on_vcpu_told(void *owner)
{
	struct commands *c = owner;
	unsigned int resets = __atomic_load_n(&c->vcpu->resets, __ATOMIC_RELAXED);
	uint64_t count;

	if (read(c->vcpu_told.fd, &count, sizeof(count)) != sizeof(count))
		return;
	if (resets != c->resets)
		tell_state(c, "running", "reset");
	c->resets = resets;
	record_commands_look(&c->record);
	protect_commands_look(&c->protect);
	if (!pause_is_standing(&c->vcpu->pause))
		return;
	tell_paused(c);
	answer_waiting(c, NULL);
}

int commands_open(struct commands *c)
{
	const struct control_command all[COMMANDS] = {
		{ .name = "status", .help = "what the machine is, and whether it runs",
		  .run = status },
		{ .name = "pause", .help = "the guest stands still; answered when it does",
		  .run = pause_guest },
		{ .name = "resume", .help = "it runs on", .run = resume },
		{ .name = "power", .help = "press the power button", .run = press_button },
		{ .name = "quit", .help = "end the guest at once", .run = quit },
	};
	int i;

	for (i = 0; i < COMMANDS; i++) {
		c->command[i] = all[i];
		c->command[i].parameters = "";
		c->command[i].owner = c;
		control_add(c->control, &c->command[i]);
	}
	c->record.control = c->control;
	c->record.vcpu = c->vcpu;
	record_commands_open(&c->record);
	c->protect.control = c->control;
	c->protect.vcpu = c->vcpu;
	if (protect_commands_open(&c->protect))
		return -1;
	return 0;
}

int commands_watch(struct commands *c)
{
	if (!c->control)
		return 0;
	c->vcpu_told = (struct watch){
		.fd = c->vcpu->pause.told,
		.ready = on_vcpu_told,
		.owner = c,
	};
	return loop_watch(c->loop, &c->vcpu_told);
}

void commands_ended(struct commands *c, const char *reason)
{
	if (!c->control)
		return;
	answer_waiting(c, "the guest has ended");
	record_commands_ended(&c->record);
	protect_commands_ended(&c->protect);
	tell_state(c, "ended", reason);
}
