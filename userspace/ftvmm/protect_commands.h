/* SPDX-License-Identifier: GPL-2.0-only */
/* What the control socket can do about protection: protect, unprotect, promote, and events. */
#ifndef FTVMM_PROTECT_COMMANDS_H
#define FTVMM_PROTECT_COMMANDS_H

#include "control.h"
#include "deferred.h"
#include "lockstep.h"

#define PROTECT_COMMANDS	3

/**
 * struct protect_commands - the commands and what they need
 * @control: the socket
 * @vcpu: the vCPU
 * @lockstep: the pair
 * @command: they
 * @deferred: the call that is carried out
 * @starting: the task is to protect; it is not done, or the other side does not replay yet
 * @stopping: the task is to unprotect
 * @switching: the task is a planned switch; it is not done, or the arbiter has not decided
 * @progress: a timer, while the guest is on its way to the other side
 * @told: state that was told last
 * @was_live: it was told how the guest went live
 */
struct protect_commands {
	struct control *control;
	struct vcpu *vcpu;
	struct lockstep *lockstep;
	struct control_command command[PROTECT_COMMANDS];
	struct deferred deferred;
	bool starting;
	bool stopping;
	bool switching;
	struct watch progress;
	enum lockstep_state told;
	bool was_live;
};

/* Adds the commands to the socket; all up to @lockstep is set.  Returns 0, or -1, told. */
int protect_commands_open(struct protect_commands *commands);
void protect_commands_close(struct protect_commands *commands);

/* The vCPU's thread has told something. */
void protect_commands_look(struct protect_commands *commands);

/* The lockstep's state has changed. */
void protect_commands_tell(struct protect_commands *commands);

/* For the command status. */
void protect_commands_status(struct protect_commands *commands, struct json_object *reply);

/* The guest's run is over.  Nothing for a machine without a control socket. */
void protect_commands_ended(struct protect_commands *commands);

#endif
