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

/* A debug register that the guest does not use, or -1. */
static int notrace free_slot(unsigned long dr7)
{
	int i;

	for (i = 0; i < 4; i++)
		if (!(dr7 & (3UL << (2 * i))))
			return i;
	return -1;
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

/* An instruction breakpoint at the landmark; #DB is always intercepted by KVM. */
static void notrace arm(struct kvm_ft_session *s, struct vmcb *vmcb)
{
	struct kvm_ft_arch *a = &s->arch;

	a->guest_dr7 = vmcb->save.dr7;
	a->slot = free_slot(vmcb->save.dr7);
	if (a->slot < 0)
		return;
	set_address(s->replayer.next.rip, a->slot);
	vmcb->save.dr7 &= ~(0xfUL << (16 + 4 * a->slot));
	vmcb->save.dr7 |= DR7_FIXED_1 | (1UL << (2 * a->slot));
	vmcb->control.clean &= ~KVM_FT_VMCB_CLEAN_DR;
	if (a->resume)
		vmcb->save.rflags |= X86_EFLAGS_RF;
	a->resume = false;
}

/*
 * Something waits for a landmark.  Exit before the first instruction; but in
 * the shadow of STI or MOV SS the guest has to get on first, by any little.
 */
#define RETRY_NS	1000

static void notrace seek_landmark(struct kvm_ft_session *s, struct vmcb *vmcb)
{
	if (vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK)
		hrtimer_start(&s->arch.retry, RETRY_NS, HRTIMER_MODE_REL_PINNED_HARD);
	else
		smp_send_reschedule(smp_processor_id());
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
	if (s->arch.approach == KVM_FT_BREAKPOINT)
		arm(s, vmcb);
	/* QEMU: VMRUN loads DR7 but leaves the breakpoints as the host has them. */
	if (s->arch.model->arm_host_dr7 && (vmcb->save.dr7 & 0xff))
		set_debugreg(vmcb->save.dr7 & ~DR7_GENERAL_DETECT, 7);
	if (s->state == KVM_FT_STATE_RECORDING && READ_ONCE(s->pending))
		seek_landmark(s, vmcb);
}

/**
 * kvm_ft_after_exit() - undo kvm_ft_before_entry()
 * @s: the session
 */
void notrace kvm_ft_after_exit(struct kvm_ft_session *s)
{
	struct vmcb *vmcb = kvm_ft_vmcb(s->arch.vcpu);

	if (s->arch.model->arm_host_dr7 && (vmcb->save.dr7 & 0xff))
		set_debugreg(DR7_FIXED_1, 7);
	release(vmcb, INTERCEPT_RDTSC, s->arch.added_rdtsc);
	release(vmcb, INTERCEPT_RDTSCP, s->arch.added_rdtscp);
	if (s->arch.slot < 0)
		return;
	vmcb->save.dr7 = s->arch.guest_dr7;
	vmcb->control.clean &= ~KVM_FT_VMCB_CLEAN_DR;
}
