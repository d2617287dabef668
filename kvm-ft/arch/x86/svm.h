/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vCPU's VMCB.  struct vcpu_svm is KVM's own; that it begins with struct
 * kvm_vcpu and goes on with the pointer to the current VMCB holds from 6.1 to
 * 6.12 (arch/x86/kvm/svm/svm.h).
 */
#ifndef KVM_FT_SVM_H
#define KVM_FT_SVM_H

#include <asm/svm.h>
#include <linux/kvm_host.h>

/* Bits of vmcb->control.clean (APM vol. 2, "VMCB Clean Bits"). */
#define KVM_FT_VMCB_CLEAN_INTERCEPTS	BIT(0)
#define KVM_FT_VMCB_CLEAN_DR		BIT(6)

static inline struct vmcb *kvm_ft_vmcb(struct kvm_vcpu *vcpu)
{
	return *(struct vmcb **)(vcpu + 1);
}

/* The result of RDTSC and RDMSR. */
static inline void kvm_ft_set_edx_eax(struct kvm_vcpu *vcpu, u64 value)
{
	vcpu->arch.regs[VCPU_REGS_RAX] = (u32)value;
	vcpu->arch.regs[VCPU_REGS_RDX] = value >> 32;
}

#endif
