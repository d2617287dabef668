// SPDX-License-Identifier: GPL-2.0-only
/* RDTSC and RDTSCP: their value is logged, or taken from the log. */
#include <linux/kvm_host.h>
#include <asm/cpufeature.h>
#include <asm/msr-index.h>

#include "../../session.h"
#include "svm.h"

#define RDTSC_LENGTH	2
#define RDTSCP_LENGTH	3

static const u8 rdtsc_code[RDTSC_LENGTH] = { 0x0f, 0x31 };
static const u8 rdtscp_code[RDTSCP_LENGTH] = { 0x0f, 0x01, 0xf9 };

static unsigned int kind_of_exit(const struct vmcb *vmcb)
{
	return vmcb->control.exit_code == SVM_EXIT_RDTSCP ? KVM_FT_KIND_RDTSCP : KVM_FT_KIND_RDTSC;
}

/* From the guest's code: QEMU exits for RDTSCP as for RDTSC, and does not tell the next RIP. */
static struct kvm_ft_tsc_read decode(struct kvm_ft_session *s)
{
	struct kvm_vcpu *vcpu = s->arch.vcpu;
	struct kvm_ft_tsc_read none = { 0 };
	u8 code[RDTSCP_LENGTH] = { 0 };

	kvm_ft_guest_code(vcpu, s->here.rip, code, sizeof(code));
	if (!memcmp(code, rdtsc_code, RDTSC_LENGTH))
		return (struct kvm_ft_tsc_read){ KVM_FT_KIND_RDTSC, RDTSC_LENGTH };
	if (s->arch.has_rdtscp && !memcmp(code, rdtscp_code, RDTSCP_LENGTH))
		return (struct kvm_ft_tsc_read){ KVM_FT_KIND_RDTSCP, RDTSCP_LENGTH };
	return none;
}

#define LONGEST_INSTRUCTION	15

/* Instruction pointers of 16 and 32 bits wrap around; KVM knows how. */
static bool may_wrap(unsigned long rip)
{
	return (u16)rip >= (u16)-LONGEST_INSTRUCTION;
}

/**
 * kvm_ft_tsc_read() - what does the guest stand at that has exited for its TSC?
 * @s: the session, after such an exit; @s->here is up to date
 *
 * As kvm_ft_guest_code().
 *
 * What KVM does behind an instruction besides going on is left to it: whether it is
 * depends on the guest alone, as the lab PMU counts only what KVM has skipped.
 *
 * Return: the instruction; of length 0 if KVM has to skip it, or if its code cannot be
 * read.
 */
struct kvm_ft_tsc_read kvm_ft_tsc_read(struct kvm_ft_session *s)
{
	struct vmcb *vmcb = kvm_ft_vmcb(s->arch.vcpu);
	unsigned long rip = s->arch.vcpu->arch.regs[VCPU_REGS_RIP];
	struct kvm_ft_tsc_read r = { 0 };

	if (vmcb->save.rflags & X86_EFLAGS_TF || may_wrap(rip))
		return r;
	if (!boot_cpu_has(X86_FEATURE_NRIPS) || !vmcb->control.next_rip)
		return decode(s);
	r.kind = kind_of_exit(vmcb);
	if (r.kind == KVM_FT_KIND_RDTSC || s->arch.has_rdtscp)
		r.length = vmcb->control.next_rip - rip;
	return r;
}

/* KVM is asked once per KVM_RUN: each write of the MSR by the guest is an exit of its own. */
static int set_tsc_aux(struct kvm_ft_session *s)
{
	struct kvm_vcpu *vcpu = s->arch.vcpu;

	if (!s->arch.tsc_aux_known && kvm_get_msr(vcpu, MSR_TSC_AUX, &s->arch.tsc_aux)) {
		kvm_ft_fail(s, -EIO, "cannot read the guest's TSC_AUX");
		return -EIO;
	}
	s->arch.tsc_aux_known = true;
	vcpu->arch.regs[VCPU_REGS_RCX] = (u32)s->arch.tsc_aux;
	return 0;
}

/* KVM goes past the instruction, and says by how far. */
static int kvm_skips(struct kvm_ft_session *s, struct kvm_ft_tsc_read *read)
{
	struct kvm_vcpu *vcpu = s->arch.vcpu;
	unsigned long rip = vcpu->arch.regs[VCPU_REGS_RIP];
	u8 code[RDTSCP_LENGTH];
	int r;

	read->kind = kind_of_exit(kvm_ft_vmcb(vcpu));
	r = kvm_skip_emulated_instruction(vcpu);
	read->length = vcpu->arch.regs[VCPU_REGS_RIP] - rip;
	/* Behind prefixes that have no effect. */
	if (s->arch.has_rdtscp && read->length >= RDTSCP_LENGTH &&
	    kvm_ft_guest_code(vcpu, s->here.rip + read->length - RDTSCP_LENGTH, code,
			      sizeof(code)) == sizeof(code) &&
	    !memcmp(code, rdtscp_code, RDTSCP_LENGTH))
		read->kind = KVM_FT_KIND_RDTSCP;
	return r;
}

/* RF and the interrupt shadow are for one instruction, which this was. */
static int skip(struct kvm_ft_session *s, struct kvm_ft_tsc_read *read)
{
	struct kvm_vcpu *vcpu = s->arch.vcpu;
	struct vmcb *vmcb = kvm_ft_vmcb(vcpu);

	if (!read->length)
		return kvm_skips(s, read);
	vcpu->arch.regs[VCPU_REGS_RIP] += read->length;
	vmcb->control.int_state &= ~SVM_INTERRUPT_SHADOW_MASK;
	vmcb->save.rflags &= ~X86_EFLAGS_RF;
	return 1;
}

/**
 * kvm_ft_tsc_exit() - complete the instruction
 * @s: the session; @s->here is up to date
 * @read: what kvm_ft_tsc_read() said
 *
 * Does not sleep if @read has a length and kvm_ft_tsc_is_quick().
 *
 * Return: as KVM's exit handlers; negative if the session has ended.
 */
int kvm_ft_tsc_exit(struct kvm_ft_session *s, struct kvm_ft_tsc_read read)
{
	struct kvm_vcpu *vcpu = s->arch.vcpu;
	u64 tsc = kvm_read_l1_tsc(vcpu, rdtsc());
	int r = skip(s, &read);

	if (kvm_ft_sync(s, read.kind, &tsc))
		return -EIO;
	if (read.kind == KVM_FT_KIND_RDTSCP && set_tsc_aux(s))
		return -EIO;
	kvm_ft_set_edx_eax(vcpu, tsc);
	return r;
}

/**
 * kvm_ft_tsc_is_quick() - can it be completed without asking KVM?
 * @s: the session
 * @read: what kvm_ft_tsc_read() said
 *
 * Return: true if so.
 */
bool kvm_ft_tsc_is_quick(const struct kvm_ft_session *s, const struct kvm_ft_tsc_read *read)
{
	return read->length && (read->kind != KVM_FT_KIND_RDTSCP || s->arch.tsc_aux_known);
}
