/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * kvm-ft-lab-pmu: a perf PMU for hosts that have none, for tests only.
 *
 * Its one event counts the instructions that guests retire, exactly.  That
 * is possible because an emulated host under "qemu -accel tcg -icount shift=0"
 * has a time-stamp counter that advances by one per executed instruction: the
 * TSC read last before VM entry and first after VM exit differs by the guest's
 * instructions and a constant, which calibrate.c measures when the module
 * loads.
 *
 * Data flows one way: hooks.c measures a segment (one VM entry to the next VM
 * exit), pmu.c adds it to the active events, overflow.c decides when the
 * guest has to be interrupted so that an event overflows on time.
 */
#ifndef KVM_FT_LAB_PMU_H
#define KVM_FT_LAB_PMU_H

#include <linux/perf_event.h>
#include <linux/types.h>

struct kvm_vcpu;
struct pt_regs;

/* Events that can be active on one CPU at the same time. */
#define LAB_PMU_MAX_EVENTS	16

/* The largest skid that can be asked for, in events (AMD Zen's worst case). */
#define LAB_PMU_MAX_SKID	10000

/* "No event overflows": a distance that no guest segment reaches. */
#define LAB_PMU_NEVER		S64_MAX

/**
 * struct lab_costs - constants of this kernel build, in host instructions
 * @segment: TSC difference of a guest segment in which the guest executes
 *	nothing
 * @arm: from the write that starts the interrupting timer to the guest's
 *	first instruction
 *
 * Written while the module loads, read by the hooks afterwards.
 */
struct lab_costs {
	u64 segment;
	u64 arm;
};

extern struct lab_costs lab_costs;

/**
 * struct lab_raw - uncorrected measurements of one vCPU, for the calibration
 * @vcpu: the vCPU to watch, NULL when no calibration is running
 * @segments: guest segments seen
 * @ticks: sum of their TSC differences
 * @arm_at: if not 0, interrupt a guest segment this many TSC ticks after the
 *	timer is started; cleared when a segment was so interrupted
 * @armed_ticks: TSC difference of that segment
 *
 * Only the thread that runs the calibration and the hooks under it use it.
 */
struct lab_raw {
	struct kvm_vcpu *vcpu;
	u64 segments;
	u64 ticks;
	u32 arm_at;
	u64 armed_ticks;
};

extern struct lab_raw lab_raw;

/* The module parameter: one too many in each so many-th segment, 0 for never. */
extern unsigned int lab_miscount;

/* The module parameter: entries into a guest that stood in an interrupt shadow. */
extern unsigned long lab_shadows;

/* The module parameter: segments to remember, 0 for none. */
extern unsigned int lab_trail;

/* No event is active: a count that none reaches. */
#define LAB_PMU_NO_COUNT	U64_MAX

/* hooks.c */
int lab_hooks_install(void);
void lab_hooks_remove(void);

/* overflow.c */
int lab_timer_acquire(void);
void lab_timer_release(void);
void lab_timer_start(u32 ticks);
bool lab_timer_stop(void);

/* calibrate.c: process context, may sleep */
int lab_calibrate(void);

/* trail.c */
int lab_trail_init(void);
void lab_trail_exit(void);
void lab_trail_segment(struct kvm_vcpu *vcpu, u64 instructions, u64 from, u32 injected);
void lab_trail_completed(struct kvm_vcpu *vcpu);

/* pmu.c */
int lab_pmu_register(void);
void lab_pmu_unregister(void);
s64 lab_pmu_distance(void);
u64 lab_pmu_first(void);
void lab_pmu_count(u64 instructions, struct pt_regs *regs);
int lab_pmu_set_skid(unsigned int skid);
void lab_pmu_set_seed(u64 seed);

#endif
