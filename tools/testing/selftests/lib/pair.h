/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Two sessions, one of which replays the other while it is recorded: for the
 * transports that allow it.  Errors of the set-up end the test program.
 */
#ifndef SELFTESTS_PAIR_H
#define SELFTESTS_PAIR_H

#include <linux/kvm_ft.h>
#include <pthread.h>
#include <stdint.h>

#include "guest.h"

#define MEM_SIZE	(4UL << 20)
#define MAILBOX		0x180000	/* where events are delivered to */
#define EVENTS		5
#define INTERRUPTS	20

/**
 * struct side - one of the two sessions
 * @g: its guest
 * @session: its descriptor
 * @role: KVM_FT_RECORD or KVM_FT_REPLAY
 * @thread: runs it
 * @exit: the last KVM_FT_EXIT_*
 * @error: errno of the KVM_FT_RUN or KVM_FT_EVENT that ended it
 * @interrupted: KVM_FT_RUNs that a signal ended
 * @tid: of side_run()'s thread, 0 before it runs
 * @events: delivered
 * @status: at the end
 */
struct side {
	struct guest g;
	int session;
	uint32_t role;
	pthread_t thread;
	uint32_t exit;
	int error;
	int interrupted;
	pid_t tid;
	int events;
	struct kvm_ft_status status;
};

/* The counter's skid for both, and SIGUSR1, which only interrupts; and undo it. */
void pair_set_up(void);
void pair_tear_down(void);

/* A guest and a session for it, without a log. */
void side_create(struct side *side);
void side_destroy(struct side *side);

/*
 * A guest that counts in RCX until INTERRUPTS timer interrupts, counted in R12, and EVENTS
 * events have come; it reads the TSC at each interrupt.
 */
void side_load_worker(struct guest *g);

/* A guest that fills the log, for ever. */
void side_load_chatter(struct side *side);

/* KVM_FT_START; @args: receives what it was called with.  Returns its errno, or 0. */
int side_try_start(struct side *side, struct kvm_ft_start *args);
/* The same, which has to succeed. */
void side_start(struct side *side);
/* KVM_FT_RUN until the guest, the log or the session ends. */
void side_run_until_end(struct side *side);
/* KVM_FT_START, that, and KVM_FT_STOP. */
void *side_run_here(void *side);
/* The same in the side's thread. */
void side_run(struct side *side);

/* To the recording side, one by one, until it has had so many of them. */
void side_send_events(struct side *record, int events);

/* Workers on both sides, with EVENTS events, until both have ended. */
void pair_run_workers(struct side *record, struct side *replay);

/* Writes a parameter of a module: its name in sysfs. */
void pair_set_parameter(const char *module, const char *name, const char *value);

/* What differs between the two guests' registers and RAM, "" if nothing. */
const char *pair_difference(struct side *record, struct side *replay);

#endif
