/* SPDX-License-Identifier: GPL-2.0-only */
/* What the control socket can do about recordings of a guest that runs: record, finish. */
#ifndef FTVMM_RECORD_COMMANDS_H
#define FTVMM_RECORD_COMMANDS_H

#include "control.h"
#include "deferred.h"
#include "recording.h"

#define RECORD_COMMANDS	2

/**
 * struct record_commands - the commands and what they need
 * @control: the socket
 * @vcpu: the vCPU
 * @recording: that is made
 * @command: they
 * @folder: that is, or was, recorded to; allocated
 * @verify: with registers and hashes
 * @deferred: the call that is carried out
 */
struct record_commands {
	struct control *control;
	struct vcpu *vcpu;
	struct recording *recording;
	struct control_command command[RECORD_COMMANDS];
	char *folder;
	bool verify;
	struct deferred deferred;
};

/* Adds the commands to the socket; all up to @recording is set. */
void record_commands_open(struct record_commands *commands);

/* The vCPU's thread has told something: is it that the task is done? */
void record_commands_look(struct record_commands *commands);

/* The guest's run is over.  Nothing for a machine without a control socket. */
void record_commands_ended(struct record_commands *commands);

#endif
