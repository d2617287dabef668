/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KVM_FT_COMPAT_FTRACE_REGS_H
#define KVM_FT_COMPAT_FTRACE_REGS_H

#include <linux/ftrace.h>

/*
 * What ftrace saves for every hook on x86: arguments and instruction pointer,
 * for half the instructions of FTRACE_OPS_FL_SAVE_REGS (commit 02a474ca266a,
 * "ftrace/x86: Allow for arguments to be passed in to ftrace_regs by default").
 * 6.1 has no ftrace_regs_get_argument() for x86, 6.12 hides the structure.
 */
static __always_inline struct pt_regs *kvm_ft_saved_regs(struct ftrace_regs *fregs)
{
#ifdef arch_ftrace_regs
	return &arch_ftrace_regs(fregs)->regs;
#else
	return &fregs->regs;
#endif
}

#endif
