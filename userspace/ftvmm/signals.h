/* SPDX-License-Identifier: GPL-2.0-only */
/* The signals by which ftvmm is told to end its guest, taken by the main loop. */
#ifndef FTVMM_SIGNALS_H
#define FTVMM_SIGNALS_H

#include <stdbool.h>

#include "loop.h"

/**
 * struct signals - what they do
 * @watch: where they come from; its descriptor is -1 before signals_open()
 * @press: presses the guest's power button; returns false if it has none
 * @quit: ends the guest at once
 * @owner: for these
 * @pressed: the button was
 *
 * SIGTERM and SIGHUP press the button.  A second SIGTERM, or SIGINT, ends the guest.
 */
struct signals {
	struct watch watch;
	bool (*press)(void *owner);
	void (*quit)(void *owner);
	void *owner;
	bool pressed;
};

/**
 * signals_open() - take signals from here on
 * @signals: @press, @quit and @owner are set; must stay
 * @loop: the main loop
 *
 * They are blocked in this thread, and in those that it starts.
 *
 * Return: 0, or -1 with the reason told; signals_close() is to be called in both cases.
 */
int signals_open(struct signals *signals, struct loop *loop);

void signals_close(struct signals *signals);

#endif
