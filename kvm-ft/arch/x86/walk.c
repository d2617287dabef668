// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads the guest's code, through its page tables.
 *
 * KVM's own walk sets accessed bits in them.  Where the guest stands at an exit of
 * the host's making that would be something that happens to it on one side only,
 * so this walk leaves everything as it is.
 */
#include <linux/bits.h>
#include <linux/kvm_host.h>
#include <linux/uaccess.h>

#include "../../session.h"

#define PTE_PRESENT	BIT_ULL(0)
#define PTE_LARGE	BIT_ULL(7)
#define PTE_ADDRESS	GENMASK_ULL(51, 12)
#define PAE_CR3_ADDRESS	GENMASK_ULL(31, 5)

/**
 * struct paging - one of the forms of page tables (APM vol. 2, "Page Translation")
 * @levels: of tables
 * @entry: bytes of an entry
 * @bits: of the address that a level decides
 */
struct paging {
	unsigned int levels;
	unsigned int entry;
	unsigned int bits;
};

static struct paging paging_of(const struct kvm_vcpu *vcpu)
{
	if (vcpu->arch.efer & EFER_LMA)
		return (struct paging){ vcpu->arch.cr4 & X86_CR4_LA57 ? 5 : 4, 8, 9 };
	if (vcpu->arch.cr4 & X86_CR4_PAE)
		return (struct paging){ 3, 8, 9 };
	return (struct paging){ 2, 4, 10 };
}

/* Does this entry lead to a page, not to a table? */
static bool is_leaf(const struct kvm_vcpu *vcpu, struct paging p, unsigned int level, u64 pte)
{
	if (level == 1)
		return true;
	if (!(pte & PTE_LARGE))
		return false;
	if (level == 2)
		return p.entry == 8 || vcpu->arch.cr4 & X86_CR4_PSE;
	return level == 3 && p.levels > 3;
}

static gpa_t page_of(struct paging p, u64 pte, unsigned int shift)
{
	/* The highest bits of a page of 4 MiB are where the others have their lowest. */
	if (p.entry == 4 && shift > PAGE_SHIFT)
		return (pte & GENMASK_ULL(31, 22)) | (pte & GENMASK_ULL(20, 13)) << 19;
	return pte & PTE_ADDRESS & ~GENMASK_ULL(shift - 1, 0);
}

/*
 * Where the VMM has that guest memory, NULL if it is none.  A slot that is about to be
 * changed (KVM_MEMSLOT_INVALID) is as good as any: the VMM's memory is still there, or not.
 */
static void __user *in_vmm(struct kvm_vcpu *vcpu, gpa_t gpa)
{
	struct kvm_memory_slot *slot = __gfn_to_memslot(kvm_vcpu_memslots(vcpu), gpa_to_gfn(gpa));

	if (!slot)
		return NULL;
	return (void __user *)(__gfn_to_hva_memslot(slot, gpa_to_gfn(gpa)) + offset_in_page(gpa));
}

static bool read_pte(struct kvm_vcpu *vcpu, struct paging p, gpa_t gpa, u64 *pte)
{
	void __user *from = in_vmm(vcpu, gpa);
	u32 low;

	if (!from)
		return false;
	if (p.entry == 8)
		return !__get_user(*pte, (u64 __user *)from);
	if (__get_user(low, (u32 __user *)from))
		return false;
	*pte = low;
	return true;
}

static bool translate(struct kvm_vcpu *vcpu, u64 address, gpa_t *gpa)
{
	struct paging p = paging_of(vcpu);
	gpa_t table = vcpu->arch.cr3 & (p.levels == 3 ? PAE_CR3_ADDRESS : PTE_ADDRESS);
	unsigned int level;

	*gpa = address;
	if (!(vcpu->arch.cr0 & X86_CR0_PG))
		return true;
	for (level = p.levels; level; level--) {
		unsigned int shift = PAGE_SHIFT + (level - 1) * p.bits;
		u64 index = address >> shift & GENMASK_ULL(p.bits - 1, 0);
		u64 pte;

		if (!read_pte(vcpu, p, table + index * p.entry, &pte) || !(pte & PTE_PRESENT))
			return false;
		if (is_leaf(vcpu, p, level, pte)) {
			*gpa = page_of(p, pte, shift) | (address & GENMASK_ULL(shift - 1, 0));
			return true;
		}
		table = pte & PTE_ADDRESS;
	}
	return false;
}

/* From one page. */
static bool read_code(struct kvm_vcpu *vcpu, u64 address, u8 *code, unsigned int size)
{
	void __user *from;
	gpa_t gpa;

	if (!(vcpu->arch.efer & EFER_LMA))
		address = (u32)address;
	if (!translate(vcpu, address, &gpa))
		return false;
	from = in_vmm(vcpu, gpa);
	return from && !__copy_from_user(code, from, size);
}

/**
 * kvm_ft_guest_code() - read some of the guest's code
 * @vcpu: the vCPU; its control registers are as after its last VM exit
 * @address: linear
 * @code: the result
 * @size: bytes wanted, less than a page
 *
 * The vCPU's thread, holding the vCPU's mutex and kvm->srcu.  May sleep; after
 * pagefault_disable() it does not, and then does not find what the host has swapped out.
 *
 * Return: bytes read; less than @size if the guest has no more there.
 */
unsigned int kvm_ft_guest_code(struct kvm_vcpu *vcpu, u64 address, u8 *code, unsigned int size)
{
	unsigned int done = 0;

	while (done < size) {
		unsigned int part = min_t(unsigned int, size - done,
					  PAGE_SIZE - offset_in_page(address + done));

		if (!read_code(vcpu, address + done, code + done, part))
			break;
		done += part;
	}
	return done;
}
