/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A planned switch: the guest goes on as its secondary, and no more here.
 *
 * The primary's guest stands still until all that was held back has left, of which the log
 * gets an event, the secondary has played all of the log, and no disk request is under way.
 * Then the primary cuts the link.  What follows is what follows whenever a link is lost, the
 * arbiter's decision, but that the primary lets the secondary go first.  If the secondary dies
 * in that moment the primary still contends, wins, and runs on: at no time is the guest
 * nobody's.
 */
#ifndef FTVMM_SWITCHOVER_H
#define FTVMM_SWITCHOVER_H

#include "lockstep.h"

/**
 * switchover_stop() - the guest stands still for good, unless the secondary fails
 * @l: a primary; after that @concedes is set
 *
 * The vCPU's thread, the guest at a landmark.  lockstep_decide() has to follow before it
 * runs on.
 *
 * Return: 0; or -1 with the reason told, and all is as it was.
 */
int switchover_stop(struct lockstep *l);

/* Until the secondary has proposed itself to the arbiter, or will not.  Arbitration's thread. */
void switchover_wait(struct lockstep *l);

#endif
