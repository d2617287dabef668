/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KVM_FT_COMPAT_KVM_RUN_H
#define KVM_FT_COMPAT_KVM_RUN_H

#include <linux/kvm.h>
#include <linux/version.h>

/*
 * User space may change the field at any time; 6.10 gave it another name
 * inside the kernel to say so (commit a6816314af57, "KVM: Introduce
 * vcpu->wants_to_run").
 */
static inline bool kvm_ft_immediate_exit(const struct kvm_run *run)
{
#if KERNEL_VERSION(6, 10, 0) <= LINUX_VERSION_CODE
	return READ_ONCE(run->immediate_exit__unsafe);
#else
	return READ_ONCE(run->immediate_exit);
#endif
}

#endif
