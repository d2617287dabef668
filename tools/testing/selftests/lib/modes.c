// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <string.h>
#include <sys/ioctl.h>

#include "modes.h"

#define PRESENT_WRITABLE	0x3
#define USER			0x4
#define LARGE			0x80

#define MSR_STAR	0xc0000081
#define MSR_LSTAR	0xc0000082
#define EFER_SCE	0x1

#define CR0_PE_ET	0x11
#define CR0_PG		0x80000000
#define CR4_PSE		0x10
#define CR4_PAE		0x20

static void get_sregs(struct guest *g, struct kvm_sregs *sregs)
{
	if (ioctl(g->vcpu, KVM_GET_SREGS, sregs))
		err(1, "KVM_GET_SREGS");
}

static void set_sregs(struct guest *g, const struct kvm_sregs *sregs)
{
	if (ioctl(g->vcpu, KVM_SET_SREGS, sregs))
		err(1, "KVM_SET_SREGS");
}

static void write_segments(struct guest *g)
{
	uint64_t *gdt = (uint64_t *)(g->mem + GUEST_GDT);
	uint64_t rsp0 = MODES_STACK0;

	gdt[MODES_CS32 / 8] = 0x00cf9b000000ffff;
	gdt[MODES_DS32 / 8] = 0x00cf93000000ffff;
	gdt[MODES_CS16 / 8] = 0x00009b000000ffff;
	gdt[MODES_USER_DS / 8] = 0x00cff3000000ffff;
	gdt[MODES_USER_CS / 8] = 0x00affb000000ffff;
	gdt[MODES_TR / 8] = 0x00008b000000006b | (uint64_t)MODES_TSS << 16;
	gdt[MODES_TR / 8 + 1] = 0;
	memset(g->mem + MODES_TSS, 0, 0x68);
	memcpy(g->mem + MODES_TSS + 4, &rsp0, sizeof(rsp0));
}

static void write_page_tables(struct guest *g)
{
	uint64_t *pml4 = (uint64_t *)(g->mem + GUEST_PAGE_TABLES);
	uint32_t *directory = (uint32_t *)(g->mem + MODES_TABLES32);
	uint64_t *pdpt = (uint64_t *)(g->mem + MODES_TABLES_PAE);
	uint32_t i;

	pml4[0] |= USER;
	pml4[512] |= USER;	/* the first entry of the PDPT */
	for (i = 0; i < 1024; i++)
		directory[i] = i << 22 | LARGE | PRESENT_WRITABLE;
	memset(pdpt, 0, 0x1000);
	for (i = 0; i < 4; i++)
		pdpt[i] = (MODES_TABLES_PAE + 0x1000 * (i + 1)) | 1;
	for (i = 0; i < 2048; i++)
		pdpt[512 + i] = i << 21 | LARGE | PRESENT_WRITABLE;
}

static void enable_syscall(struct guest *g)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry star, lstar;
	} msrs = {
		.head.nmsrs = 2,
		.star = { .index = MSR_STAR, .data = (GUEST_CS | 0x30ULL << 16) << 32 },
		.lstar = { .index = MSR_LSTAR, .data = MODES_SYSCALL },
	};

	if (ioctl(g->vcpu, KVM_SET_MSRS, &msrs) != 2)
		err(1, "KVM_SET_MSRS");
}

void modes_set_up(struct guest *g)
{
	struct kvm_sregs sregs;

	write_segments(g);
	write_page_tables(g);
	enable_syscall(g);
	get_sregs(g, &sregs);
	sregs.gdt.limit = MODES_TR + 15;
	sregs.tr = (struct kvm_segment){
		.base = MODES_TSS, .limit = 0x6b, .selector = MODES_TR, .type = 11,
		.present = 1,
	};
	sregs.efer |= EFER_SCE;
	set_sregs(g, &sregs);
}

static const struct {
	uint64_t cr0;
	uint64_t cr3;
	uint64_t cr4;
} paging[] = {
	[MODE_REAL] = { CR0_PE_ET & ~1, 0, 0 },
	[MODE_PROTECTED] = { CR0_PE_ET, 0, 0 },
	[MODE_PAGED] = { CR0_PE_ET | CR0_PG, MODES_TABLES32, CR4_PSE },
	[MODE_PAE] = { CR0_PE_ET | CR0_PG, MODES_TABLES_PAE, CR4_PAE },
};

static void set_segments(struct kvm_sregs *sregs, enum mode mode)
{
	struct kvm_segment data = sregs->ds;

	sregs->cs.l = 0;
	if (mode == MODE_REAL) {
		data.selector = 0;
		sregs->cs.selector = 0;
		sregs->cs.limit = 0xffff;
		sregs->cs.g = 0;
	} else {
		data.selector = MODES_DS32;
		sregs->cs.selector = MODES_CS32;
		sregs->cs.db = 1;
	}
	sregs->ds = data;
	sregs->es = data;
	sregs->ss = data;
}

void modes_enter(struct guest *g, enum mode mode)
{
	struct kvm_regs regs = guest_regs(g);
	struct kvm_sregs sregs;

	regs.rip = mode == MODE_REAL ? MODES_ENTRY16 : GUEST_ENTRY;
	guest_set_regs(g, &regs);
	if (mode == MODE_LONG)
		return;
	get_sregs(g, &sregs);
	set_segments(&sregs, mode);
	sregs.cr0 = paging[mode].cr0;
	sregs.cr3 = paging[mode].cr3;
	sregs.cr4 = paging[mode].cr4;
	sregs.efer &= EFER_SCE;
	sregs.idt.base = mode == MODE_REAL ? MODES_IDT16 : MODES_IDT32;
	sregs.idt.limit = mode == MODE_REAL ? 0x3ff : 0x7ff;
	set_sregs(g, &sregs);
}

void modes_set_handler32(struct guest *g, int vector, uint32_t handler)
{
	uint32_t gate[2] = {
		(handler & 0xffff) | MODES_CS32 << 16,
		(handler & 0xffff0000) | 0x8e00,
	};

	guest_load(g, MODES_IDT32 + 8 * vector, gate, sizeof(gate));
}

void modes_set_handler16(struct guest *g, int vector, uint16_t handler)
{
	const uint16_t pointer[2] = { handler, 0 };

	guest_load(g, MODES_IDT16 + 4 * vector, pointer, sizeof(pointer));
}
