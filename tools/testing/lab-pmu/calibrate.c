// SPDX-License-Identifier: GPL-2.0-only
/*
 * Measures the constants in struct lab_costs with a guest of its own, and
 * refuses a host on which they are not constant.
 *
 * The guest's user-space side is the process that loads the module: its memory
 * is mapped there and the KVM ioctls are called as it would call them.  Nothing
 * is left behind in that process.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/kvm_host.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

#include "lab-pmu.h"

#define GUEST_SIZE	(2 * PAGE_SIZE)
#define GUEST_CODE	PAGE_SIZE
#define ARGS_SIZE	PAGE_SIZE

#define CALIBRATION_RUNS	200

/**
 * struct calibration - the guest and its user-space side
 * @vm: the VM's file
 * @vcpu: the vCPU's file
 * @guest: guest RAM, then a page for ioctl arguments, in this process
 * @run: the vCPU's kvm_run, in this process
 * @run_size: its size
 */
struct calibration {
	struct file *vm;
	struct file *vcpu;
	unsigned long guest;
	unsigned long run;
	unsigned long run_size;
};

/* mov ecx, imm32; 1: dec ecx; jnz 1b; hlt - in real mode */
static const u8 guest_code[] = {
	0x66, 0xb9, 0, 0, 0, 0, 0x66, 0x49, 0x75, 0xfc, 0xf4,
};

/* What the guest executes before HLT, which is intercepted. */
static u64 guest_length(u32 loops)
{
	return 1 + 2ull * loops;
}

static void __user *args(struct calibration *c)
{
	return (void __user *)(c->guest + GUEST_SIZE);
}

static long call(struct file *file, unsigned int cmd, unsigned long arg)
{
	return file->f_op->unlocked_ioctl(file, cmd, arg);
}

static long call_with(struct calibration *c, struct file *file, unsigned int cmd,
		      const void *arg, size_t size)
{
	if (copy_to_user(args(c), arg, size))
		return -EFAULT;
	return call(file, cmd, (unsigned long)args(c));
}

/* KVM returns new objects as descriptors of this process; only the file is kept. */
static struct file *take_file(long fd)
{
	struct file *file;

	if (fd < 0)
		return ERR_PTR(fd);
	file = fget(fd);
	close_fd(fd);
	return file ?: ERR_PTR(-EBADF);
}

static int map_guest(struct calibration *c)
{
	struct kvm_userspace_memory_region region = { .memory_size = GUEST_SIZE };

	c->guest = vm_mmap(NULL, 0, GUEST_SIZE + ARGS_SIZE, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, 0);
	if (IS_ERR_VALUE(c->guest))
		return c->guest;
	region.userspace_addr = c->guest;
	return call_with(c, c->vm, KVM_SET_USER_MEMORY_REGION, &region, sizeof(region));
}

static int map_run(struct calibration *c, struct file *kvm)
{
	long size = call(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (size < 0)
		return size;
	c->run_size = size;
	c->run = vm_mmap(c->vcpu, 0, size, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	return IS_ERR_VALUE(c->run) ? c->run : 0;
}

/* Real mode with a flat code segment at 0. */
static int set_segments(struct calibration *c)
{
	struct kvm_sregs *sregs;
	int err;

	sregs = kmalloc(sizeof(*sregs), GFP_KERNEL);
	if (!sregs)
		return -ENOMEM;
	err = call(c->vcpu, KVM_GET_SREGS, (unsigned long)args(c));
	if (!err && copy_from_user(sregs, args(c), sizeof(*sregs)))
		err = -EFAULT;
	if (!err) {
		sregs->cs.base = 0;
		sregs->cs.selector = 0;
		err = call_with(c, c->vcpu, KVM_SET_SREGS, sregs, sizeof(*sregs));
	}
	kfree(sregs);
	return err;
}

static void calibration_close(struct calibration *c)
{
	lab_raw.vcpu = NULL;
	if (c->run && !IS_ERR_VALUE(c->run))
		vm_munmap(c->run, c->run_size);
	if (!IS_ERR_OR_NULL(c->vcpu))
		fput(c->vcpu);
	if (!IS_ERR_OR_NULL(c->vm))
		fput(c->vm);
	if (c->guest && !IS_ERR_VALUE(c->guest))
		vm_munmap(c->guest, GUEST_SIZE + ARGS_SIZE);
}

static int calibration_open(struct calibration *c)
{
	struct file *kvm;
	int err;

	kvm = filp_open("/dev/kvm", O_RDWR, 0);
	if (IS_ERR(kvm)) {
		pr_err("cannot open /dev/kvm (%ld)\n", PTR_ERR(kvm));
		return PTR_ERR(kvm);
	}
	c->vm = take_file(call(kvm, KVM_CREATE_VM, 0));
	err = PTR_ERR_OR_ZERO(c->vm);
	if (!err)
		err = map_guest(c);
	if (!err) {
		c->vcpu = take_file(call(c->vm, KVM_CREATE_VCPU, 0));
		err = PTR_ERR_OR_ZERO(c->vcpu);
	}
	if (!err)
		err = map_run(c, kvm);
	if (!err)
		err = set_segments(c);
	fput(kvm);
	if (err) {
		pr_err("cannot set up the calibration guest (%d)\n", err);
		calibration_close(c);
		return err;
	}
	lab_raw.vcpu = c->vcpu->private_data;
	return 0;
}

/* Runs the guest once, from its first instruction to HLT. */
static int run_guest(struct calibration *c, u32 loops)
{
	struct kvm_regs regs = { .rip = GUEST_CODE, .rflags = 2 };
	struct kvm_run __user *run = (void __user *)c->run;
	u8 code[sizeof(guest_code)];
	u32 reason;
	int err;

	memcpy(code, guest_code, sizeof(code));
	memcpy(code + 2, &loops, sizeof(loops));
	if (copy_to_user((void __user *)(c->guest + GUEST_CODE), code, sizeof(code)))
		return -EFAULT;
	err = call_with(c, c->vcpu, KVM_SET_REGS, &regs, sizeof(regs));
	if (err)
		return err;

	lab_raw.segments = 0;
	lab_raw.ticks = 0;
	err = call(c->vcpu, KVM_RUN, 0);
	if (err)
		return err;
	if (get_user(reason, &run->exit_reason))
		return -EFAULT;
	if (reason != KVM_EXIT_HLT) {
		pr_err("the calibration guest ended with exit reason %u\n", reason);
		return -EIO;
	}
	return 0;
}

/*
 * The first runs fill the guest's page tables; after them, a short run that
 * the host's tick did not cut is a single segment and shows the constant.
 */
static int measure_segment(struct calibration *c)
{
	int i, err;

	for (i = 0; i < CALIBRATION_RUNS; i++) {
		err = run_guest(c, 10 + i);
		if (err)
			return err;
		if (i < 2 || lab_raw.segments != 1)
			continue;
		lab_costs.segment = lab_raw.ticks - guest_length(10 + i);
		return 0;
	}
	pr_err("no guest segment stayed undisturbed in %d runs\n", i);
	return -EIO;
}

/* Every run of every length must fit the constant, to the instruction. */
static int verify_segment(struct calibration *c)
{
	int i, err;

	for (i = 0; i < CALIBRATION_RUNS; i++) {
		u32 loops = 1 + (i * 7919) % 50000;
		u64 want = guest_length(loops);
		u64 got;

		err = run_guest(c, loops);
		if (err)
			return err;
		got = lab_raw.ticks - lab_raw.segments * lab_costs.segment;
		if (got == want)
			continue;
		pr_err("the TSC is not an exact instruction count here: %llu guest instructions took %llu ticks in %llu segments, %llu each for entry and exit; the host must run under qemu -accel tcg -icount shift=0\n",
		       want, lab_raw.ticks, lab_raw.segments, lab_costs.segment);
		return -ENODEV;
	}
	return 0;
}

/*
 * An interrupt asked for after n ticks
 * arrives n - arm instructions into the guest.
 */
static int measure_arm(struct calibration *c, u64 *arm)
{
	const u32 at = 20000;
	int i, err;

	for (i = 0; i < CALIBRATION_RUNS; i++) {
		lab_raw.arm_at = at;
		err = run_guest(c, 40000);
		if (err)
			return err;
		if (lab_raw.arm_at)
			continue;
		*arm = at - (lab_raw.armed_ticks - lab_costs.segment);
		return 0;
	}
	pr_err("the local APIC timer did not interrupt the guest in %d runs\n", i);
	return -EIO;
}

static int calibrate_arm(struct calibration *c)
{
	u64 first, again;
	int i, err;

	err = measure_arm(c, &first);
	for (i = 0; !err && i < CALIBRATION_RUNS / 10; i++) {
		err = measure_arm(c, &again);
		if (!err && again != first) {
			pr_err("the distance from timer to guest is not constant: %llu, then %llu instructions\n",
			       first, again);
			err = -ENODEV;
		}
	}
	lab_raw.arm_at = 0;
	lab_costs.arm = first;
	return err;
}

/**
 * lab_calibrate() - measure struct lab_costs on this host
 *
 * Process context with user memory (a module load); the hooks are installed.
 *
 * Return: 0; -ENODEV where instructions cannot be counted exactly, with the
 * reason and the remedy in the kernel log; or the error of setting up a guest.
 */
int lab_calibrate(void)
{
	struct calibration c = {};
	int err;

	if (!current->mm)
		return -EINVAL;
	err = calibration_open(&c);
	if (err)
		return err;
	err = measure_segment(&c);
	if (!err)
		err = verify_segment(&c);
	if (!err)
		err = calibrate_arm(&c);
	calibration_close(&c);
	if (!err)
		pr_info("calibrated: %llu host instructions a segment, %llu from timer to guest\n",
			lab_costs.segment, lab_costs.arm);
	return err;
}
