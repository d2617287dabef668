// SPDX-License-Identifier: GPL-2.0-only
/*
 * The last guest segments that were counted, for whoever looks for the place where
 * a recording and its replay part: see compare-trails.
 *
 * debugfs: kvm_ft_lab/trail, if the parameter "trail" is not 0.  The first line is
 * a version.  Then one line for each segment (S) or instruction that KVM has
 * completed (R), oldest first: the count of the CPU's first event before it, what
 * it adds; RIP before and behind it, the exit code and the event that was injected,
 * in hexadecimal.
 */
#include <linux/atomic.h>
#include <linux/debugfs.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/vmalloc.h>

#include "../../../kvm-ft/arch/x86/svm.h"
#include "lab-pmu.h"

#define TRAIL_MAX	1048576

/* A line of the file. */
struct step {
	u64 count;
	u64 added;
	u64 from;
	u64 to;
	u32 exit_code;
	u32 injected;
	char what;
};

unsigned int lab_trail;
static struct step *steps;
static atomic_t next;
static struct dentry *folder;

static struct step *notrace new_step(char what, struct kvm_vcpu *vcpu, u64 added)
{
	struct step *step = &steps[(unsigned int)atomic_fetch_inc(&next) % lab_trail];

	step->what = what;
	step->count = lab_pmu_first();
	step->added = added;
	step->exit_code = kvm_ft_vmcb(vcpu)->control.exit_code;
	return step;
}

/**
 * lab_trail_segment() - a guest segment has ended
 * @vcpu: whose
 * @instructions: that were executed
 * @from: where it began
 * @injected: the VMCB's event_inj then
 *
 * Interrupts off.
 */
void notrace lab_trail_segment(struct kvm_vcpu *vcpu, u64 instructions, u64 from, u32 injected)
{
	struct step *step;

	if (!steps || lab_pmu_first() == LAB_PMU_NO_COUNT)
		return;
	step = new_step('S', vcpu, instructions);
	step->from = from;
	step->to = kvm_ft_vmcb(vcpu)->save.rip;
	step->injected = injected;
}

/**
 * lab_trail_completed() - KVM has completed an instruction in the guest's place
 * @vcpu: whose
 *
 * Interrupts off.
 */
void notrace lab_trail_completed(struct kvm_vcpu *vcpu)
{
	struct step *step;

	if (!steps || lab_pmu_first() == LAB_PMU_NO_COUNT)
		return;
	step = new_step('R', vcpu, 1);
	step->from = kvm_ft_vmcb(vcpu)->save.rip;
	step->to = vcpu->arch.regs[VCPU_REGS_RIP];
	step->injected = 0;
}

static int trail_show(struct seq_file *m, void *unused)
{
	unsigned int end = atomic_read(&next);
	unsigned int i;

	seq_puts(m, "1\n");
	for (i = end > lab_trail ? end - lab_trail : 0; i != end; i++) {
		const struct step *step = &steps[i % lab_trail];

		seq_printf(m, "%c %llu %llu %llx %llx %x %x\n", step->what, step->count,
			   step->added, step->from, step->to, step->exit_code, step->injected);
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(trail);

/**
 * lab_trail_init() - at module load, before the hooks are installed
 *
 * Return: 0, -ERANGE or -ENOMEM.
 */
int lab_trail_init(void)
{
	if (lab_trail > TRAIL_MAX)
		return -ERANGE;
	if (!lab_trail)
		return 0;
	steps = vcalloc(lab_trail, sizeof(*steps));
	if (!steps)
		return -ENOMEM;
	folder = debugfs_create_dir("kvm_ft_lab", NULL);
	debugfs_create_file("trail", 0400, folder, NULL, &trail_fops);
	return 0;
}

/**
 * lab_trail_exit() - undo lab_trail_init()
 *
 * The hooks are not installed any more.
 */
void lab_trail_exit(void)
{
	debugfs_remove(folder);
	vfree(steps);
}
