/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KVM_FT_COMPAT_MM_H
#define KVM_FT_COMPAT_MM_H

#include <linux/mm.h>
#include <linux/version.h>

/*
 * 6.3 has a function for it (commit 1c71222e5f23, "mm: replace vma->vm_flags direct
 * modifications with modifier calls").
 */
static inline void kvm_ft_vm_flags_clear(struct vm_area_struct *vma, unsigned long flags)
{
#if KERNEL_VERSION(6, 3, 0) <= LINUX_VERSION_CODE
	vm_flags_clear(vma, flags);
#else
	vma->vm_flags &= ~flags;
#endif
}

#endif
