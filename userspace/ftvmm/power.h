/* SPDX-License-Identifier: GPL-2.0-only */
/* Power off, reset and the power button, as the ACPI tables describe them. */
#ifndef FTVMM_POWER_H
#define FTVMM_POWER_H

#include "bus.h"
#include "vcpu.h"

/**
 * struct power - the machine's switches; they have no state
 * @vcpu: that is switched off or reset
 * @range: where they answer
 * @pit: where there would be a PIT
 */
struct power {
	struct vcpu *vcpu;
	struct bus_range range;
	struct bus_range pit;
};

void power_open(struct power *power, struct vcpu *vcpu);

/* Press the power button: the guest's system shuts down, if it wants.  The main loop. */
void power_press_button(void);

#endif
