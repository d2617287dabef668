// SPDX-License-Identifier: GPL-2.0-only
/* The module: /dev/kvm-ft, and what must be there before it is. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/cpufeature.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "session.h"

/*
 * Hooks run where such kernels may not sleep, but their locks do; and KVM's functions are called
 * behind their first instruction, which is checked there.
 */
#if defined(CONFIG_PREEMPT_RT) || defined(CONFIG_CFI_CLANG)
#error "kernels with CONFIG_PREEMPT_RT or CONFIG_CFI_CLANG are not supported: use another one"
#endif

static long create(void __user *arg)
{
	struct kvm_ft_create args;

	if (copy_from_user(&args, arg, sizeof(args)))
		return -EFAULT;
	return kvm_ft_session_create(&args);
}

static long device_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case KVM_FT_GET_API_VERSION:
		return arg ? -EINVAL : KVM_FT_API_VERSION;
	case KVM_FT_CREATE:
		return create((void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations device_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = device_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kvm-ft",
	.fops = &device_fops,
	.mode = 0600,
};

static int __init kvm_ft_init(void)
{
	int err;

	if (!boot_cpu_has(X86_FEATURE_SVM)) {
		pr_err("only hosts with AMD SVM are supported so far\n");
		return -ENODEV;
	}
	if (cpu_feature_enabled(X86_FEATURE_IBT)) {
		pr_err("not with indirect branch tracking: boot the kernel with ibt=off\n");
		return -ENODEV;
	}
	err = kvm_ft_hooks_init();
	if (err) {
		pr_err("cannot work with this kernel's KVM\n");
		return err;
	}
	err = kvm_ft_sysfs_init();
	if (err)
		goto exit_hooks;
	kvm_ft_debugfs_init();
	err = misc_register(&device);
	if (err)
		goto exit_sysfs;
	return 0;

exit_sysfs:
	kvm_ft_debugfs_exit();
	kvm_ft_sysfs_exit();
exit_hooks:
	kvm_ft_hooks_exit();
	return err;
}

static void __exit kvm_ft_exit(void)
{
	misc_deregister(&device);
	kvm_ft_debugfs_exit();
	kvm_ft_sysfs_exit();
	kvm_ft_hooks_exit();
}

module_init(kvm_ft_init);
module_exit(kvm_ft_exit);
MODULE_DESCRIPTION("Record and replay of KVM guests");
MODULE_VERSION("0.1");
MODULE_LICENSE("GPL");
