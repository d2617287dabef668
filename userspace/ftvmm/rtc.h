/* SPDX-License-Identifier: GPL-2.0-only */
/* The real-time clock: an MC146818 without alarm and periodic interrupts. */
#ifndef FTVMM_RTC_H
#define FTVMM_RTC_H

#include <stdint.h>

#include "bus.h"
#include "state.h"
#include "vm.h"

/**
 * struct rtc_state - registers, and how far the guest has set its clock off
 * @ahead: of the host's, in seconds
 * @index: of the register that is selected
 * @set: the date is being set, the clock stands
 * @ram: the registers; those of the date are valid while @set
 */
struct rtc_state {
	int64_t ahead;
	uint8_t index;
	uint8_t set;
	uint8_t ram[128];
};

/**
 * struct rtc - the clock
 * @range: where it answers
 * @state: saved
 * @saved: its place in the list
 */
struct rtc {
	struct bus_range range;
	struct rtc_state state;
	struct state saved;
};

void rtc_open(struct rtc *rtc, struct vm *vm);

#endif
