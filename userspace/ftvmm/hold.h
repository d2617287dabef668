/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Output commit, the VMM's side: a packet, or a write to a disk that other hosts reach
 * too, must not leave before the log up to it is with the secondary.  The guest does not
 * wait for that: what it has put out waits here, and leaves in order.
 *
 * There are two threads.  The vCPU's puts outputs here while it handles an exit of the
 * guest, or an event: a disk's may have had to wait for its requests before.  The main loop's
 * lets them go.
 *
 * A secondary keeps the packets that its guest sends, which is where the primary's was a
 * little ago: only in a planned switch it is told that they have left the primary.  When it
 * goes live it sends the last ones (again).  Any network may deliver a packet twice, or lose
 * one; protocols live with both, so the choice of which to send is for speed alone.
 */
#ifndef FTVMM_HOLD_H
#define FTVMM_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HOLD_MAX	4096		/* outputs that wait */
#define HOLD_BYTES	(16u << 20)	/* of them; a single one may be larger */
#define HOLD_KEPT	256		/* packets that a secondary keeps */
#define HOLD_KEPT_MS	2000		/* none older than the last by more is sent again */

/**
 * struct held - an output that waits
 * @next: in the queue
 * @position: of the log, up to which the secondary must have it
 * @since: when it was put here, in ns of CLOCK_MONOTONIC
 * @size: bytes; set by who puts it here
 * @let_go: likewise.  @send: do it; else it is dropped.  It is not looked at any more after
 *	that.  In either thread, with no lock held
 */
struct held {
	struct held *next;
	uint64_t position;
	uint64_t since;
	size_t size;
	void (*let_go)(struct held *held, bool send);
};

/**
 * struct hold_stats - what has happened since hold_begin()
 * @waiting: outputs that wait now
 * @waiting_bytes: of them
 * @released: outputs that waited and have left
 * @released_bytes: of them
 * @dropped: outputs that waited and have not left
 * @held_us: microseconds that those that left had waited, together
 * @held_max_us: the longest that one of them had
 * @full: how often the guest had to wait, or waits now, because there was no room
 * @full_us: microseconds that it did
 */
struct hold_stats {
	uint64_t waiting;
	uint64_t waiting_bytes;
	uint64_t released;
	uint64_t released_bytes;
	uint64_t dropped;
	uint64_t held_us;
	uint64_t held_max_us;
	uint64_t full;
	uint64_t full_us;
};

/*
 * The position of the log for an output that is made now.  Called in the vCPU's thread, at
 * most once for each device that the guest notifies, with no lock held; it may wait for the
 * log.  A secondary calls it at the same points.
 */
typedef uint64_t hold_position_fn(void *data);

/**
 * hold_begin() - hold outputs from now on
 * @position: see above
 * @data: for @position; must stay until hold_release_all() or hold_drop() has returned and
 *	the guest has come to the end of its exit after that
 *
 * While the guest stands still.  Before, outputs leave at once.
 */
void hold_begin(hold_position_fn *position, void *data);

/* The log is with the secondary up to @committed: what waited for that leaves.  Main loop. */
void hold_release(uint64_t committed);

/* The guest runs on unprotected: all leaves, now and from now on.  Main loop. */
void hold_release_all(void);

/* The other side runs on: nothing leaves any more, ever.  Main loop. */
void hold_drop(void);

/*
 * This is the secondary: outputs are kept.  While the guest stands still, or before it
 * runs.  @position and @data are as for hold_begin(), until hold_go_live().
 */
void hold_secondary(hold_position_fn *position, void *data);

/* All that the guest has sent so far has left the primary: it need not be kept.  Any thread. */
void hold_secondary_released(void);

/**
 * hold_go_live() - the secondary has won: what was kept leaves, and from now on all at once
 *
 * While the guest stands still.  The devices are live already.
 *
 * Return: how many outputs were sent (again).
 */
unsigned int hold_go_live(void);

/*
 * Changes with hold_begin() and hold_secondary(): a position of before is none of this log's.
 * The vCPU's thread.
 */
unsigned int hold_epoch(void);

/* Is there anything to do for hold_position() and hold_put()?  The vCPU's thread. */
bool hold_is_on(void);

/*
 * For hold_put(): the same for all outputs of one notification.  Whether and when it is called
 * must follow from what the guest does alone.  The vCPU's thread.
 */
uint64_t hold_position(void);

/**
 * hold_put() - an output leaves as soon as it may: perhaps at once
 * @held: the output, which is not the caller's any more
 * @position: hold_position()
 *
 * The vCPU's thread.  It waits if there is no room; if it is to end meanwhile, the output
 * is dropped.
 */
void hold_put(struct held *held, uint64_t position);

/* Any thread. */
void hold_get_stats(struct hold_stats *stats);

#endif
