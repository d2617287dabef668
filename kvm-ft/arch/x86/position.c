// SPDX-License-Identifier: GPL-2.0-only
/* Where the guest stands, and whether something may be delivered there. */
#include "../../session.h"
#include "svm.h"

#define LONGEST_INSTRUCTION	15

/**
 * kvm_ft_registers() - the guest's general registers
 * @s: the session
 * @regs: %KVM_FT_NR_REGS of them, as in struct kvm_ft_entry
 *
 * RFLAGS.RF is left out: it is how a breakpoint is stepped over.
 */
void kvm_ft_registers(struct kvm_ft_session *s, u64 *regs)
{
	static const u8 order[] = {
		VCPU_REGS_RAX, VCPU_REGS_RBX, VCPU_REGS_RCX, VCPU_REGS_RDX,
		VCPU_REGS_RSI, VCPU_REGS_RDI, VCPU_REGS_RSP, VCPU_REGS_RBP,
		VCPU_REGS_R8, VCPU_REGS_R9, VCPU_REGS_R10, VCPU_REGS_R11,
		VCPU_REGS_R12, VCPU_REGS_R13, VCPU_REGS_R14, VCPU_REGS_R15,
		VCPU_REGS_RIP,
	};
	struct kvm_vcpu *vcpu = s->arch.vcpu;
	int i;

	for (i = 0; i < ARRAY_SIZE(order); i++)
		regs[i] = vcpu->arch.regs[order[i]];
	regs[i] = kvm_get_rflags(vcpu) & ~X86_EFLAGS_RF;
}

/* In 64-bit mode, where guests are most of the time, no segment has a base to be looked up. */
static u64 linear_rip(struct kvm_vcpu *vcpu)
{
	if (vcpu->arch.efer & EFER_LMA &&
	    kvm_ft_vmcb(vcpu)->save.cs.attrib & SVM_SELECTOR_L_MASK)
		return vcpu->arch.regs[VCPU_REGS_RIP];
	return kvm_get_linear_rip(vcpu);
}

/**
 * kvm_ft_locate_start() - bring @s->here up to date, but for the progress
 * @s: the session, before the guest has run in it
 */
void kvm_ft_locate_start(struct kvm_ft_session *s)
{
	struct kvm_vcpu *vcpu = s->arch.vcpu;

	s->here.rip = linear_rip(vcpu);
	s->here.rcx = vcpu->arch.regs[VCPU_REGS_RCX];
	if (s->header.flags & KVM_FT_LOG_CHECKING)
		kvm_ft_registers(s, s->here.regs);
}

/**
 * kvm_ft_locate() - bring @s->here up to date
 * @s: the session, after a VM exit or when the guest does not run
 *
 * Return: 0, or an error of the counter.
 */
int kvm_ft_locate(struct kvm_ft_session *s)
{
	kvm_ft_locate_start(s);
	return kvm_ft_counter_read(s, &s->here.progress);
}

/**
 * kvm_ft_clean_boundary() - does the guest stand between two instructions?
 * @s: the session, after a VM exit
 *
 * Return: false while KVM still has to finish delivering an event to it, or in
 * the shadow of STI or MOV SS.
 */
bool kvm_ft_clean_boundary(struct kvm_ft_session *s)
{
	struct kvm_vcpu_arch *arch = &s->arch.vcpu->arch;

	return !arch->exception.injected && !arch->exception.pending &&
	       !arch->interrupt.injected && !arch->nmi_injected &&
	       !(kvm_ft_vmcb(s->arch.vcpu)->control.int_state & SVM_INTERRUPT_SHADOW_MASK);
}

/*
 * KVM waits for the guest to let an interrupt come that it holds for it, and the
 * guest does.  On the way it comes before any breakpoint at this instruction.
 */
static bool notrace takes_interrupt(const struct vmcb *vmcb)
{
	return vmcb->control.int_ctl & V_IRQ_MASK && vmcb->save.rflags & X86_EFLAGS_IF;
}

/**
 * kvm_ft_faulted() - KVM is about to deal with a page fault
 * @s: the session, in its exit handler; @s->here is up to date
 */
void kvm_ft_faulted(struct kvm_ft_session *s)
{
	struct kvm_ft_arch *a = &s->arch;

	a->faulted = true;
	a->fault_progress = s->here.progress;
	a->fault_rip = a->vcpu->arch.regs[VCPU_REGS_RIP];
	a->fault_rcx = a->vcpu->arch.regs[VCPU_REGS_RCX];
}

/*
 * The accessed and dirty bits that the instruction sets in the guest's page tables are there
 * already, and would not be yet where a breakpoint stops the guest in front of it.
 */
static bool notrace has_faulted_here(const struct kvm_ft_session *s)
{
	const struct kvm_ft_arch *a = &s->arch;

	return a->faulted && a->fault_progress == s->here.progress &&
	       a->fault_rip == a->vcpu->arch.regs[VCPU_REGS_RIP] &&
	       a->fault_rcx == a->vcpu->arch.regs[VCPU_REGS_RCX];
}

/**
 * kvm_ft_may_stop() - could a breakpoint stop the guest where it stands?
 * @s: the session, not in the middle of an event's delivery
 *
 * Where it could not on replay, nothing is recorded.
 *
 * Return: false in the shadow of STI or MOV SS; with RFLAGS.RF set, as the guest
 * returns from a page fault; in front of a software interrupt, which would
 * store the RF that steps over a breakpoint; where the guest is about to take
 * an interrupt that was held back until now; and behind a page fault of which only KVM
 * knows.
 */
bool notrace kvm_ft_may_stop(const struct kvm_ft_session *s)
{
	struct vmcb *vmcb = kvm_ft_vmcb(s->arch.vcpu);

	return !(vmcb->control.int_state & SVM_INTERRUPT_SHADOW_MASK) &&
	       !(vmcb->save.rflags & X86_EFLAGS_RF) && !s->arch.software_interrupt &&
	       !takes_interrupt(vmcb) && !has_faulted_here(s);
}

static bool is_prefix(u8 byte)
{
	switch (byte) {
	case 0x26: case 0x2e: case 0x36: case 0x3e:
	case 0x40 ... 0x4f:
	case 0x64 ... 0x67:
	case 0xf0:
		return true;
	default:
		return false;
	}
}

/* The next instruction's opcode, -1 if it cannot be read; and whether it has a REP prefix. */
static int opcode(struct kvm_vcpu *vcpu, u64 rip, bool *repeated)
{
	u8 code[LONGEST_INSTRUCTION];
	unsigned int i, size;

	*repeated = false;
	size = kvm_ft_guest_code(vcpu, rip, code, sizeof(code));
	for (i = 0; i < size; i++) {
		if (code[i] == 0xf2 || code[i] == 0xf3)
			*repeated = true;
		else if (!is_prefix(code[i]))
			return code[i];
	}
	return -1;
}

/**
 * kvm_ft_at_software_interrupt() - is the next instruction INT, INT1, INT3 or INTO?
 * @s: the session
 *
 * The vCPU's thread, in its exit handler.  Reads guest memory.
 *
 * Return: true if so.
 */
bool kvm_ft_at_software_interrupt(struct kvm_ft_session *s)
{
	bool repeated;

	switch (opcode(s->arch.vcpu, s->here.rip, &repeated)) {
	case 0xcc ... 0xce:
	case 0xf1:
		return true;
	default:
		return false;
	}
}

/**
 * kvm_ft_may_end() - can a replayed guest be stopped where this one stands?
 * @s: a recording session that a signal has ended KVM_FT_RUN of
 *
 * As kvm_ft_may_stop(), but the guest may be in the middle of an event's delivery, or KVM
 * about to look whether there is one; or KVM has completed an instruction since the exit,
 * which the lab PMU counts at the next entry only.  Process context, outside KVM_RUN: takes
 * the vCPU's mutex.  Reads guest memory.
 *
 * Return: 1 if so, 0 if not, -EINTR if the thread was killed.
 */
int kvm_ft_may_end(struct kvm_ft_session *s)
{
	struct kvm_vcpu *vcpu = s->arch.vcpu;
	int srcu, r;

	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	srcu = srcu_read_lock(&vcpu->kvm->srcu);
	s->arch.software_interrupt = kvm_ft_at_software_interrupt(s);
	r = s->here.rip == linear_rip(vcpu) &&
	    s->here.rcx == vcpu->arch.regs[VCPU_REGS_RCX] &&
	    kvm_ft_clean_boundary(s) && kvm_ft_may_stop(s) &&
	    !kvm_test_request(KVM_REQ_EVENT, vcpu);
	srcu_read_unlock(&vcpu->kvm->srcu, srcu);
	mutex_unlock(&vcpu->mutex);
	return r;
}

/**
 * kvm_ft_in_string_instruction() - is the next instruction a repeated one?
 * @s: the session
 *
 * If so, RCX is part of the landmark: the position is the same before each
 * iteration.  Process context, outside KVM_RUN: takes the vCPU's mutex.  Reads
 * guest memory.
 *
 * Return: 1 if it has a REP prefix, 0 if not, -EINTR if the thread was killed.
 */
int kvm_ft_in_string_instruction(struct kvm_ft_session *s)
{
	struct kvm_vcpu *vcpu = s->arch.vcpu;
	bool repeated;
	int srcu;

	if (mutex_lock_killable(&vcpu->mutex))
		return -EINTR;
	srcu = srcu_read_lock(&vcpu->kvm->srcu);
	opcode(vcpu, s->here.rip, &repeated);
	srcu_read_unlock(&vcpu->kvm->srcu, srcu);
	mutex_unlock(&vcpu->mutex);
	return repeated;
}
