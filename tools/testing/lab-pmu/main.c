// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-ft-lab-pmu: load, parameters, unload.
 *
 * Parameters (also /sys/module/kvm_ft_lab_pmu/parameters/):
 *
 * skid (0..10000 events, default 0, writable)
 *	An overflow is delivered up to this many events before or after the
 *	period is complete, drawn anew for each overflow.  0 delivers exactly.
 * seed (default 1, writable)
 *	Seed of the skid's random numbers; a write restarts the sequence.
 * miscount (default 0, writable)
 *	Count one instruction too many in every so many-th guest segment, to
 *	show that an inexact counter is found; 0 for never.
 * trail (0..1048576, default 0)
 *	How many guest segments to remember, in debugfs: kvm_ft_lab/trail.
 * shadows (read only)
 *	Guest segments so far that began in the shadow of STI or MOV SS.
 * segment_cost, arm_cost (read only, host instructions)
 *	What the calibration found.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/moduleparam.h>

#include "lab-pmu.h"

struct lab_costs lab_costs;
struct lab_raw lab_raw;
unsigned int lab_miscount;
unsigned long lab_shadows;

static unsigned int skid;
static unsigned long long seed = 1;

static int skid_set(const char *val, const struct kernel_param *kp)
{
	unsigned int n;
	int err;

	err = kstrtouint(val, 0, &n);
	if (err)
		return err;
	err = lab_pmu_set_skid(n);
	if (err) {
		pr_err("skid %u is out of range (0..%u)\n", n, LAB_PMU_MAX_SKID);
		return err;
	}
	return param_set_uint(val, kp);
}

static int seed_set(const char *val, const struct kernel_param *kp)
{
	u64 n;
	int err;

	err = kstrtou64(val, 0, &n);
	if (err)
		return err;
	lab_pmu_set_seed(n);
	return param_set_ullong(val, kp);
}

static const struct kernel_param_ops skid_ops = {
	.set = skid_set,
	.get = param_get_uint,
};

static const struct kernel_param_ops seed_ops = {
	.set = seed_set,
	.get = param_get_ullong,
};

module_param_cb(skid, &skid_ops, &skid, 0644);
MODULE_PARM_DESC(skid, "Overflow early or late by up to this many events (0..10000)");
module_param_cb(seed, &seed_ops, &seed, 0644);
MODULE_PARM_DESC(seed, "Seed of the random skid");
module_param_named(miscount, lab_miscount, uint, 0644);
MODULE_PARM_DESC(miscount, "Count one too many in every so many-th guest segment (0: never)");
module_param_named(trail, lab_trail, uint, 0444);
MODULE_PARM_DESC(trail, "Guest segments to remember in debugfs (0..1048576)");
module_param_named(shadows, lab_shadows, ulong, 0444);
MODULE_PARM_DESC(shadows, "Guest segments that began in the shadow of STI or MOV SS");
module_param_named(segment_cost, lab_costs.segment, ullong, 0444);
MODULE_PARM_DESC(segment_cost, "Calibrated host instructions of an empty guest segment");
module_param_named(arm_cost, lab_costs.arm, ullong, 0444);
MODULE_PARM_DESC(arm_cost, "Calibrated host instructions from timer start to guest");

static int __init lab_pmu_init(void)
{
	int err;

	/* Unless the parameter was given, nobody has. */
	lab_pmu_set_seed(seed);
	err = lab_trail_init();
	if (err)
		return err;
	err = lab_timer_acquire();
	if (err)
		goto err_trail;
	err = lab_hooks_install();
	if (err)
		goto err_timer;
	err = lab_calibrate();
	if (err)
		goto err_hooks;
	err = lab_pmu_register();
	if (err)
		goto err_hooks;
	return 0;

err_hooks:
	lab_hooks_remove();
err_timer:
	lab_timer_release();
err_trail:
	lab_trail_exit();
	return err;
}

static void __exit lab_pmu_exit(void)
{
	lab_pmu_unregister();
	lab_hooks_remove();
	lab_timer_release();
	lab_trail_exit();
}

module_init(lab_pmu_init);
module_exit(lab_pmu_exit);
MODULE_DESCRIPTION("Exact guest instruction counter for emulated hosts (tests only)");
MODULE_LICENSE("GPL");
