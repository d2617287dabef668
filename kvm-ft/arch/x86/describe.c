// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a guest must not have in order to be recorded, and what a host must
 * have in common with the recording one.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/cpufeature.h>
#include <asm/processor.h>
#include <linux/kvm_host.h>
#include <linux/module.h>
#include <linux/sort.h>
#include <linux/utsname.h>
#include <linux/xxhash.h>

#include "../../session.h"
#include "svm.h"

#define KVM_PV_LEAF		0x40000001
#define SVM_FEATURE_AVIC_ENABLE	BIT(31)	/* vmcb->control.int_ctl */

/**
 * kvm_ft_check_cpu() - is the vCPU of a session going to be one of kvm_amd?
 *
 * Behind a vCPU of kvm_intel there is no VMCB: nothing may look for one.
 *
 * Return: 0, or -ENODEV (the kernel log says why).
 */
int kvm_ft_check_cpu(void)
{
	if (boot_cpu_has(X86_FEATURE_SVM))
		return 0;
	pr_err_once("this host's CPU has no SVM: guests of Intel CPUs (VMX) cannot be recorded yet\n");
	return -ENODEV;
}

enum reg { EAX, EBX, ECX, EDX };

/* A feature that the guest's CPUID must not offer. */
static const struct {
	u32 function;
	u32 index;
	enum reg reg;
	u32 bits;
	u32 reason;
} forbidden[] = {
	{ KVM_PV_LEAF, 0, EAX, ~0U, KVM_FT_REFUSED_PV },
	{ 0x00000001, 0, ECX, BIT(30), KVM_FT_REFUSED_RDRAND },
	{ 0x00000007, 0, EBX, BIT(18), KVM_FT_REFUSED_RDSEED },
	{ 0x0000000a, 0, EAX, 0xff, KVM_FT_REFUSED_PMU },
	{ 0x80000001, 0, ECX, BIT(23) | BIT(24), KVM_FT_REFUSED_PMU },
	{ 0x80000022, 0, EAX, BIT(0), KVM_FT_REFUSED_PMU },
	{ 0x00000001, 0, ECX, BIT(5), KVM_FT_REFUSED_NESTED },
	{ 0x80000001, 0, ECX, BIT(2), KVM_FT_REFUSED_NESTED },
	{ 0x0000000d, 1, EAX, BIT(0) | BIT(1) | BIT(3), KVM_FT_REFUSED_XSAVE },
	{ 0x80000008, 0, EBX, BIT(4), KVM_FT_REFUSED_RDPRU },
	{ 0x00000007, 0, EBX, BIT(4) | BIT(11), KVM_FT_REFUSED_TSX },
};

static const struct kvm_cpuid_entry2 *find_cpuid(struct kvm_vcpu *vcpu, u32 function, u32 index)
{
	int i;

	for (i = 0; i < vcpu->arch.cpuid_nent; i++) {
		const struct kvm_cpuid_entry2 *e = &vcpu->arch.cpuid_entries[i];

		if (e->function == function &&
		    (!(e->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX) || e->index == index))
			return e;
	}
	return NULL;
}

static u32 cpuid_reg(const struct kvm_cpuid_entry2 *e, enum reg reg)
{
	switch (reg) {
	case EAX:
		return e->eax;
	case EBX:
		return e->ebx;
	case ECX:
		return e->ecx;
	default:
		return e->edx;
	}
}

static u32 refuse_cpuid(struct kvm_vcpu *vcpu)
{
	int i;

	if (!vcpu->arch.cpuid_nent)
		return KVM_FT_REFUSED_NO_CPUID;
	for (i = 0; i < ARRAY_SIZE(forbidden); i++) {
		const struct kvm_cpuid_entry2 *e;

		e = find_cpuid(vcpu, forbidden[i].function, forbidden[i].index);
		if (e && (cpuid_reg(e, forbidden[i].reg) & forbidden[i].bits))
			return forbidden[i].reason;
	}
	return KVM_FT_REFUSED_NOT;
}

/**
 * kvm_ft_refuse_guest() - can the guest be recorded and replayed?
 * @s: a session that is about to start
 *
 * Return: KVM_FT_REFUSED_*.
 */
u32 kvm_ft_refuse_guest(struct kvm_ft_session *s)
{
	const struct kvm_cpuid_entry2 *extended;
	struct kvm_vcpu *vcpu = s->arch.vcpu;

	if (atomic_read(&vcpu->kvm->online_vcpus) != 1)
		return KVM_FT_REFUSED_VCPUS;
	if (!vcpu->arch.apic)
		return KVM_FT_REFUSED_IRQCHIP;
	if (vcpu->kvm->arch.vpit)
		return KVM_FT_REFUSED_PIT;
	if (vcpu->guest_debug)
		return KVM_FT_REFUSED_DEBUG;
	if (kvm_ft_vmcb(vcpu)->control.int_ctl & SVM_FEATURE_AVIC_ENABLE)
		return KVM_FT_REFUSED_AVIC;
	extended = find_cpuid(vcpu, 0x80000001, 0);
	s->arch.has_rdtscp = extended && (extended->edx & BIT(27));
	return refuse_cpuid(vcpu);
}

static int compare_slots(const void *a, const void *b)
{
	const struct kvm_ft_log_slot *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

/* The VMM's slots; KVM's own have higher numbers. */
static int describe_memory(struct kvm *kvm, struct kvm_ft_log_header *h)
{
	struct kvm_memory_slot *slot;
	int bucket, srcu, err = 0;

	srcu = srcu_read_lock(&kvm->srcu);
	kvm_for_each_memslot(slot, bucket, kvm_memslots(kvm)) {
		struct kvm_ft_log_slot *to = &h->slot[h->nr_slots];

		if (slot->id >= KVM_USER_MEM_SLOTS)
			continue;
		if (h->nr_slots == KVM_FT_LOG_SLOTS_MAX) {
			err = -E2BIG;
			break;
		}
		to->gpa = slot->base_gfn << PAGE_SHIFT;
		to->size = slot->npages << PAGE_SHIFT;
		to->slot = slot->id;
		to->flags = slot->flags & KVM_MEM_READONLY ? KVM_FT_LOG_SLOT_READONLY : 0;
		h->nr_slots++;
	}
	srcu_read_unlock(&kvm->srcu, srcu);
	sort(h->slot, h->nr_slots, sizeof(h->slot[0]), compare_slots, NULL);
	return err;
}

static u64 hash_cpuid(struct kvm_vcpu *vcpu)
{
	return xxh64(vcpu->arch.cpuid_entries,
		     vcpu->arch.cpuid_nent * sizeof(vcpu->arch.cpuid_entries[0]), 0);
}

/**
 * kvm_ft_describe() - fill in what a log's header says of guest and host
 * @s: the session
 * @h: the header, zeroed
 *
 * Return: 0, or -E2BIG if the guest has too many memory slots.
 */
int kvm_ft_describe(struct kvm_ft_session *s, struct kvm_ft_log_header *h)
{
	struct kvm_vcpu *vcpu = s->arch.vcpu;

	h->ft_version = KVM_FT_API_VERSION;
	if (kvm_ft_vmcb(vcpu)->control.nested_ctl & SVM_NESTED_CTL_NP_ENABLE)
		h->flags |= KVM_FT_LOG_NESTED;
	h->counter = s->arch.model->kind;
	h->tsc_khz = vcpu->arch.virtual_tsc_khz;
	memcpy(h->cpu_vendor, boot_cpu_data.x86_vendor_id, sizeof(h->cpu_vendor));
	h->cpu_family = boot_cpu_data.x86;
	h->cpu_model = boot_cpu_data.x86_model;
	h->cpu_stepping = boot_cpu_data.x86_stepping;
	h->cpu_features = xxh64(boot_cpu_data.x86_capability,
				NCAPINTS * sizeof(boot_cpu_data.x86_capability[0]), 0);
	h->cpuid_hash = hash_cpuid(vcpu);
	strscpy(h->kernel, init_utsname()->release, sizeof(h->kernel));
	strscpy(h->build, THIS_MODULE->srcversion ?: "unknown", sizeof(h->build));
	strscpy(h->guest, s->name, sizeof(h->guest));
	return describe_memory(vcpu->kvm, h);
}
