// SPDX-License-Identifier: GPL-2.0-only
/* Which counter to use: the module's own table, and the lab PMU. */
#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <linux/perf_event.h>

#include "../../kvm-ft/arch/x86/counter_models.h"
#include "../../kvm-ft/replay/log_header.h"
#include "qualify.h"

#define LAB_PMU_TYPE	"/sys/bus/event_source/devices/kvm_ft_lab/type"

static const char *advice(uint32_t flags)
{
	if (flags & KVM_FT_MODEL_SPEC_LOCK_MAP)
		return "the CPU's SpecLockMap optimization must be off; "
		       "in rare cases overflows are later than the skid";
	if (flags & KVM_FT_MODEL_FREEZE_ON_SMI)
		return "/sys/devices/cpu/freeze_on_smi must be 1";
	return "";
}

static void fill(struct kvmft_counter *counter, const struct kvm_ft_counter_model *model,
		 uint32_t type)
{
	*counter = (struct kvmft_counter){
		.name = model->name,
		.advice = advice(model->flags),
		.type = type,
		.config = model->config,
		.skid = model->skid,
		.counts = model->kind == KVM_FT_COUNTER_COND_BRANCHES ?
			  KVMFT_COUNTS_COND_BRANCHES : KVMFT_COUNTS_INSTRUCTIONS,
	};
}

static enum kvm_ft_cpu_vendor cpu_vendor(void)
{
	unsigned int eax, name[3];

	if (!__get_cpuid(0, &eax, &name[0], &name[2], &name[1]))
		return KVM_FT_CPU_OTHER;
	if (!memcmp(name, "GenuineIntel", sizeof(name)))
		return KVM_FT_CPU_INTEL;
	if (!memcmp(name, "AuthenticAMD", sizeof(name)))
		return KVM_FT_CPU_AMD;
	return KVM_FT_CPU_OTHER;
}

int kvmft_counter_of_cpu(struct kvmft_counter *counter)
{
	const struct kvm_ft_counter_model *row;
	unsigned int eax, ebx, ecx, edx;
	uint32_t family, model;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
		return -ENODEV;
	family = eax >> 8 & 0xf;
	model = eax >> 4 & 0xf;
	if (family == 6 || family == 0xf)
		model |= (eax >> 16 & 0xf) << 4;
	if (family == 0xf)
		family += eax >> 20 & 0xff;
	row = kvm_ft_counter_model_of(cpu_vendor(), family, model);
	if (!row)
		return -ENODEV;
	fill(counter, row, PERF_TYPE_RAW);
	return 0;
}

int kvmft_counter_of_lab(struct kvmft_counter *counter)
{
	FILE *f = fopen(LAB_PMU_TYPE, "r");
	uint32_t type;
	int fields;

	if (!f)
		return -ENODEV;
	fields = fscanf(f, "%u", &type);
	fclose(f);
	if (fields != 1)
		return -ENODEV;
	fill(counter, &kvm_ft_lab_model, type);
	return 0;
}
