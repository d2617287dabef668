/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest's side of a session: where it is, how it is stopped at a landmark,
 * which of its exits are ours.
 */
#ifndef KVM_FT_ARCH_X86_H
#define KVM_FT_ARCH_X86_H

#include <linux/hrtimer.h>
#include <linux/list.h>
#include <linux/types.h>

#include "../../replay/codec.h"
#include "counter_models.h"

struct kvm_ft_session;
struct kvm_ft_log_header;
struct kvm_vcpu;
struct perf_event;

/**
 * struct kvm_ft_where - a guest position
 * @progress: the counter, since the session began
 * @rip: linear address of the next instruction
 * @rcx: RCX
 * @regs: kvm_ft_registers(), in checking mode
 */
struct kvm_ft_where {
	u64 progress;
	u64 rip;
	u64 rcx;
	u64 regs[KVM_FT_NR_REGS];
};

/**
 * enum kvm_ft_approach - how the replayed guest is brought to a landmark
 * @KVM_FT_FREE: nothing has been prepared
 * @KVM_FT_WATCHING: it will exit there by itself; the counter will overflow if
 *	it does not
 * @KVM_FT_COUNTING: it is far away; the counter will overflow before it
 * @KVM_FT_BREAKPOINT: it is near; a breakpoint stops at each passage
 */
enum kvm_ft_approach {
	KVM_FT_FREE,
	KVM_FT_WATCHING,
	KVM_FT_COUNTING,
	KVM_FT_BREAKPOINT,
};

/**
 * struct kvm_ft_arch - per session
 * @vcpu: the vCPU
 * @node: in the table that the hooks look in; RCU
 * @hooked: it is in there
 * @lab_pmu: perf type of the lab PMU, 0 for the CPU's own
 * @model: the event
 * @skid: events by which an overflow may be late or early
 * @counter: counts in the thread @counter_task; NULL before the first run
 * @counter_task: held
 * @counted: progress before @counter was created
 * @overflowed: set by the counter's overflow, at any time
 * @approach: see above
 * @slot: debug register in use with KVM_FT_BREAKPOINT, -1 when none is armed
 * @page_slot: another one on the same page, on emulated hosts; or -1
 * @guest_dr7: the guest's own DR7 while one is armed
 * @resume: step over the breakpoint at the next entry
 * @resume_progress: progress there
 * @resume_rip: RIP of the instruction
 * @resume_rcx: RCX there
 * @resumed: RFLAGS.RF is set for that, during this entry
 * @added_faults: vectors that are intercepted for that, on emulated hosts
 * @software_interrupt: the instruction that the guest stands at is one
 * @faulted: KVM has mapped something for the instruction at @fault_rip, which was not
 *	executed then
 * @fault_progress: progress there
 * @fault_rip: its RIP
 * @fault_rcx: RCX there
 * @added_rdtsc: RDTSC is intercepted for this entry because of us
 * @added_rdtscp: the same for RDTSCP
 * @retry: looks for a landmark again where the guest stood at none
 * @retry_ns: after so long
 * @has_rdtscp: the guest's CPUID has it
 * @tsc_aux_known: @tsc_aux is the guest's
 * @tsc_aux: its IA32_TSC_AUX
 * @dealt: kvm_ft_quick_exit() has dealt with the last VM exit
 * @result: what it has come to, as from KVM's exit handlers
 * @pass_timer: the next call of KVM's timer expiry is not to be diverted
 * @pass_lapic: the same of its LAPIC read
 */
struct kvm_ft_arch {
	struct kvm_vcpu *vcpu;
	struct hlist_node node;
	bool hooked;
	u32 lab_pmu;
	const struct kvm_ft_counter_model *model;
	u32 skid;
	struct perf_event *counter;
	struct task_struct *counter_task;
	u64 counted;
	bool overflowed;
	enum kvm_ft_approach approach;
	int slot;
	int page_slot;
	unsigned long guest_dr7;
	bool resume;
	u64 resume_progress;
	unsigned long resume_rip;
	unsigned long resume_rcx;
	bool resumed;
	u32 added_faults;
	bool software_interrupt;
	bool faulted;
	u64 fault_progress;
	unsigned long fault_rip;
	unsigned long fault_rcx;
	bool added_rdtsc;
	bool added_rdtscp;
	struct hrtimer retry;
	u64 retry_ns;
	bool has_rdtscp;
	bool tsc_aux_known;
	u64 tsc_aux;
	bool dealt;
	int result;
	bool pass_timer;
	bool pass_lapic;
};

/* hooks.c: process context, may sleep */
int kvm_ft_hooks_init(void);
void kvm_ft_hooks_exit(void);
int kvm_ft_hooks_get(struct kvm_ft_session *s);
void kvm_ft_hooks_put(struct kvm_ft_session *s);
bool kvm_ft_is_vcpu_file(const struct file *file);

/* What KVM does without us; in the vCPU's thread. */
int kvm_ft_kvm_handle_exit(struct kvm_ft_session *s, unsigned int fastpath);
int kvm_ft_kvm_lapic_read(struct kvm_ft_session *s, void *apic, u32 reg, int len, void *data);
void kvm_ft_kvm_deliver_timer(struct kvm_ft_session *s);
void kvm_ft_kvm_return_timer(struct kvm_ft_session *s);
bool kvm_ft_kvm_runnable(struct kvm_ft_session *s);
/* before the guest runs in the session */
void kvm_ft_kvm_forget_shadow(struct kvm_ft_session *s);

/* exits.c: called by the hooks for the session's vCPU */
unsigned int kvm_ft_quick_exit(struct kvm_ft_session *s, unsigned int fastpath);
int kvm_ft_handle_exit(struct kvm_ft_session *s, unsigned int fastpath);
int kvm_ft_lapic_read(struct kvm_ft_session *s, void *apic, u32 reg, int len, void *data);
bool kvm_ft_timer_expired(struct kvm_ft_session *s);

/* tsc.c */
/**
 * struct kvm_ft_tsc_read - an instruction that reads the TSC
 * @kind: %KVM_FT_KIND_RDTSC or %KVM_FT_KIND_RDTSCP
 * @length: of the instruction; 0 if only KVM can skip it
 */
struct kvm_ft_tsc_read {
	unsigned int kind;
	unsigned int length;
};

struct kvm_ft_tsc_read kvm_ft_tsc_read(struct kvm_ft_session *s);
bool kvm_ft_tsc_is_quick(const struct kvm_ft_session *s, const struct kvm_ft_tsc_read *read);
int kvm_ft_tsc_exit(struct kvm_ft_session *s, struct kvm_ft_tsc_read read);

/* entry.c */
void kvm_ft_entry_init(struct kvm_ft_session *s);
void kvm_ft_entry_release(struct kvm_ft_session *s);
/* interrupts off, around VM entry */
void kvm_ft_before_entry(struct kvm_ft_session *s);
void kvm_ft_after_exit(struct kvm_ft_session *s);
/* any time in the vCPU's thread, but between these two */
bool kvm_ft_borrows_slots(const struct kvm_ft_session *s);

/* step.c: around VM entry, interrupts off */
void kvm_ft_step_before_entry(struct kvm_ft_session *s);
void kvm_ft_step_after_exit(struct kvm_ft_session *s);
/* behind it, in the exit handler or before */
void kvm_ft_step_over(struct kvm_ft_session *s);
void kvm_ft_stepped_over(struct kvm_ft_session *s, bool fastpath);
bool kvm_ft_step_faulted(struct kvm_ft_session *s, unsigned int vector);

/* counter.c */
int kvm_ft_counter_choose(struct kvm_ft_session *s);
int kvm_ft_counter_attach(struct kvm_ft_session *s);
void kvm_ft_counter_release(struct kvm_ft_session *s);
int kvm_ft_counter_read(struct kvm_ft_session *s, u64 *progress);
int kvm_ft_counter_overflow_after(struct kvm_ft_session *s, u64 events);

/* landmark.c: replay */
u64 kvm_ft_free_stretch(const struct kvm_ft_session *s);
bool kvm_ft_is_approached(const struct kvm_ft_session *s);
int kvm_ft_approach(struct kvm_ft_session *s);
int kvm_ft_breakpoint_hit(struct kvm_ft_session *s);

/* position.c */
void kvm_ft_locate_start(struct kvm_ft_session *s);
int kvm_ft_locate(struct kvm_ft_session *s);
void kvm_ft_registers(struct kvm_ft_session *s, u64 *regs);
bool kvm_ft_clean_boundary(struct kvm_ft_session *s);
void kvm_ft_faulted(struct kvm_ft_session *s);
bool kvm_ft_may_stop(const struct kvm_ft_session *s);
bool kvm_ft_at_software_interrupt(struct kvm_ft_session *s);
int kvm_ft_may_end(struct kvm_ft_session *s);
int kvm_ft_in_string_instruction(struct kvm_ft_session *s);

/* walk.c */
unsigned int kvm_ft_guest_code(struct kvm_vcpu *vcpu, u64 address, u8 *code, unsigned int size);

/* describe.c */
int kvm_ft_check_cpu(void);
u32 kvm_ft_refuse_guest(struct kvm_ft_session *s);
int kvm_ft_describe(struct kvm_ft_session *s, struct kvm_ft_log_header *h);

#endif
