// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where guest segments begin and end, and which instructions KVM retires on
 * the guest's behalf.
 *
 * kvm_wait_lapic_expire	the last traceable function before VMRUN.  Its
 *	length depends on the guest's timer, so it is replaced: it only burns
 *	time until a timer that fired early is due, which no guest can rely on.
 * kvm_load_host_xsave_state	the first traceable function after #VMEXIT.
 * kvm_pmu_trigger_event	called when KVM has completed an instruction in
 *	the guest's place: an intercepted one that it skips, or one that it
 *	emulates (in shadow paging a write to a page table, which the same guest
 *	may execute itself on another run: hence it must count the same).
 *
 * The first two run with the global interrupt flag clear (between CLGI and
 * STGI in svm_vcpu_run()), so nothing can come between them but the guest and
 * what KVM does on its way there and back.  The latter has to take the same
 * path each time: see steady_path_begin().
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/smp.h>
#include <trace/events/ipi.h>

#include "../../../kvm-ft/arch/x86/svm.h"
#include "../../../kvm-ft/compat/symbols.h"
#include "lab-pmu.h"

/**
 * struct lab_segment - the guest segment that runs on a CPU
 * @entry_tsc: TSC right before VM entry
 * @entered: before_entry() was called for it
 * @timer: the interrupting timer was started for it
 * @number: of segments while lab_miscount was set
 * @shadowed: it begins in the shadow of STI or MOV SS
 * @virtual_irq: bits of the VMCB's int_ctl that were taken out for it
 * @rip: where it begins
 * @injected: the VMCB's event_inj
 */
struct lab_segment {
	u64 entry_tsc;
	bool entered;
	bool timer;
	unsigned int number;
	bool shadowed;
	u32 virtual_irq;
	u32 injected;
	u64 rip;
};

static DEFINE_PER_CPU(struct lab_segment, segment);
static u64 *retired_selector;
static u64 retired_id = PERF_COUNT_HW_INSTRUCTIONS;

/*
 * Ticks after which the next guest segment has to be interrupted, 0 for "not
 * at all".  A distance beyond the timer's 32 bits is reached in steps: the
 * host's own tick ends every segment long before.
 */
static u32 notrace interrupt_after(struct kvm_vcpu *vcpu, bool shadowed)
{
	u64 distance;

	if (unlikely(shadowed))
		return lab_costs.arm + 1;
	if (unlikely(lab_raw.vcpu == vcpu))
		return lab_raw.arm_at;
	distance = lab_pmu_distance() + lab_costs.arm;
	return distance > U32_MAX ? 0 : distance;
}

/*
 * Between the two reads of the TSC KVM tells RCU and lockdep that the guest is
 * about to run.  How long that takes depends on what they know already:
 *
 * RCU notes a quiescent state if somebody waits for one.  Told right before,
 * nobody does any more: interrupts stay off.
 *
 * lockdep looks at each lock that is held.  It is made to look away, as it does
 * itself while it is at work.
 */
static __always_inline void steady_path_begin(void)
{
	rcu_note_context_switch(false);
#ifdef CONFIG_PROVE_LOCKING
	raw_cpu_inc(lockdep_recursion);
#endif
}

static __always_inline void steady_path_end(void)
{
#ifdef CONFIG_PROVE_LOCKING
	raw_cpu_dec(lockdep_recursion);
#endif
}

/*
 * QEMU's VMRUN injects an interrupt, and also leaves it behind as an exception
 * to be raised: when the emulator has something else to do before the next VM
 * exit, the guest gets it a second time, at any instruction.  An exit before
 * the handler's first instruction clears it.
 */
static void notrace exit_behind_injection(struct kvm_vcpu *vcpu)
{
	u32 event = kvm_ft_vmcb(vcpu)->control.event_inj;

	if ((event & (SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_MASK)) ==
	    (SVM_EVTINJ_VALID | SVM_EVTINJ_TYPE_INTR))
		smp_send_reschedule(smp_processor_id());
}

/*
 * QEMU's VMRUN does not load the interrupt shadow from the VMCB: the guest would take
 * an interrupt that waits for STI one instruction too early, if the host has
 * interrupted it between the two.  So it executes that instruction without its
 * virtual interrupt, and exits; see interrupt_after().  An event that is
 * injected ends the shadow.
 */
static void notrace shadow_begin(struct lab_segment *s, struct vmcb_control_area *control)
{
	s->shadowed = control->int_state & SVM_INTERRUPT_SHADOW_MASK &&
		      !(control->event_inj & SVM_EVTINJ_VALID);
	if (!s->shadowed)
		return;
	lab_shadows++;
	s->virtual_irq = control->int_ctl & V_IRQ_MASK;
	control->int_ctl &= ~V_IRQ_MASK;
}

/*
 * The shadow lasts until an instruction was executed in it.  QEMU has no instruction
 * begin another shadow in one, as MOV SS behind STI does now that it was not in one.
 */
static void notrace shadow_end(struct lab_segment *s, struct vmcb_control_area *control,
			       u64 executed)
{
	if (!s->shadowed)
		return;
	control->int_ctl |= s->virtual_irq;
	if (executed)
		control->int_state &= ~SVM_INTERRUPT_SHADOW_MASK;
	else if (!(control->exit_int_info & SVM_EXITINTINFO_VALID))
		control->int_state |= SVM_INTERRUPT_SHADOW_MASK;
}

/* Stands in for kvm_wait_lapic_expire(). */
static noinline void notrace before_entry(struct kvm_vcpu *vcpu)
{
	struct lab_segment *s = this_cpu_ptr(&segment);
	u32 ticks;

	shadow_begin(s, &kvm_ft_vmcb(vcpu)->control);
	ticks = interrupt_after(vcpu, s->shadowed);
	exit_behind_injection(vcpu);
	s->entered = true;
	s->timer = ticks;
	s->rip = kvm_ft_vmcb(vcpu)->save.rip;
	s->injected = kvm_ft_vmcb(vcpu)->control.event_inj;
	steady_path_begin();
	if (ticks)
		lab_timer_start(ticks);
	s->entry_tsc = rdtsc();
}

static void notrace divert_wait(unsigned long ip, unsigned long parent_ip,
				struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	ftrace_get_regs(fregs)->ip = (unsigned long)before_entry;
}

static void notrace record_raw(u64 ticks, bool interrupted)
{
	lab_raw.segments++;
	lab_raw.ticks += ticks;
	if (interrupted) {
		lab_raw.armed_ticks = ticks;
		lab_raw.arm_at = 0;
	}
}

/* What to count too much for this segment.  Interrupts off. */
static u64 notrace miscount(struct lab_segment *s)
{
	unsigned int every = READ_ONCE(lab_miscount);

	return every && ++s->number % every == 0;
}

static void notrace after_exit(unsigned long ip, unsigned long parent_ip,
			       struct ftrace_ops *ops, struct ftrace_regs *fregs)
{
	u64 exit_tsc = rdtsc();
	struct lab_segment *s = this_cpu_ptr(&segment);
	struct pt_regs *regs = ftrace_get_regs(fregs);
	struct kvm_vcpu *vcpu = (void *)regs->di;
	u64 ticks = exit_tsc - s->entry_tsc;
	bool interrupted;

	if (!s->entered)
		return;
	s->entered = false;
	steady_path_end();
	interrupted = s->timer && lab_timer_stop();
	shadow_end(s, &kvm_ft_vmcb(vcpu)->control, ticks - lab_costs.segment);
	lab_trail_segment(vcpu, ticks - lab_costs.segment, s->rip, s->injected);
	if (unlikely(lab_raw.vcpu && lab_raw.vcpu == vcpu))
		record_raw(ticks, interrupted);
	else
		lab_pmu_count(ticks - lab_costs.segment + miscount(s), regs);
}

static void notrace instruction_retired(unsigned long ip, unsigned long parent_ip,
					struct ftrace_ops *ops,
					struct ftrace_regs *fregs)
{
	struct pt_regs *regs = ftrace_get_regs(fregs);
	unsigned long flags;

	if (regs->si != retired_id)
		return;
	local_irq_save(flags);
	lab_trail_completed((void *)regs->di);
	lab_pmu_count(1, regs);
	local_irq_restore(flags);
}

/* In the order of their installation: each entry into a guest that is seen is left. */
static struct {
	const char *symbol;
	struct ftrace_ops ops;
} hooks[] = {
	{
		.symbol = "kvm_load_host_xsave_state",
		.ops = {
			.func = after_exit,
			.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_RECURSION,
		},
	},
	{
		.symbol = "kvm_pmu_trigger_event",
		.ops = {
			.func = instruction_retired,
			.flags = FTRACE_OPS_FL_SAVE_REGS,
		},
	},
	{
		.symbol = "kvm_wait_lapic_expire",
		.ops = {
			.func = divert_wait,
			.flags = FTRACE_OPS_FL_SAVE_REGS | FTRACE_OPS_FL_IPMODIFY |
				 FTRACE_OPS_FL_RECURSION,
		},
	},
};

/* By address: for a name, ftrace would compare it with that of each function. */
static int hook_install(int i)
{
	unsigned long ip = kvm_ft_fentry(hooks[i].symbol);
	int err;

	if (!ip)
		return -ENODEV;
	err = ftrace_set_filter_ip(&hooks[i].ops, ip, 0, 1);
	if (!err)
		err = register_ftrace_function(&hooks[i].ops);
	if (err) {
		pr_err("cannot hook %s (%d): is it diverted by somebody else?\n",
		       hooks[i].symbol, err);
		ftrace_free_filter(&hooks[i].ops);
	}
	return err;
}

static void hooks_remove_first(int n)
{
	while (n--) {
		unregister_ftrace_function(&hooks[n].ops);
		ftrace_free_filter(&hooks[n].ops);
	}
}

/*
 * What KVM passes for "an instruction has retired" became an event selector
 * in 6.11 (commit f287bef6ddc2, "KVM: x86/pmu: Snapshot event selectors that
 * KVM emulates in software"); before, it was the perf event number.
 */
static void find_retired_id(void)
{
	retired_selector = (u64 *)__symbol_get("kvm_pmu_eventsel");
	if (retired_selector)
		retired_id = retired_selector[0];
}

/**
 * lab_hooks_install() - start measuring guest segments
 *
 * Process context; may sleep.  Takes a reference on kvm.ko.
 *
 * Return: 0, -ENODEV when kvm or one of its functions is not there, or ftrace's
 * error.
 */
int lab_hooks_install(void)
{
	int i, err;

	if (!__symbol_get("kvm_load_host_xsave_state")) {
		pr_err("kvm is not loaded; load kvm-amd first\n");
		return -ENODEV;
	}
	find_retired_id();
	for (i = 0; i < ARRAY_SIZE(hooks); i++) {
		err = hook_install(i);
		if (err)
			goto err_hooks;
	}
	return 0;

err_hooks:
	hooks_remove_first(i);
	if (retired_selector)
		__symbol_put("kvm_pmu_eventsel");
	__symbol_put("kvm_load_host_xsave_state");
	return err;
}

/**
 * lab_hooks_remove() - undo lab_hooks_install()
 *
 * Process context; returns when no CPU is inside a hook any more.
 */
void lab_hooks_remove(void)
{
	hooks_remove_first(ARRAY_SIZE(hooks));
	if (retired_selector)
		__symbol_put("kvm_pmu_eventsel");
	__symbol_put("kvm_load_host_xsave_state");
}
