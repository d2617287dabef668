// SPDX-License-Identifier: GPL-2.0-only
/*
 * The VM exits that are ours.  All others go to KVM as they are.
 *
 * The functions return what KVM's exit handlers return: 1 to go on with the
 * guest, 0 to leave KVM_RUN.
 */
#include <linux/kvm_host.h>
#include <linux/uaccess.h>
#include <asm/apicdef.h>
#include <asm/debugreg.h>
#include <asm/msr-index.h>

#include "../../session.h"
#include "svm.h"

/* Back to KVM_FT_RUN. */
static int leave(struct kvm_ft_session *s, enum kvm_ft_leave why)
{
	s->leave = why;
	/* Never seen by the VMM: KVM_FT_RUN does not return this exit. */
	s->arch.vcpu->run->exit_reason = KVM_EXIT_UNKNOWN;
	return 0;
}

static int ended(struct kvm_ft_session *s)
{
	return leave(s, KVM_FT_LEAVE_ENDED);
}

static int tsc_exit(struct kvm_ft_session *s, struct kvm_ft_tsc_read read)
{
	int r = kvm_ft_tsc_exit(s, read);

	return r < 0 ? ended(s) : r;
}

static int rdtscp_exit(struct kvm_ft_session *s, unsigned int fastpath)
{
	if (!s->arch.has_rdtscp)
		return kvm_ft_kvm_handle_exit(s, fastpath);
	return tsc_exit(s, kvm_ft_tsc_read(s));
}

/* KVM reads the MSR; what it found is logged, or replaced. */
static int rdmsr_exit(struct kvm_ft_session *s, unsigned int fastpath)
{
	struct kvm_vcpu *vcpu = s->arch.vcpu;
	unsigned int kind;
	u64 value;
	int r;

	switch ((u32)vcpu->arch.regs[VCPU_REGS_RCX]) {
	case MSR_IA32_TSC:
		kind = KVM_FT_KIND_MSR_TSC;
		break;
	case MSR_IA32_TSC_DEADLINE:
		kind = KVM_FT_KIND_MSR_TSC_DEADLINE;
		break;
	default:
		return kvm_ft_kvm_handle_exit(s, fastpath);
	}
	r = kvm_ft_kvm_handle_exit(s, fastpath);
	if (r != 1 || vcpu->arch.exception.pending)
		return r;
	value = (u32)vcpu->arch.regs[VCPU_REGS_RAX] | vcpu->arch.regs[VCPU_REGS_RDX] << 32;
	if (kvm_ft_sync(s, kind, &value))
		return ended(s);
	kvm_ft_set_edx_eax(vcpu, value);
	return r;
}

static int msr_exit(struct kvm_ft_session *s, unsigned int fastpath)
{
	if (!kvm_ft_vmcb(s->arch.vcpu)->control.exit_info_1)
		return rdmsr_exit(s, fastpath);
	if ((u32)s->arch.vcpu->arch.regs[VCPU_REGS_RCX] == MSR_TSC_AUX)
		s->arch.tsc_aux_known = false;
	return kvm_ft_kvm_handle_exit(s, fastpath);
}

/*
 * KVM would let the guest use the debug registers directly until the next
 * exit; one of them may hold our breakpoint.
 */
static int dr_exit(struct kvm_ft_session *s, unsigned int fastpath)
{
	return kvm_emulate_instruction(s->arch.vcpu, 0);
}

/* Enabled breakpoints of the guest's that hit as well, and its single step. */
static unsigned long guest_hits(const struct kvm_ft_arch *a, unsigned long hits,
				unsigned long ours)
{
	unsigned long enabled = 0;
	int i;

	for (i = 0; i < 4; i++)
		if (a->guest_dr7 & (3UL << (2 * i)))
			enabled |= BIT(i);
	return hits & ((enabled & ~ours) | DR6_BD | DR6_BS | DR6_BT);
}

/* The guest's own breakpoints, or its single step. */
static int guest_db(struct kvm_ft_session *s, unsigned long hits, unsigned int fastpath)
{
	u64 breakpoints = hits & DR_TRAP_BITS;

	if (breakpoints && kvm_ft_borrows_slots(s) &&
	    kvm_ft_sync(s, KVM_FT_KIND_BREAKPOINT, &breakpoints))
		return ended(s);
	return kvm_ft_kvm_handle_exit(s, fastpath);
}

static unsigned long db_hits(const struct kvm_ft_session *s)
{
	return kvm_ft_vmcb(s->arch.vcpu)->save.dr6 ^ DR6_ACTIVE_LOW;
}

/* The debug registers that have a breakpoint of ours. */
static unsigned long our_slots(const struct kvm_ft_arch *a)
{
	if (a->slot < 0)
		return 0;
	return BIT(a->slot) | (a->page_slot < 0 ? 0 : BIT(a->page_slot));
}

static int db_exit(struct kvm_ft_session *s, unsigned int fastpath)
{
	struct vmcb *vmcb = kvm_ft_vmcb(s->arch.vcpu);
	struct kvm_ft_arch *a = &s->arch;
	unsigned long hits = db_hits(s);
	unsigned long ours = our_slots(a);
	int r = 0;

	if (!(hits & ours))
		return guest_db(s, hits, fastpath);

	if (hits & BIT(a->slot))
		r = kvm_ft_breakpoint_hit(s);
	if (r < 0)
		return ended(s);
	if (r > 0)
		return leave(s, KVM_FT_LEAVE_STOP);
	if (guest_hits(a, hits, ours)) {
		/* The guest's own; ours will hit again behind its handler. */
		vmcb->save.dr6 &= ~ours;
		return guest_db(s, hits & ~ours, fastpath);
	}
	kvm_ft_step_over(s);
	return 1;
}

/* If KVM executes the instruction itself, the guest stands behind it afterwards. */
static int page_fault_exit(struct kvm_ft_session *s, unsigned int fastpath)
{
	kvm_ft_faulted(s);
	return kvm_ft_kvm_handle_exit(s, fastpath);
}

static int fault_exit(struct kvm_ft_session *s, unsigned int vector, unsigned int fastpath)
{
	if (vector == DB_VECTOR)
		return db_exit(s, fastpath);
	if (kvm_ft_step_faulted(s, vector))
		return 1;
	if (vector == PF_VECTOR)
		return page_fault_exit(s, fastpath);
	return kvm_ft_kvm_handle_exit(s, fastpath);
}

/* The guest is not waited for inside KVM, where we could not wake it. */
static int halted(struct kvm_ft_session *s)
{
	if (kvm_ft_kvm_runnable(s))
		return 1;
	if (kvm_ft_locate(s)) {
		kvm_ft_fail(s, -EIO, "the performance counter was taken away");
		return ended(s);
	}
	s->halted = true;
	return leave(s, KVM_FT_LEAVE_HALT);
}

/*
 * A host interrupt stopped the guest between two instructions: when recording,
 * the time to deliver what has arrived from outside.
 */
static int interrupt_exit(struct kvm_ft_session *s, unsigned int fastpath)
{
	int r = kvm_ft_kvm_handle_exit(s, fastpath);

	if (r != 1 || s->state != KVM_FT_STATE_RECORDING || !READ_ONCE(s->pending) ||
	    !kvm_ft_clean_boundary(s))
		return r;
	s->arch.software_interrupt = kvm_ft_at_software_interrupt(s);
	return kvm_ft_may_stop(s) ? leave(s, KVM_FT_LEAVE_LANDMARK) : 1;
}

static int dispatch(struct kvm_ft_session *s, unsigned int fastpath)
{
	u64 code = kvm_ft_vmcb(s->arch.vcpu)->control.exit_code;

	switch (code) {
	case SVM_EXIT_RDTSC:
		return tsc_exit(s, kvm_ft_tsc_read(s));
	case SVM_EXIT_RDTSCP:
		return rdtscp_exit(s, fastpath);
	case SVM_EXIT_MSR:
		return msr_exit(s, fastpath);
	case SVM_EXIT_READ_DR0 ... SVM_EXIT_WRITE_DR7 + 8:
		return dr_exit(s, fastpath);
	case SVM_EXIT_EXCP_BASE ... SVM_EXIT_EXCP_BASE + 31:
		return fault_exit(s, code - SVM_EXIT_EXCP_BASE, fastpath);
	case SVM_EXIT_NPF:
		return page_fault_exit(s, fastpath);
	case SVM_EXIT_INTR:
		return interrupt_exit(s, fastpath);
	default:
		return kvm_ft_kvm_handle_exit(s, fastpath);
	}
}

/*
 * As KVM's exit handler begins, which our exits do not come to: what the guest
 * may change without a VM exit, and KVM needs in order to read its code.
 */
static void read_control_registers(struct kvm_vcpu *vcpu)
{
	const struct vmcb *vmcb = kvm_ft_vmcb(vcpu);

	if (!(vmcb->control.intercepts[INTERCEPT_CR0_WRITE / 32] & BIT(INTERCEPT_CR0_WRITE % 32)))
		vcpu->arch.cr0 = vmcb->save.cr0;
	if (vmcb->control.nested_ctl & SVM_NESTED_CTL_NP_ENABLE)
		vcpu->arch.cr3 = vmcb->save.cr3;
}

static int begin(struct kvm_ft_session *s, unsigned int fastpath)
{
	read_control_registers(s->arch.vcpu);
	if (kvm_ft_locate(s)) {
		kvm_ft_fail(s, -EIO, "the performance counter was taken away");
		return -EIO;
	}
	kvm_ft_stepped_over(s, fastpath != EXIT_FASTPATH_NONE);
	s->arch.software_interrupt = false;
	return 0;
}

static bool has_ended(const struct kvm_ft_session *s)
{
	return s->state != KVM_FT_STATE_RECORDING && s->state != KVM_FT_STATE_REPLAYING;
}

/* Only our breakpoint has hit. */
static bool is_passage(struct kvm_ft_session *s)
{
	unsigned long hits = db_hits(s);
	unsigned long ours = our_slots(&s->arch);

	return hits & ours && !guest_hits(&s->arch, hits, ours);
}

/*
 * KVM does not hold kvm->srcu around the guest, and takes it again only later.  What cannot
 * be completed without sleeping is begun again by the exit handler.
 */
static bool read_tsc_quickly(struct kvm_ft_session *s)
{
	struct srcu_struct *slots = &s->arch.vcpu->kvm->srcu;
	struct kvm_ft_tsc_read read;
	int index;

	if (begin(s, EXIT_FASTPATH_NONE)) {
		s->arch.result = ended(s);
		return true;
	}
	index = srcu_read_lock(slots);
	pagefault_disable();
	read = kvm_ft_tsc_read(s);
	pagefault_enable();
	srcu_read_unlock(slots, index);
	if (!kvm_ft_tsc_is_quick(s, &read))
		return false;
	s->arch.result = tsc_exit(s, read);
	return true;
}

static bool pass_quickly(struct kvm_ft_session *s)
{
	if (!is_passage(s))
		return false;
	s->arch.result = begin(s, EXIT_FASTPATH_NONE) ? ended(s) : db_exit(s, EXIT_FASTPATH_NONE);
	return true;
}

/*
 * The two exits that there may be many of, and that can be dealt with where they are found:
 * a TSC that is read, and a breakpoint that is passed.  False if this is not one.
 */
static bool deal_quickly(struct kvm_ft_session *s)
{
	switch (kvm_ft_vmcb(s->arch.vcpu)->control.exit_code) {
	case SVM_EXIT_RDTSC:
	case SVM_EXIT_RDTSCP:
		return read_tsc_quickly(s);
	case SVM_EXIT_EXCP_BASE + DB_VECTOR:
		return pass_quickly(s);
	default:
		return false;
	}
}

/**
 * kvm_ft_quick_exit() - right behind a VM exit
 * @s: the session
 * @fastpath: has KVM dealt with the exit already?
 *
 * The vCPU's thread, interrupts off.
 *
 * Return: %EXIT_FASTPATH_REENTER_GUEST if KVM may enter the guest again at once;
 * %EXIT_FASTPATH_EXIT_HANDLED if kvm_ft_handle_exit() has only to look what comes next;
 * otherwise @fastpath.
 */
unsigned int kvm_ft_quick_exit(struct kvm_ft_session *s, unsigned int fastpath)
{
	struct kvm_ft_arch *a = &s->arch;

	a->dealt = fastpath == EXIT_FASTPATH_NONE && !has_ended(s) && deal_quickly(s);
	if (!a->dealt)
		return fastpath;
	/* KVM corrects a clock that runs behind only where it does not enter the guest at once. */
	if (a->result != 1 || has_ended(s) || kvm_ft_needs_block(s) ||
	    a->vcpu->arch.tsc_always_catchup ||
	    (s->state == KVM_FT_STATE_REPLAYING && !kvm_ft_is_approached(s)))
		return EXIT_FASTPATH_EXIT_HANDLED;
	return EXIT_FASTPATH_REENTER_GUEST;
}

static int deal(struct kvm_ft_session *s, unsigned int fastpath)
{
	if (s->arch.dealt) {
		s->arch.dealt = false;
		return s->arch.result;
	}
	return begin(s, fastpath) ? ended(s) : dispatch(s, fastpath);
}

/**
 * kvm_ft_handle_exit() - in place of KVM's exit handler
 * @s: the session
 * @fastpath: KVM's, passed through
 *
 * The vCPU's thread, interrupts on, may sleep; KVM holds the vCPU's mutex and
 * kvm->srcu.
 *
 * Return: 1 to go on with the guest, 0 to leave KVM_RUN, or KVM's error.
 */
int kvm_ft_handle_exit(struct kvm_ft_session *s, unsigned int fastpath)
{
	int r = deal(s, fastpath);

	/* A read of the local APIC inside KVM's handler may have diverged. */
	if (r >= 0 && has_ended(s))
		return ended(s);
	if (r != 1)
		return r;
	if (s->arch.vcpu->arch.mp_state == KVM_MP_STATE_HALTED)
		return halted(s);
	if (kvm_ft_needs_block(s))
		return leave(s, KVM_FT_LEAVE_BLOCK);
	if (s->state == KVM_FT_STATE_REPLAYING && kvm_ft_approach(s))
		return ended(s);
	return 1;
}

/**
 * kvm_ft_lapic_read() - in place of KVM's read of a local APIC register
 * @s: the session
 * @apic: KVM's
 * @reg: offset of the register
 * @len: bytes
 * @data: the result
 *
 * The current count of the timer depends on the host's time.
 *
 * Return: what KVM's function returns, 0 if it could read the register.
 */
int kvm_ft_lapic_read(struct kvm_ft_session *s, void *apic, u32 reg, int len, void *data)
{
	int r = kvm_ft_kvm_lapic_read(s, apic, reg, len, data);
	u64 value = 0;

	if (r || (reg & ~0xfU) != APIC_TMCCT || len > 4)
		return r;
	memcpy(&value, data, len);
	if (!kvm_ft_sync(s, KVM_FT_KIND_LAPIC_TMCCT, &value))
		memcpy(data, &value, len);
	return r;
}

/**
 * kvm_ft_timer_expired() - KVM thinks that the guest's timer has expired
 * @s: the session
 *
 * Any context.  When recording, it is delivered at the next landmark; when
 * replaying, the log alone says when, unless the session ends before.
 *
 * Return: true if KVM must not do it itself.
 */
bool kvm_ft_timer_expired(struct kvm_ft_session *s)
{
	u32 state = READ_ONCE(s->state);

	if (state != KVM_FT_STATE_RECORDING && state != KVM_FT_STATE_REPLAYING)
		return false;
	set_bit(KVM_FT_PENDING_TIMER, &s->pending);
	if (state == KVM_FT_STATE_RECORDING) {
		wake_up(&s->wait);
		kvm_vcpu_kick(s->arch.vcpu);
	}
	return true;
}
