/* SPDX-License-Identifier: GPL-2.0-only */
/* All registers of the vCPU, its local APIC included. */
#ifndef FTVMM_VCPU_STATE_H
#define FTVMM_VCPU_STATE_H

#include <linux/kvm.h>
#include <stdint.h>

#define VCPU_MSRS	256

/* The head of struct kvm_msrs, and room behind it. */
struct vcpu_msrs {
	uint32_t nmsrs;
	uint32_t pad;
	struct kvm_msr_entry entries[VCPU_MSRS];
};

/**
 * struct vcpu_state - as KVM has it
 * @regs: general purpose
 * @sregs: segments, control registers
 * @xsave: floating point and vector
 * @xcrs: extended control
 * @debug: debug registers
 * @lapic: the local APIC
 * @events: exceptions and interrupts on their way
 * @mp: running or halted
 * @msrs: model-specific
 */
struct vcpu_state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_xsave xsave;
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debug;
	struct kvm_lapic_state lapic;
	struct kvm_vcpu_events events;
	struct kvm_mp_state mp;
	struct vcpu_msrs msrs;
};

/**
 * vcpu_state_get() - read all registers
 * @kvm: descriptor of /dev/kvm
 * @vcpu: of the vCPU, which does not run
 * @state: the result
 *
 * Return: 0, or -1 with the reason told.
 */
int vcpu_state_get(int kvm, int vcpu, struct vcpu_state *state);

/**
 * vcpu_state_set() - set all registers
 * @vcpu: of the vCPU, which does not run
 * @state: what they become
 *
 * Return: 0, or -1 with the reason told.
 */
int vcpu_state_set(int vcpu, struct vcpu_state *state);

#endif
