/* SPDX-License-Identifier: GPL-2.0-only */
/* What the control socket can do with the VM: status, pause, resume, power, quit. */
#ifndef FTVMM_COMMANDS_H
#define FTVMM_COMMANDS_H

#include "control.h"
#include "options.h"
#include "protect_commands.h"
#include "record_commands.h"
#include "vcpu.h"

#define COMMANDS	5

/**
 * struct commands - the commands and what they need
 * @control: the socket
 * @options: of the machine
 * @vcpu: its vCPU
 * @loop: the main loop, which quit ends
 * @record: the commands about recordings
 * @protect: those about protection
 * @vcpu_told: the vCPU's thread has stopped, was reset, or has done what it was asked
 * @command: they
 * @waiting: tickets of those who wait for the guest to stand still; 0 for none
 * @paused: it does, and that was told
 * @resets: of the guest that were told
 */
struct commands {
	struct control *control;
	const struct options *options;
	struct vcpu *vcpu;
	struct loop *loop;
	struct record_commands record;
	struct protect_commands protect;
	struct watch vcpu_told;
	struct control_command command[COMMANDS];
	uint64_t waiting[CONTROL_CLIENTS];
	bool paused;
	unsigned int resets;
};

/**
 * commands_open() - add the commands to the socket
 * @commands: must stay; all up to @loop is set, and so are the recording of
 *	@record and the lockstep of @protect
 *
 * Return: 0, or -1 with the reason told.
 */
int commands_open(struct commands *commands);

/* From now on the vCPU is there.  Returns 0, or -1 with the reason told. */
int commands_watch(struct commands *commands);

/**
 * commands_ended() - the guest's run is over
 * @commands: may be those of a machine without a control socket
 * @reason: why, for clients
 */
void commands_ended(struct commands *commands, const char *reason);

#endif
