/* SPDX-License-Identifier: GPL-2.0-only */
/* All that a VM consists of, besides its RAM, to be compared with another's. */
#ifndef SELFTESTS_MACHINE_H
#define SELFTESTS_MACHINE_H

#include "guest.h"

/**
 * struct machine - state of a vCPU and of KVM's interrupt controllers
 * @regs: without RFLAGS.RF, by which breakpoints are stepped over
 * @sregs: segments, control registers, EFER
 * @debugregs: DR0 to DR7
 * @events: what is injected or pending
 * @xsave: x87, SSE and AVX
 * @lapic: without the timer's current count, which is the host's time
 * @ioapic: of the VM
 */
struct machine {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
	struct kvm_xsave xsave;
	struct kvm_lapic_state lapic;
	struct kvm_irqchip ioapic;
};

void machine_read(struct machine *m, struct guest *g);

/* Where two differ, as text; NULL if nowhere. */
const char *machine_difference(const struct machine *a, const struct machine *b);

#endif
