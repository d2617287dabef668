// SPDX-License-Identifier: GPL-2.0-only
/*
 * Kernels before 5.7 exported kallsyms_lookup_name() (commit 0bd476e6c671
 * removed it); a kprobe still resolves any symbol that can be probed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/ftrace.h>
#include <linux/kprobes.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "symbols.h"

unsigned long kvm_ft_fentry(const char *name)
{
	/* Never armed, which would patch the kernel, twice, and takes long. */
	struct kprobe kp = { .symbol_name = name, .flags = KPROBE_FLAG_DISABLED };
	unsigned long address;
	int err;

	err = register_kprobe(&kp);
	if (err) {
		pr_err("this kernel has no function %s (%d)\n", name, err);
		return 0;
	}
	address = (unsigned long)kp.addr;
	unregister_kprobe(&kp);
	return address;
}

void *kvm_ft_symbol(const char *name)
{
	/* With IBT the probe lies behind ENDBR64, but a call has to land on it. */
	static const u8 endbr64[] = { 0xf3, 0x0f, 0x1e, 0xfa };
	u8 *address = (u8 *)kvm_ft_fentry(name);

	if (address && !memcmp(address - sizeof(endbr64), endbr64, sizeof(endbr64)))
		address -= sizeof(endbr64);
	return address;
}

void *kvm_ft_behind_fentry(const char *name)
{
	unsigned long address = kvm_ft_fentry(name);

	return address ? (void *)(address + MCOUNT_INSN_SIZE) : NULL;
}
