// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is done to the VMCB right before VM entry, and undone right after VM
 * exit.  Interrupts are off; before entry the global interrupt flag is clear.
 */
#include <linux/kvm_host.h>
#include <linux/smp.h>
#include <asm/debugreg.h>
#include <trace/events/ipi.h>

#include "../../session.h"
#include "svm.h"

/* Makes accesses to debug registers fault: not for the host's own. */
#define DR7_GENERAL_DETECT	BIT(13)

/* Remembers what it has set, so that nothing of it stays after the exit. */
static void notrace intercept(struct vmcb *vmcb, unsigned int bit, bool *added)
{
	u32 *word = &vmcb->control.intercepts[bit / 32];

	*added = !(*word & BIT(bit % 32));
	*word |= BIT(bit % 32);
	if (*added)
		vmcb->control.clean &= ~KVM_FT_VMCB_CLEAN_INTERCEPTS;
}

static void notrace release(struct vmcb *vmcb, unsigned int bit, bool added)
{
	if (!added)
		return;
	vmcb->control.intercepts[bit / 32] &= ~BIT(bit % 32);
	vmcb->control.clean &= ~KVM_FT_VMCB_CLEAN_INTERCEPTS;
}

#define NR_SLOTS	4

static bool notrace slot_used(unsigned long dr7, int slot)
{
	return dr7 & (3UL << (2 * slot));
}

static bool notrace slot_executes(unsigned long dr7, int slot)
{
	return !(dr7 & (3UL << (16 + 4 * slot)));
}

/*
 * A debug register for a breakpoint of ours, which is not @taken: one that the
 * guest does not use; else one of its watchpoints rather than of its breakpoints,
 * without which QEMU executes more than an instruction at a time.
 */
static int notrace choose_slot(unsigned long dr7, int taken)
{
	int i, best = -1;

	for (i = 0; i < NR_SLOTS; i++) {
		if (i == taken)
			continue;
		if (!slot_used(dr7, i))
			return i;
		if (best < 0 || (slot_executes(dr7, best) && !slot_executes(dr7, i)))
			best = i;
	}
	return best;
}

/**
 * kvm_ft_borrows_slots() - does the guest leave too few debug registers?
 * @s: the session
 *
 * If it does, hits of its own breakpoints are entries of the log.  Hence none hits
 * on the way from the entry before a landmark to that landmark, and the debug
 * registers are ours there.
 *
 * Return: true if so.
 */
bool notrace kvm_ft_borrows_slots(const struct kvm_ft_session *s)
{
	unsigned long dr7 = kvm_ft_vmcb(s->arch.vcpu)->save.dr7;
	int i, free = 0;

	for (i = 0; i < NR_SLOTS; i++)
		free += !slot_used(dr7, i);
	return free < (s->arch.model->emulated ? 2 : 1);
}

static void notrace set_address(unsigned long address, int slot)
{
	switch (slot) {
	case 0:
		set_debugreg(address, 0);
		break;
	case 1:
		set_debugreg(address, 1);
		break;
	case 2:
		set_debugreg(address, 2);
		break;
	case 3:
		set_debugreg(address, 3);
		break;
	}
}

static unsigned long notrace arm_slot(unsigned long dr7, int slot, unsigned long address)
{
	set_address(address, slot);
	dr7 &= ~(0xfUL << (16 + 4 * slot));
	return dr7 | DR7_FIXED_1 | (1UL << (2 * slot));
}

/*
 * QEMU ends RFLAGS.RF not behind an instruction but behind a run of them, and
 * may come by the breakpoint in that; except on a page where it looks for
 * another one, which it executes by the instruction.
 */
#define ELSEWHERE_ON_PAGE	0x800

/* An instruction breakpoint at the landmark; #DB is always intercepted by KVM. */
static void notrace arm(struct kvm_ft_session *s, struct vmcb *vmcb)
{
	unsigned long address = s->replayer.next.rip;
	struct kvm_ft_arch *a = &s->arch;
	unsigned long dr7 = vmcb->save.dr7;

	a->guest_dr7 = dr7;
	a->slot = choose_slot(dr7, -1);
	dr7 = arm_slot(dr7, a->slot, address);
	if (a->model->emulated) {
		a->page_slot = choose_slot(a->guest_dr7, a->slot);
		dr7 = arm_slot(dr7, a->page_slot, address ^ ELSEWHERE_ON_PAGE);
	}
	vmcb->save.dr7 = dr7;
	vmcb->control.clean &= ~KVM_FT_VMCB_CLEAN_DR;
	kvm_ft_step_before_entry(s);
}

/*
 * Something waits for a landmark.  Exit before the first instruction; but where
 * there can be none, the guest has to get on first, by any little.  It may take
 * the host longer than that to enter it, hence the doubling.  The first
 * instruction of an event's handler is always fit to be one.
 */
#define RETRY_NS	1000
#define LONGEST_RETRY_NS	1000000

static void notrace seek_landmark(struct kvm_ft_session *s, struct vmcb *vmcb)
{
	struct kvm_ft_arch *a = &s->arch;

	if (vmcb->control.event_inj & SVM_EVTINJ_VALID || kvm_ft_may_stop(s)) {
		a->retry_ns = RETRY_NS;
		smp_send_reschedule(smp_processor_id());
		return;
	}
	hrtimer_start(&a->retry, a->retry_ns, HRTIMER_MODE_REL_PINNED_HARD);
	a->retry_ns = min(2 * a->retry_ns, LONGEST_RETRY_NS);
}

/*
 * The counter has overflowed since kvm_ft_approach() looked: for an instruction
 * that KVM has completed in the guest's place since, or late.  Exit at once, for
 * another look.
 */
static bool notrace overflowed_outside(const struct kvm_ft_session *s)
{
	return (s->arch.approach == KVM_FT_COUNTING || s->arch.approach == KVM_FT_WATCHING) &&
	       READ_ONCE(s->arch.overflowed);
}

/* Any context; its interrupt alone ends the guest's run. */
static enum hrtimer_restart retry(struct hrtimer *timer)
{
	return HRTIMER_NORESTART;
}

/**
 * kvm_ft_entry_init() - once per session
 * @s: the session
 */
void kvm_ft_entry_init(struct kvm_ft_session *s)
{
	s->arch.slot = -1;
	s->arch.page_slot = -1;
	s->arch.retry_ns = RETRY_NS;
	hrtimer_init(&s->arch.retry, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	s->arch.retry.function = retry;
}

/**
 * kvm_ft_entry_release() - undo kvm_ft_entry_init()
 * @s: the session, no longer hooked
 */
void kvm_ft_entry_release(struct kvm_ft_session *s)
{
	hrtimer_cancel(&s->arch.retry);
}

/**
 * kvm_ft_before_entry() - prepare the VM entry of a session's vCPU
 * @s: the session
 */
void notrace kvm_ft_before_entry(struct kvm_ft_session *s)
{
	struct vmcb *vmcb = kvm_ft_vmcb(s->arch.vcpu);

	intercept(vmcb, INTERCEPT_RDTSC, &s->arch.added_rdtsc);
	intercept(vmcb, INTERCEPT_RDTSCP, &s->arch.added_rdtscp);
	s->arch.slot = -1;
	s->arch.page_slot = -1;
	s->arch.added_faults = 0;
	if (s->arch.approach == KVM_FT_BREAKPOINT)
		arm(s, vmcb);
	/* QEMU: VMRUN loads DR7 but leaves the breakpoints as the host has them. */
	if (s->arch.model->emulated && (vmcb->save.dr7 & 0xff))
		set_debugreg(vmcb->save.dr7 & ~DR7_GENERAL_DETECT, 7);
	if (s->state == KVM_FT_STATE_RECORDING && READ_ONCE(s->pending))
		seek_landmark(s, vmcb);
	if (s->state == KVM_FT_STATE_REPLAYING && overflowed_outside(s))
		smp_send_reschedule(smp_processor_id());
}

/**
 * kvm_ft_after_exit() - undo kvm_ft_before_entry()
 * @s: the session
 */
void notrace kvm_ft_after_exit(struct kvm_ft_session *s)
{
	struct vmcb *vmcb = kvm_ft_vmcb(s->arch.vcpu);

	if (s->arch.model->emulated && (vmcb->save.dr7 & 0xff))
		set_debugreg(DR7_FIXED_1, 7);
	release(vmcb, INTERCEPT_RDTSC, s->arch.added_rdtsc);
	release(vmcb, INTERCEPT_RDTSCP, s->arch.added_rdtscp);
	if (s->arch.slot < 0)
		return;
	kvm_ft_step_after_exit(s);
	vmcb->save.dr7 = s->arch.guest_dr7;
	vmcb->control.clean &= ~KVM_FT_VMCB_CLEAN_DR;
}
