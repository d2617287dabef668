/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is known about the counters of CPU models.  Builds into the module and
 * into user space.
 */
#ifndef KVM_FT_ARCH_X86_COUNTER_MODELS_H
#define KVM_FT_ARCH_X86_COUNTER_MODELS_H

#include "../../replay/env.h"

/* Bits of kvm_ft_counter_model.flags: what else there is to know about it. */
#define KVM_FT_MODEL_SKID_UNBOUNDED	0x01	/* in rare cases @skid is exceeded */
#define KVM_FT_MODEL_SPEC_LOCK_MAP	0x02	/* exact only without that optimization */
#define KVM_FT_MODEL_FREEZE_ON_SMI	0x04	/* exact only if frozen during SMIs */

/**
 * enum kvm_ft_cpu_vendor - makers of CPUs
 * @KVM_FT_CPU_INTEL: GenuineIntel
 * @KVM_FT_CPU_AMD: AuthenticAMD
 * @KVM_FT_CPU_OTHER: any other
 */
enum kvm_ft_cpu_vendor {
	KVM_FT_CPU_INTEL,
	KVM_FT_CPU_AMD,
	KVM_FT_CPU_OTHER,
};

/**
 * struct kvm_ft_counter_model - a CPU's event for guest progress
 * @name: for people
 * @source: the vendor's name of the event, and where @skid is from
 * @config: perf's raw event
 * @kind: enum kvm_ft_counter
 * @skid: an overflow arrives at most this many events from where it was due;
 *	the module parameter of that name overrides it
 * @flags: KVM_FT_MODEL_*
 * @emulated: the CPU is QEMU's: breakpoints and RFLAGS.RF need more, see entry.c and
 *	step.c
 */
struct kvm_ft_counter_model {
	const char *name;
	const char *source;
	u64 config;
	u32 kind;
	u32 skid;
	u32 flags;
	bool emulated;
};

/* An emulated host with kvm-ft-lab-pmu; never chosen by itself. */
extern const struct kvm_ft_counter_model kvm_ft_lab_model;

const struct kvm_ft_counter_model *
kvm_ft_counter_model_of(enum kvm_ft_cpu_vendor vendor, u32 family, u32 model);

#endif
