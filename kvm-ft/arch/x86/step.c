// SPDX-License-Identifier: GPL-2.0-only
/*
 * Gets the replayed guest past an instruction with our breakpoint on it.
 *
 * RFLAGS.RF lets the CPU execute one instruction without its breakpoint.  The
 * guest must not see it: an event that is injected first would store it in the
 * guest's memory, and KVM leaves it set when it emulates the instruction, or one
 * iteration of it.  So it is there during an entry only, and set again if the
 * guest still stands at the same instruction.
 *
 * If the instruction faults, CPUs store an image with RF set, ours or not; QEMU
 * stores what it finds.  There, faults are intercepted while RF is ours, and handed
 * to the guest without it.  A software interrupt stores RF as it is on any
 * CPU; no landmark is recorded in front of one, see kvm_ft_may_stop().
 */
#include <linux/kvm_host.h>

#include "../../session.h"
#include "svm.h"

/* Faults of an instruction, without and with an error code (APM vol. 2, "Vectors"). */
#define PLAIN_FAULTS	(BIT(DE_VECTOR) | BIT(BR_VECTOR) | BIT(UD_VECTOR) | BIT(NM_VECTOR) | \
			 BIT(MF_VECTOR) | BIT(XM_VECTOR))
#define ERROR_FAULTS	(BIT(TS_VECTOR) | BIT(NP_VECTOR) | BIT(SS_VECTOR) | BIT(GP_VECTOR) | \
			 BIT(PF_VECTOR) | BIT(AC_VECTOR))

static void notrace intercept_faults(struct kvm_ft_arch *a, struct vmcb *vmcb)
{
	u32 *word = &vmcb->control.intercepts[INTERCEPT_EXCEPTION];

	a->added_faults = (PLAIN_FAULTS | ERROR_FAULTS) & ~*word;
	*word |= a->added_faults;
	vmcb->control.clean &= ~KVM_FT_VMCB_CLEAN_INTERCEPTS;
}

/**
 * kvm_ft_step_over() - the guest is to execute the instruction it stands at
 * @s: the session, after a hit of its breakpoint; @s->here is up to date
 */
void kvm_ft_step_over(struct kvm_ft_session *s)
{
	struct kvm_ft_arch *a = &s->arch;

	a->resume = true;
	a->resume_progress = s->here.progress;
	a->resume_rip = a->vcpu->arch.regs[VCPU_REGS_RIP];
	a->resume_rcx = a->vcpu->arch.regs[VCPU_REGS_RCX];
}

/*
 * KVM completes some instructions (HLT, WRMSR) right behind the VM exit, before its
 * exit handler is called or without calling it, and leaves RF as it is.
 */
#define LONGEST_INSTRUCTION	15

static bool notrace skipped(const struct kvm_ft_arch *a)
{
	unsigned long length = a->vcpu->arch.regs[VCPU_REGS_RIP] - a->resume_rip;

	return length && length <= LONGEST_INSTRUCTION;
}

/**
 * kvm_ft_step_before_entry() - set RFLAGS.RF if it is wanted for this entry
 * @s: the session, with a breakpoint
 */
void notrace kvm_ft_step_before_entry(struct kvm_ft_session *s)
{
	struct kvm_ft_arch *a = &s->arch;
	struct vmcb *vmcb = kvm_ft_vmcb(a->vcpu);
	const unsigned long *regs = a->vcpu->arch.regs;

	if (a->resumed && skipped(a))
		vmcb->save.rflags &= ~X86_EFLAGS_RF;
	a->resumed = false;
	if (a->resume && regs[VCPU_REGS_RIP] == a->resume_rip &&
	    regs[VCPU_REGS_RCX] == a->resume_rcx &&
	    !(vmcb->control.event_inj & SVM_EVTINJ_VALID) &&
	    !(vmcb->save.rflags & X86_EFLAGS_RF)) {
		vmcb->save.rflags |= X86_EFLAGS_RF;
		a->resumed = true;
		if (a->model->emulated)
			intercept_faults(a, vmcb);
	}
	a->resume = false;
}

/**
 * kvm_ft_step_after_exit() - undo what was set for this entry besides RFLAGS.RF
 * @s: the session
 */
void notrace kvm_ft_step_after_exit(struct kvm_ft_session *s)
{
	struct vmcb *vmcb = kvm_ft_vmcb(s->arch.vcpu);

	if (!s->arch.added_faults)
		return;
	vmcb->control.intercepts[INTERCEPT_EXCEPTION] &= ~s->arch.added_faults;
	vmcb->control.clean &= ~KVM_FT_VMCB_CLEAN_INTERCEPTS;
}

/**
 * kvm_ft_stepped_over() - take away RFLAGS.RF after a VM exit
 * @s: the session; @s->here is up to date
 * @fastpath: has KVM dealt with the exit already?
 *
 * The CPU has cleared the flag if it has executed the instruction; what is set
 * anywhere else is the guest's own.
 */
void kvm_ft_stepped_over(struct kvm_ft_session *s, bool fastpath)
{
	struct kvm_ft_arch *a = &s->arch;
	struct vmcb *vmcb = kvm_ft_vmcb(a->vcpu);

	if (!a->resumed)
		return;
	a->resumed = false;
	if (!(vmcb->save.rflags & X86_EFLAGS_RF))
		return;
	a->resume = s->here.progress == a->resume_progress &&
		    a->vcpu->arch.regs[VCPU_REGS_RIP] == a->resume_rip;
	if (a->resume || (fastpath && skipped(a)))
		vmcb->save.rflags &= ~X86_EFLAGS_RF;
}

/**
 * kvm_ft_step_faulted() - was this exit a fault that only we intercept?
 * @s: the session
 * @vector: of the exception
 *
 * Return: true, and the guest gets it at the next entry; false if it is KVM's.
 */
bool kvm_ft_step_faulted(struct kvm_ft_session *s, unsigned int vector)
{
	struct kvm_vcpu *vcpu = s->arch.vcpu;
	struct vmcb_control_area *control = &kvm_ft_vmcb(vcpu)->control;

	if (!(s->arch.added_faults & BIT(vector)))
		return false;
	if (vector == PF_VECTOR)
		vcpu->arch.cr2 = control->exit_info_2;
	if (ERROR_FAULTS & BIT(vector))
		kvm_requeue_exception_e(vcpu, vector, control->exit_info_1);
	else
		kvm_requeue_exception(vcpu, vector);
	return true;
}
