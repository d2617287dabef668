// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of counters: which event of a CPU model counts guest progress.
 *
 * An event qualifies if it counts retired instructions of a kind that only the
 * guest's program determines: conditional branches.  Interrupts, faults and
 * far transfers, of which a guest can see more on one host than on another,
 * are none.  Documentation/counters.rst says how to add a row.
 *
 * Hybrid CPUs have no row: their two kinds of cores count differently, and a
 * host may migrate a vCPU from one to the other.
 */
#include "counter_models.h"
#include "../../replay/log_header.h"

const struct kvm_ft_counter_model kvm_ft_lab_model = {
	.name = "lab PMU, instructions",
	.source = "kvm-ft-lab-pmu, guest_instructions",
	.config = 1,
	.kind = KVM_FT_COUNTER_LAB_INSTRUCTIONS,
	.skid = 10000,
	.emulated = true,
};

/* The same event under two names: its unit mask changed with Ice Lake. */
static const struct kvm_ft_counter_model sandy_bridge = {
	.name = "Intel Sandy Bridge to Skylake, conditional branches",
	.source = "SDM: BR_INST_RETIRED.CONDITIONAL, C4H/01H; skid: rr",
	.config = 0x01c4,
	.kind = KVM_FT_COUNTER_COND_BRANCHES,
	.skid = 100,
};

static const struct kvm_ft_counter_model comet_lake = {
	.name = "Intel Comet Lake, conditional branches",
	.source = "SDM: BR_INST_RETIRED.CONDITIONAL, C4H/01H; skid: rr",
	.config = 0x01c4,
	.kind = KVM_FT_COUNTER_COND_BRANCHES,
	.skid = 100,
	.flags = KVM_FT_MODEL_FREEZE_ON_SMI,
};

static const struct kvm_ft_counter_model ice_lake = {
	.name = "Intel Ice Lake to Rocket Lake, conditional branches",
	.source = "SDM: BR_INST_RETIRED.COND, C4H/11H; skid: rr",
	.config = 0x11c4,
	.kind = KVM_FT_COUNTER_COND_BRANCHES,
	.skid = 100,
	.flags = KVM_FT_MODEL_FREEZE_ON_SMI,
};

static const struct kvm_ft_counter_model sapphire_rapids = {
	.name = "Intel Sapphire and Emerald Rapids, conditional branches",
	.source = "SDM: BR_INST_RETIRED.COND, C4H/11H; skid: rr",
	.config = 0x11c4,
	.kind = KVM_FT_COUNTER_COND_BRANCHES,
	.skid = 125,
	.flags = KVM_FT_MODEL_FREEZE_ON_SMI,
};

static const struct kvm_ft_counter_model zen = {
	.name = "AMD Zen, conditional branches",
	.source = "PPR: PMCx0D1 ExRetCond; skid: rr",
	.config = 0xd1,
	.kind = KVM_FT_COUNTER_COND_BRANCHES,
	.skid = 10000,
	.flags = KVM_FT_MODEL_SKID_UNBOUNDED | KVM_FT_MODEL_SPEC_LOCK_MAP,
};

/**
 * struct models - which CPUs a row is for
 * @vendor: their maker
 * @family: as CPUID and /proc/cpuinfo have it
 * @model: likewise; with @any_model 0
 * @any_model: all models of the family
 * @row: their counter
 */
struct models {
	enum kvm_ft_cpu_vendor vendor;
	u32 family;
	u32 model;
	bool any_model;
	const struct kvm_ft_counter_model *row;
};

#define INTEL(m, r)	{ .vendor = KVM_FT_CPU_INTEL, .family = 6, .model = m, .row = &(r) }
#define AMD(f, r)	{ .vendor = KVM_FT_CPU_AMD, .family = f, .any_model = true, .row = &(r) }

static const struct models models[] = {
	INTEL(0x2a, sandy_bridge),
	INTEL(0x2d, sandy_bridge),
	INTEL(0x3a, sandy_bridge),	/* Ivy Bridge */
	INTEL(0x3e, sandy_bridge),
	INTEL(0x3c, sandy_bridge),	/* Haswell */
	INTEL(0x3f, sandy_bridge),
	INTEL(0x45, sandy_bridge),
	INTEL(0x46, sandy_bridge),
	INTEL(0x3d, sandy_bridge),	/* Broadwell */
	INTEL(0x47, sandy_bridge),
	INTEL(0x4f, sandy_bridge),
	INTEL(0x56, sandy_bridge),
	INTEL(0x4e, sandy_bridge),	/* Skylake */
	INTEL(0x5e, sandy_bridge),
	INTEL(0x55, sandy_bridge),	/* also Cascade Lake and Cooper Lake */
	INTEL(0x8e, sandy_bridge),	/* Kaby Lake */
	INTEL(0x9e, sandy_bridge),
	INTEL(0xa5, comet_lake),
	INTEL(0xa6, comet_lake),
	INTEL(0x6a, ice_lake),
	INTEL(0x6c, ice_lake),
	INTEL(0x7d, ice_lake),
	INTEL(0x7e, ice_lake),
	INTEL(0x8c, ice_lake),		/* Tiger Lake */
	INTEL(0x8d, ice_lake),
	INTEL(0xa7, ice_lake),		/* Rocket Lake */
	INTEL(0x8f, sapphire_rapids),
	INTEL(0xcf, sapphire_rapids),	/* Emerald Rapids */
	AMD(0x17, zen),			/* Zen to Zen 2 */
	AMD(0x19, zen),			/* Zen 3 and Zen 4 */
	AMD(0x1a, zen),			/* Zen 5 */
};

/**
 * kvm_ft_counter_model_of() - a CPU's row of the table
 * @vendor: its maker
 * @family: as CPUID and /proc/cpuinfo have it, extended family added
 * @model: likewise, extended model included
 *
 * Return: the row, or NULL if that model's counters are not known.
 */
const struct kvm_ft_counter_model *
kvm_ft_counter_model_of(enum kvm_ft_cpu_vendor vendor, u32 family, u32 model)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(models); i++) {
		const struct models *m = &models[i];

		if (m->vendor == vendor && m->family == family &&
		    (m->any_model || m->model == model))
			return m->row;
	}
	return NULL;
}
