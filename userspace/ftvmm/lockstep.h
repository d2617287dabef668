/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A guest on two hosts: a primary, which runs it and sends its log, and a secondary, which
 * replays that and takes over when the primary is gone.
 *
 * Both sides have the same connection, made and checked by who paired the hosts. A
 * snapshot goes over it first (snapshot.h), the secondary says that it has taken it, and
 * then the connection is the kernel's, for the log. When the link is lost each side asks
 * the arbiter who may run the guest; whatever the reason was, one of them goes on, alone.
 *
 *   primary:    unprotected -> protecting -> protected -> link lost -> won: unprotected
 *                                                                   -> lost: ends
 *               (switchover.h: protected -> stands still, cuts the link -> link lost)
 *   secondary:  loading -> replaying -> link lost -> plays the rest -> won: lives
 *                                                                  -> lost: ends
 *
 * A secondary that has diverged never asks: it could win, and nobody would run the guest.
 *
 * Two threads use it: functions are the vCPU thread's or the main loop's, as noted.
 */
#ifndef FTVMM_LOCKSTEP_H
#define FTVMM_LOCKSTEP_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "../arbiter/arbiter.h"
#include "loop.h"
#include "recording.h"

/* What has become of the guest; LOCKSTEP_TELL is called when it changes. */
enum lockstep_state {
	LOCKSTEP_NONE,		/* the guest is on this host alone */
	LOCKSTEP_PRIMARY,
	LOCKSTEP_SECONDARY,
	LOCKSTEP_LIVE,		/* a secondary that has taken over; alone like NONE */
	LOCKSTEP_ENDED,		/* another host runs it */
};

/* What the vCPU's thread does next. */
enum lockstep_fate {
	LOCKSTEP_GOES_ON,	/* the guest runs, alone */
	LOCKSTEP_STOPS,		/* another host runs it, or nobody does */
	LOCKSTEP_IS_OVER,	/* a secondary's primary has ended the protection */
};

/**
 * struct lockstep - see above
 * @recording: with the session, whose log goes to the other host
 * @loop: the main loop
 * @go_live: secondary: the devices' back ends become real; the vCPU's thread.  Returns 0,
 *	or -1 with the reason told
 * @is_settled: primary: no request of the guest's disks is under way; the vCPU's thread
 * @tell: the main loop: @state, @lost or @replayed has changed
 * @owner: for both
 * @state: what has become of the guest; written by the main loop
 * @socket: the connection, until the kernel has it, a primary's until the link has ended; -1
 * @peer: primary: address of the other side
 * @paired: the session's log goes to, or comes from, the other side
 * @link: the session's descriptor: what is committed
 * @link_watched: @link is in the loop
 * @arbiter: for the decision
 * @generation: number of the protection
 * @arrived: secondary: the primary sends
 * @arbitrates: the thread is there
 * @thread: that waits for the decision
 * @decided: an eventfd: it has one
 * @verdict: ARBITER_WON or ARBITER_LOST, -1 while there is none; any thread
 * @noticed: the main loop has noticed that the link is lost; any thread
 * @answered: the verdict was acted upon by the main loop; any thread
 * @concedes: primary: the guest stands still so that the secondary goes on; any thread
 * @stopped_ns: since when, ns of CLOCK_MONOTONIC
 * @cancel: ends the wait for the decision
 * @lost: the link was lost; errno, 0 if it was not
 * @lost_ns: when, ns of CLOCK_MONOTONIC
 * @heard_ns: when it was heard last
 * @live_ns: secondary: when the guest went live; 0 if it did not
 * @replayed: something of the log was: the other side has the guest
 * @snapshot: primary: what goes to the other side; any thread looks how far it is
 * @patience_ms: primary: for how long the guest stands still while the other side is silent
 * @silent: it was, for too long
 * @pause_ns: how long the guest stood still for the snapshot
 * @resent: outputs that were sent again
 */
struct lockstep {
	struct recording *recording;
	struct loop *loop;
	int (*go_live)(void *owner);
	bool (*is_settled)(void *owner);
	void (*tell)(void *owner);
	void *owner;
	enum lockstep_state state;
	int socket;
	char peer[INET6_ADDRSTRLEN];
	bool paired;
	struct watch link;
	bool link_watched;
	struct arbiter arbiter;
	uint64_t generation;
	bool arrived;
	bool arbitrates;
	pthread_t thread;
	struct watch decided;
	int verdict;
	bool noticed;
	bool answered;
	bool concedes;
	uint64_t stopped_ns;
	atomic_bool cancel;
	int lost;
	uint64_t lost_ns;
	uint64_t heard_ns;
	uint64_t live_ns;
	bool replayed;
	struct snapshot_writer snapshot;
	unsigned int patience_ms;
	bool silent;
	uint64_t pause_ns;
	unsigned int resent;
};

/* Does the guest take nothing from outside but what the log has?  The main loop's thread. */
static inline bool lockstep_replays(const struct lockstep *l, const struct options *options)
{
	return options->replay || l->state == LOCKSTEP_SECONDARY;
}

/*
 * Functions that return int: 0, or -1 with the reason told.
 */

/* Before anything else; lockstep_close() is to be called in any case.  Main loop. */
int lockstep_open(struct lockstep *l);
void lockstep_close(struct lockstep *l);

/**
 * lockstep_begin() - primary: the arbiter knows of the next protection
 * @l: nothing is protected
 * @socket: the connection; taken over if there is no error
 *
 * The main loop.
 *
 * Return: see above.
 */
int lockstep_begin(struct lockstep *l, int socket);

/**
 * lockstep_protect() - primary: the other host gets the machine, and from now on its log
 * @l: lockstep_begin() was called
 *
 * The vCPU's thread, the guest between two instructions.  After an error the guest is as
 * it was, and lockstep_forget() follows instead of lockstep_watch().  If the other side may
 * be able to go live, the arbiter decides first; if that is for the other side, the guest
 * ends here.
 *
 * Return: see above.
 */
int lockstep_protect(struct lockstep *l);

/* It could not be done, or was not wanted: forget lockstep_begin().  The main loop. */
void lockstep_forget(struct lockstep *l);

/* What happens on the link matters from now on.  The main loop. */
int lockstep_watch(struct lockstep *l);

/* Primary: end the protection; the guest runs on alone.  The vCPU's thread. */
int lockstep_unprotect(struct lockstep *l);
/* The rest of it: what was held leaves.  The main loop, after that. */
void lockstep_unprotected(struct lockstep *l);

/*
 * Secondary: until something comes over the connection.  The main loop runs meanwhile, so that
 * the control socket answers.
 */
int lockstep_wait(struct lockstep *l);

/* Secondary, before the vCPU's thread: what machine comes over the connection? */
int lockstep_receive(struct lockstep *l, struct options *options);

/* Secondary: the machine, which has its devices, becomes what came. */
int lockstep_load(struct lockstep *l);

/**
 * lockstep_decide() - the link is lost, or the log has ended
 * @l: a side of a pair
 *
 * The vCPU's thread, the guest between two instructions.  Waits for the arbiter.
 *
 * Return: what to do.
 */
enum lockstep_fate lockstep_decide(struct lockstep *l);

/* Is the link to the other side lost, or about to be cut?  Any thread, of a side of a pair. */
bool lockstep_has_lost(const struct lockstep *l);

/* What the kernel knows of the other side.  Nothing, if there is none.  Any thread. */
struct kvm_ft_link_page lockstep_link(const struct lockstep *l);

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t lockstep_now(void);

/* Milliseconds to the first live instruction, since @lost_ns or @heard_ns. */
unsigned long long lockstep_takeover_ms(const struct lockstep *l, uint64_t since);

/* One word. */
const char *lockstep_role(const struct lockstep *l);

#endif
