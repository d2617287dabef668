// SPDX-License-Identifier: GPL-2.0-only
#include <cpuid.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cpuid.h"
#include "message.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define BIT(n)		(1u << (n))
#define ENTRIES		256

enum reg { EAX, EBX, ECX, EDX };

/**
 * struct rule - bits of CPUID that differ from what KVM offers
 * @function: leaf
 * @index: sub-leaf
 * @reg: register
 * @clear: bits
 * @set: bits
 */
struct rule {
	uint32_t function;
	uint32_t index;
	enum reg reg;
	uint32_t clear;
	uint32_t set;
};

/* Documentation/determinism.rst says why what is cleared cannot be recorded. */
static const struct rule rules[] = {
	/* No MONITOR/MWAIT, VMX, RDRAND; TSC deadline timer, x2APIC, "is virtual". */
	{ 0x00000001, 0, ECX, BIT(3) | BIT(5) | BIT(30), BIT(21) | BIT(24) | BIT(31) },
	/* The local APIC's timer goes on when the CPU sleeps (ARAT). */
	{ 0x00000006, 0, EAX, ~0u, BIT(2) },
	/* No RTM and HLE, no RDSEED. */
	{ 0x00000007, 0, EBX, BIT(4) | BIT(11) | BIT(18), 0 },
	/* No UMWAIT and TPAUSE: they end when time has passed. */
	{ 0x00000007, 0, ECX, BIT(5), 0 },
	/* No performance counters, of any interface. */
	{ 0x0000000a, 0, EAX, ~0u, 0 },
	{ 0x80000001, 0, ECX, BIT(23) | BIT(24) | BIT(28), 0 },
	{ 0x80000022, 0, EAX, ~0u, 0 },
	/* No SVM. */
	{ 0x80000001, 0, ECX, BIT(2), 0 },
	{ 0x8000000a, 0, EAX, ~0u, 0 },
	{ 0x8000000a, 0, EBX, ~0u, 0 },
	{ 0x8000000a, 0, EDX, ~0u, 0 },
	/* No XSAVEOPT, XSAVEC, XSAVES: what they write depends on VM exits. */
	{ 0x0000000d, 1, EAX, BIT(0) | BIT(1) | BIT(3), 0 },
	/* No RDPRU. */
	{ 0x80000008, 0, EBX, BIT(4), 0 },
	/* It is KVM, so that Linux uses the x2APIC, but without paravirtual features. */
	{ 0x40000001, 0, EAX, ~0u, 0 },
	{ 0x40000001, 0, EDX, ~0u, 0 },
	/* One CPU, number 0: what KVM reports is of the one that was asked. */
	{ 0x00000001, 0, EBX, 0xffff0000, 1 << 16 },
	{ 0x0000000b, 0, EDX, ~0u, 0 },
	{ 0x0000000b, 1, EDX, ~0u, 0 },
	{ 0x8000001e, 0, EAX, ~0u, 0 },
	{ 0x8000001e, 0, EBX, ~0u, 0 },
	{ 0x8000001e, 0, ECX, ~0u, 0 },
};

/*
 * What QEMU's emulated CPUs do not do as real ones.  They do not exit for XSETBV, so KVM
 * loses what the guest writes to XCR0: XSAVE and all that needs it is left out.  And
 * CMPXCHG16B leaves flags behind that depend on where QEMU ended a translated block,
 * that is, on interrupts.
 */
static const struct rule on_emulated_hosts[] = {
	/* CMPXCHG16B */
	{ 0x00000001, 0, ECX, BIT(13), 0 },
	/* FMA, XSAVE, AVX, F16C */
	{ 0x00000001, 0, ECX, BIT(12) | BIT(26) | BIT(28) | BIT(29), 0 },
	/* AVX2, AVX-512 */
	{ 0x00000007, 0, EBX, BIT(5) | BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) |
	  BIT(30) | BIT(31), 0 },
	/* AVX-512, protection keys, VAES, VPCLMULQDQ */
	{ 0x00000007, 0, ECX, BIT(1) | BIT(3) | BIT(6) | BIT(9) | BIT(10) | BIT(11) | BIT(12) |
	  BIT(14), 0 },
	/* AVX-512, AMX */
	{ 0x00000007, 0, EDX, BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25), 0 },
	/* AVX-VNNI, AVX-512, AVX-IFMA */
	{ 0x00000007, 1, EAX, BIT(4) | BIT(5) | BIT(23), 0 },
	{ 0x0000000d, 0, EAX, ~0u, 0 },
	{ 0x0000000d, 0, EBX, ~0u, 0 },
	{ 0x0000000d, 0, ECX, ~0u, 0 },
	{ 0x0000000d, 1, EAX, ~0u, 0 },
	/* XOP, LWP, FMA4 */
	{ 0x80000001, 0, ECX, BIT(11) | BIT(15) | BIT(16), 0 },
};

static uint32_t *reg_of(struct kvm_cpuid_entry2 *e, enum reg reg)
{
	switch (reg) {
	case EAX:
		return &e->eax;
	case EBX:
		return &e->ebx;
	case ECX:
		return &e->ecx;
	default:
		return &e->edx;
	}
}

static void apply(struct kvm_cpuid2 *cpuid, const struct rule *rule)
{
	uint32_t i;

	for (i = 0; i < cpuid->nent; i++) {
		struct kvm_cpuid_entry2 *e = &cpuid->entries[i];
		uint32_t *reg = reg_of(e, rule->reg);

		if (e->function == rule->function && e->index == rule->index)
			*reg = (*reg & ~rule->clear) | rule->set;
	}
}

static void apply_all(struct kvm_cpuid2 *cpuid, const struct rule *rules, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		apply(cpuid, &rules[i]);
}

static int host_is_emulated(void)
{
	unsigned int eax, name[3] = { 0 };

	__cpuid(0x40000000, eax, name[0], name[1], name[2]);
	return !memcmp(name, "TCGTCGTCGTCG", sizeof(name));
}

int cpuid_set(int kvm, int vcpu)
{
	struct kvm_cpuid2 *cpuid;
	int result = 0;

	cpuid = calloc(1, sizeof(*cpuid) + ENTRIES * sizeof(cpuid->entries[0]));
	if (!cpuid)
		return complain("no memory");
	cpuid->nent = ENTRIES;
	if (ioctl(kvm, KVM_GET_SUPPORTED_CPUID, cpuid)) {
		result = complain("cannot ask KVM for its CPUID: %s", strerror(errno));
		goto out;
	}
	apply_all(cpuid, rules, ARRAY_SIZE(rules));
	if (host_is_emulated())
		apply_all(cpuid, on_emulated_hosts, ARRAY_SIZE(on_emulated_hosts));
	if (ioctl(vcpu, KVM_SET_CPUID2, cpuid))
		result = complain("KVM does not accept the guest's CPUID: %s", strerror(errno));
out:
	free(cpuid);
	return result;
}
