/* SPDX-License-Identifier: GPL-2.0-only */
/* A request of the control socket that the vCPU's thread carries out, and is answered then. */
#ifndef FTVMM_DEFERRED_H
#define FTVMM_DEFERRED_H

#include "control.h"
#include "vcpu.h"

/**
 * struct deferred - one at a time
 * @control: the socket
 * @vcpu: the vCPU
 * @anywhere: the tasks need no landmark
 * @task: for its thread
 * @ticket: of the call; 0 if there is none
 * @run: what the task does, and was asked for
 * @data: for @run
 * @problem: why it failed: the first error that it told; room for more than a reply has
 */
struct deferred {
	struct control *control;
	struct vcpu *vcpu;
	bool anywhere;
	struct vcpu_task task;
	uint64_t ticket;
	int (*run)(void *data);
	void *data;
	char problem[1024];
};

/* Has @run called by the vCPU's thread; to be returned by the command's function. */
enum control_result deferred_ask(struct deferred *d, const struct control_call *call,
				 int (*run)(void *data), void *data);

/* There is one, and it was carried out. */
bool deferred_is_done(const struct deferred *d);

/* The reply, to be filled; NULL if the client has gone. */
struct json_object *deferred_reply(const struct deferred *d);

/*
 * Answers it: with the reply as it is, or with an error if that is not NULL.  If the task
 * has failed, and told why, the answer says so, too.
 */
void deferred_answer(struct deferred *d, const char *error);

#endif
