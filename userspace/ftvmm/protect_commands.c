// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "hold.h"
#include "message.h"
#include "object.h"
#include "protect_commands.h"
#include "switchover.h"

#define PROGRESS_MS	500

static struct json_object *new_event(const struct protect_commands *c, const char *name)
{
	struct json_object *event = json_object_new_object();
	struct timespec time;

	if (!event)
		return NULL;
	clock_gettime(CLOCK_REALTIME, &time);
	json_object_object_add(event, "event", json_object_new_string(name));
	json_object_object_add(event, "role",
			       json_object_new_string(lockstep_role(c->lockstep)));
	object_add_number(event, "generation", c->lockstep->generation);
	json_object_object_add(event, "time",
			       json_object_new_double(time.tv_sec + time.tv_nsec / 1e9));
	return event;
}

static void tell(struct protect_commands *c, const char *name)
{
	struct json_object *event = new_event(c, name);

	if (event)
		control_tell(c->control, event);
}

static void tell_snapshot(struct protect_commands *c, const char *name)
{
	const struct lockstep *l = c->lockstep;
	struct json_object *event = new_event(c, name);

	if (!event)
		return;
	object_add_number(event, "snapshot_bytes", snapshot_count(&l->snapshot.bytes));
	if (c->starting) {
		object_add_number(event, "memory_done", snapshot_count(&l->snapshot.memory));
		object_add_number(event, "memory", l->recording->options->memory);
	} else {
		object_add_number(event, "pause_ms", l->pause_ns / 1000000);
	}
	control_tell(c->control, event);
}

static void add_takeover(struct json_object *to, const struct lockstep *l)
{
	object_add_number(to, "takeover_ms", lockstep_takeover_ms(l, l->heard_ns));
	object_add_number(to, "decision_ms", lockstep_takeover_ms(l, l->lost_ns));
	object_add_number(to, "resent", l->resent);
}

static void tell_live(struct protect_commands *c)
{
	struct json_object *event = new_event(c, "live");
	const struct lockstep *l = c->lockstep;

	c->was_live = true;
	if (!event)
		return;
	add_takeover(event, l);
	control_tell(c->control, event);
}

static void on_progress(void *owner)
{
	struct protect_commands *c = owner;
	uint64_t count;

	if (read(c->progress.fd, &count, sizeof(count)) == sizeof(count) && c->starting)
		tell_snapshot(c, "protect_progress");
}

static void set_timer(struct protect_commands *c, bool on)
{
	const struct timespec time = { .tv_nsec = on ? PROGRESS_MS * 1000000L : 0 };
	const struct itimerspec every = { .it_interval = time, .it_value = time };

	if (timerfd_settime(c->progress.fd, 0, &every, NULL))
		complain("cannot set a timer: %s", strerror(errno));
}

static int protect_task(void *data)
{
	struct protect_commands *c = data;

	if (lockstep_protect(c->lockstep))
		return -1;
	vcpu_record(c->vcpu, c->lockstep->recording);
	return 0;
}

static int unprotect_task(void *data)
{
	struct protect_commands *c = data;

	return lockstep_unprotect(c->lockstep);
}

/* NULL if it can be done; otherwise why not. */
static const char *obstacle(const struct protect_commands *c, bool is_protected)
{
	if (c->deferred.ticket || c->starting || c->stopping || c->switching)
		return "the guest is just being protected, or its protection ended";
	if (pause_is_standing(&c->vcpu->pause))
		return "the guest is paused: resume it first";
	if (c->lockstep->state == LOCKSTEP_SECONDARY)
		return "this is a secondary: ask its primary";
	if (is_protected && c->lockstep->state != LOCKSTEP_PRIMARY)
		return "the guest is not protected";
	if (is_protected && c->lockstep->lost)
		return "the secondary was lost just now";
	if (!is_protected && c->lockstep->state == LOCKSTEP_PRIMARY)
		return "the guest is protected already";
	if (!is_protected && __atomic_load_n(&c->vcpu->recording, __ATOMIC_SEQ_CST))
		return "the guest is being recorded: finish that first";
	return NULL;
}

/* How often RAM is hashed: as before, if nothing is said of that.  Returns whether it is sane. */
static bool take_hash_interval(struct protect_commands *c, struct json_object *request)
{
	uint64_t interval;

	if (!json_object_object_get_ex(request, "hash_interval", NULL))
		return true;
	if (!object_number(request, "hash_interval", &interval) ||
	    interval < KVM_FT_INTERVAL_MIN || interval > KVM_FT_INTERVAL_MAX)
		return false;
	c->lockstep->recording->options->hash_interval = interval;
	return true;
}

static enum control_result begin(void *owner, struct control_call *call)
{
	struct protect_commands *c = owner;
	const char *why = obstacle(c, false);
	char problem[sizeof(c->deferred.problem)];
	int err;

	if (why)
		return control_refuse(call->reply, NULL, "%s", why);
	if (call->fd < 0)
		return control_refuse(call->reply, "see ftadm vm protect, which makes it",
				      "no connection to the other host came with the request");
	if (!take_hash_interval(c, call->request))
		return control_refuse(call->reply, "100000000 is what it is at first",
				      "the hash interval is %llu to %llu of guest progress",
				      KVM_FT_INTERVAL_MIN, KVM_FT_INTERVAL_MAX);
	c->lockstep->recording->verify = object_flag(call->request, "verify");
	message_catch(problem, sizeof(problem));
	err = lockstep_begin(c->lockstep, call->fd);
	message_catch(NULL, 0);
	if (err)
		return control_refuse(call->reply, NULL, "the guest cannot be protected: %s",
				      problem);
	call->fd = -1;
	c->starting = true;
	set_timer(c, true);
	return deferred_ask(&c->deferred, call, protect_task, c);
}

static enum control_result end(void *owner, struct control_call *call)
{
	struct protect_commands *c = owner;
	const char *why = obstacle(c, true);

	if (why)
		return control_refuse(call->reply, NULL, "%s", why);
	c->stopping = true;
	return deferred_ask(&c->deferred, call, unprotect_task, c);
}

static int promote_task(void *data)
{
	struct protect_commands *c = data;

	return switchover_stop(c->lockstep);
}

static enum control_result promote(void *owner, struct control_call *call)
{
	struct protect_commands *c = owner;
	const char *why = obstacle(c, true);

	if (why)
		return control_refuse(call->reply, NULL, "%s", why);
	c->switching = true;
	return deferred_ask(&c->deferred, call, promote_task, c);
}

/* The other side has the guest; or it could not be done. */
static void started(struct protect_commands *c)
{
	struct json_object *reply = deferred_reply(&c->deferred);
	const struct lockstep *l = c->lockstep;

	c->starting = false;
	set_timer(c, false);
	if (reply) {
		object_add_number(reply, "pause_ms", l->pause_ns / 1000000);
		object_add_number(reply, "snapshot_bytes", l->snapshot.bytes);
		object_add_number(reply, "generation", l->generation);
	}
	tell_snapshot(c, "protected");
	deferred_answer(&c->deferred, NULL);
}

static void failed(struct protect_commands *c, const char *error)
{
	c->starting = false;
	c->stopping = false;
	c->switching = false;
	set_timer(c, false);
	deferred_answer(&c->deferred, error);
}

/* Once the guest was told to stand still and the arbiter has decided, in either order. */
static void promoted(struct protect_commands *c)
{
	struct json_object *reply = deferred_reply(&c->deferred);
	const struct lockstep *l = c->lockstep;

	if (!deferred_is_done(&c->deferred))
		return;
	if (c->deferred.task.result) {
		failed(c, "the guest was not handed over, and runs on here");
	} else if (l->state == LOCKSTEP_NONE) {
		failed(c, "the secondary did not go on: the guest does here, unprotected");
	} else if (l->state == LOCKSTEP_ENDED) {
		c->switching = false;
		if (reply) {
			object_add_text(reply, "peer", l->peer);
			object_add_number(reply, "stopped_ms",
					  (lockstep_now() - l->stopped_ns) / 1000000);
		}
		deferred_answer(&c->deferred, NULL);
	}
}

void protect_commands_look(struct protect_commands *c)
{
	if (c->lockstep->live_ns && !c->was_live)
		tell_live(c);
	if (!deferred_is_done(&c->deferred))
		return;
	if (c->switching) {
		promoted(c);
	} else if (c->stopping) {
		lockstep_unprotected(c->lockstep);
		c->stopping = false;
		deferred_answer(&c->deferred, c->deferred.task.result ?
				"the log could not be completed" : NULL);
	} else if (c->starting && c->lockstep->state != LOCKSTEP_PRIMARY) {
		if (c->deferred.task.result)
			lockstep_forget(c->lockstep);
		if (c->deferred.task.result || lockstep_watch(c->lockstep))
			failed(c, c->lockstep->silent ?
			       "the other host was silent during the snapshot: the guest goes on" :
			       "the guest could not be protected");
	}
}

void protect_commands_tell(struct protect_commands *c)
{
	static const char *const events[] = {
		[LOCKSTEP_NONE] = "unprotected",
		[LOCKSTEP_PRIMARY] = "primary",
		[LOCKSTEP_SECONDARY] = "secondary",
		[LOCKSTEP_LIVE] = "won",
		[LOCKSTEP_ENDED] = "lost",
	};
	const struct lockstep *l = c->lockstep;

	if (!c->control)
		return;
	if (l->state != c->told)
		tell(c, events[l->state]);
	else if (l->lost)
		tell(c, l->concedes ? "handed_over" :
		     l->state == LOCKSTEP_PRIMARY ? "secondary_lost" : "primary_lost");
	else if (c->starting && l->state == LOCKSTEP_PRIMARY)
		started(c);
	if (c->starting && l->lost)
		failed(c, "the other host was lost before it replayed");
	if (c->switching)
		promoted(c);
	c->told = l->state;
}

void protect_commands_status(struct protect_commands *c, struct json_object *reply)
{
	const struct lockstep *l = c->lockstep;
	struct kvm_ft_link_page link;
	struct kvm_ft_status session;
	struct hold_stats held;

	object_add_number(reply, "generation", l->generation);
	if (l->state == LOCKSTEP_PRIMARY)
		object_add_text(reply, "peer", l->peer);
	if (l->state == LOCKSTEP_LIVE && c->was_live)
		add_takeover(reply, l);
	if (l->paired)
		object_add_flag(reply, "verify", l->state == LOCKSTEP_SECONDARY ?
				l->recording->options->recorded_checking :
				l->recording->verify);
	if (l->paired)
		object_add_number(reply, "hash_interval", l->recording->options->hash_interval);
	if (!l->paired || kvmft_link(&l->recording->session, &link) ||
	    kvmft_status(&l->recording->session, &session))
		return;
	object_add_number(reply, "log_bytes", l->state == LOCKSTEP_SECONDARY ? link.committed :
			  session.bytes);
	object_add_number(reply, "entries", session.entries);
	object_add_number(reply, "committed_bytes", link.committed);
	object_add_number(reply, "replayed_bytes", link.replayed);
	object_add_number(reply, "lag_ms", link.lag_ns / 1000000);
	object_add_number(reply, "held_ms", link.held_ns / 1000000);
	hold_get_stats(&held);
	object_add_number(reply, "outputs_released", held.released);
	object_add_number(reply, "output_held_us",
			  held.released ? held.held_us / held.released : 0);
	object_add_number(reply, "output_held_max_us", held.held_max_us);
}

int protect_commands_open(struct protect_commands *c)
{
	const struct control_command all[PROTECT_COMMANDS] = {
		{ .name = "protect", .parameters = "generation verify hash_interval",
		  .help = "have a secondary on the host that the connection leads to",
		  .run = begin },
		{ .name = "unprotect", .parameters = "",
		  .help = "end the secondary; the guest runs on", .run = end },
		{ .name = "promote", .parameters = "",
		  .help = "the secondary runs the guest on, and this side ends", .run = promote },
	};
	int i;

	c->deferred.control = c->control;
	c->deferred.vcpu = c->vcpu;
	c->told = c->lockstep->state;
	for (i = 0; i < PROTECT_COMMANDS; i++) {
		c->command[i] = all[i];
		c->command[i].owner = c;
		control_add(c->control, &c->command[i]);
	}
	c->progress = (struct watch){
		.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK),
		.ready = on_progress,
		.owner = c,
	};
	if (c->progress.fd < 0)
		return complain("cannot create a timer: %s", strerror(errno));
	return loop_watch(c->lockstep->loop, &c->progress);
}

void protect_commands_close(struct protect_commands *c)
{
	if (c->control)
		close(c->progress.fd);
}

void protect_commands_ended(struct protect_commands *c)
{
	if (c->deferred.ticket)
		failed(c, "the guest has ended");
}
