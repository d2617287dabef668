// SPDX-License-Identifier: GPL-2.0-only
/* Why a guest cannot be recorded, for people. */
#include <stdio.h>
#include <string.h>

#include "session.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define LEAVE_OUT	"leave it out of the table given to KVM_SET_CPUID2"

static const struct kvmft_refusal refusals[] = {
	[KVM_FT_REFUSED_NOT] = { "NOT", "nothing is in the way", "" },
	[KVM_FT_REFUSED_VCPUS] = {
		"VCPUS", "the VM has more than one vCPU", "create one vCPU only" },
	[KVM_FT_REFUSED_PIT] = {
		"PIT", "the VM has KVM's own PIT, which cannot be recorded",
		"emulate the PIT in the VMM, or have none" },
	[KVM_FT_REFUSED_PV] = {
		"PV", "the CPUID offers paravirtual features of KVM, such as its clock",
		"clear EAX and EDX of leaf 0x40000001" },
	[KVM_FT_REFUSED_RDRAND] = {
		"RDRAND", "the CPUID offers RDRAND, which this CPU cannot intercept", LEAVE_OUT },
	[KVM_FT_REFUSED_RDSEED] = {
		"RDSEED", "the CPUID offers RDSEED, which this CPU cannot intercept", LEAVE_OUT },
	[KVM_FT_REFUSED_PMU] = {
		"PMU", "the CPUID offers performance counters", LEAVE_OUT },
	[KVM_FT_REFUSED_NESTED] = {
		"NESTED", "the CPUID offers SVM or VMX: guests of the guest", LEAVE_OUT },
	[KVM_FT_REFUSED_XSAVE] = {
		"XSAVE", "the CPUID offers XSAVEOPT, XSAVEC or XSAVES: they depend on VM exits",
		LEAVE_OUT },
	[KVM_FT_REFUSED_RDPRU] = { "RDPRU", "the CPUID offers RDPRU", LEAVE_OUT },
	[KVM_FT_REFUSED_TSX] = {
		"TSX", "the CPUID offers transactional memory, which aborts at random", LEAVE_OUT },
	[KVM_FT_REFUSED_DEBUG] = {
		"DEBUG", "KVM_SET_GUEST_DEBUG is in use", "end the debugger first" },
	[KVM_FT_REFUSED_AVIC] = {
		"AVIC", "AVIC is on: interrupts would arrive at any time",
		"load kvm_amd with avic=0" },
	[KVM_FT_REFUSED_COUNTER] = {
		"COUNTER", "the host has no performance counter that is known to be exact",
		"see \"ftadm host check\"; on an emulated host load kvm-ft-lab-pmu.ko" },
	[KVM_FT_REFUSED_LOG] = {
		"LOG", "the log is from another setting",
		"replay it on a host and VM of the same kind" },
	[KVM_FT_REFUSED_MEMORY] = {
		"MEMORY", "the VM has too many memory slots, or some that are no whole pages",
		"use at most 64 slots, of whole pages" },
	[KVM_FT_REFUSED_NO_CPUID] = {
		"NO_CPUID", "the vCPU has no CPUID yet", "call KVM_SET_CPUID2 first" },
	[KVM_FT_REFUSED_IRQCHIP] = {
		"IRQCHIP", "the VM has no in-kernel local APIC", "call KVM_CREATE_IRQCHIP" },
};

static const struct kvmft_refusal unknown = {
	"UNKNOWN", "the module gives a reason that is newer than this program",
	"use programs and module of the same version",
};

const struct kvmft_refusal *kvmft_refusal(uint32_t reason)
{
	return reason < ARRAY_SIZE(refusals) && refusals[reason].name ? &refusals[reason] :
	       &unknown;
}

static const char *const differences[] = {
	"version of the log", "paging mode", "counter", "CPU vendor", "CPU model",
	"CPU features", "CPUID of the guest", "TSC frequency", "memory layout",
	"kernel release", "build of the module",
};

void kvmft_differences(uint32_t differs, char *text, size_t size)
{
	size_t used = 0, i;

	text[0] = '\0';
	for (i = 0; i < ARRAY_SIZE(differences); i++)
		if (differs & 1u << i && used < size)
			used += snprintf(text + used, size - used, "%s%s", used ? ", " : "",
					 differences[i]);
}
