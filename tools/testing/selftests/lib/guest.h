/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smallest user-space side of a KVM guest, for tests of one behaviour each.
 *
 * A guest's program is machine code that does not depend on its address,
 * written between GUEST_CODE(name) and GUEST_CODE_END.  It starts in 64-bit
 * mode at GUEST_ENTRY with the first 512 GiB of addresses mapped to
 * themselves, interrupts off, a stack, and an IDT without entries; it ends a
 * run with an OUT to a port.
 *
 * Errors of the set-up end the test program with a message: they say that the
 * test cannot run, not that what it tests is broken.
 */
#ifndef SELFTESTS_GUEST_H
#define SELFTESTS_GUEST_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>

#define GUEST_PAGE_TABLES	0x1000	/* PML4, then the PDPT: 2 pages */
#define GUEST_GDT		0x3000
#define GUEST_IDT		0x4000
#define GUEST_STACK		0x8000	/* grows down */
#define GUEST_ENTRY		0x10000
#define GUEST_DATA		0x100000

#define GUEST_CS		8
#define GUEST_DS		16

/* Two symbols, guest_NAME and guest_NAME_end, around the code. */
#define GUEST_CODE(name, code)						\
	extern const uint8_t guest_##name[], guest_##name##_end[];	\
	asm(".pushsection .rodata.guest, \"a\"\n"			\
	    "guest_" #name ":\n" code "\n"				\
	    "guest_" #name "_end:\n"					\
	    ".popsection\n")

/**
 * struct guest_code - a piece of guest code
 * @begin: its first byte
 * @end: behind its last
 */
struct guest_code {
	const uint8_t *begin;
	const uint8_t *end;
};

#define guest_code_of(name) ((struct guest_code){ guest_##name, guest_##name##_end })

#define guest_load_code(g, name) \
	guest_load(g, GUEST_ENTRY, guest_##name, guest_##name##_end - guest_##name)

/**
 * struct guest - a VM with one vCPU
 * @vm: descriptor of the VM
 * @vcpu: descriptor of the vCPU
 * @mem: guest RAM, from guest-physical address 0
 * @mem_size: its size in bytes
 * @run: the vCPU's kvm_run
 * @run_size: its size in bytes
 */
struct guest {
	int vm;
	int vcpu;
	uint8_t *mem;
	size_t mem_size;
	struct kvm_run *run;
	size_t run_size;
};

void guest_create(struct guest *g, size_t mem_size);

/* The same with KVM's local APIC, IOAPIC and PIC: HLT waits inside KVM. */
void guest_create_irqchip(struct guest *g, size_t mem_size);

void guest_destroy(struct guest *g);

/* Copies to guest-physical @gpa. */
void guest_load(struct guest *g, uint64_t gpa, const void *data, size_t size);

/* The same with a piece of code; returns the address behind it. */
uint64_t guest_put(struct guest *g, uint64_t gpa, struct guest_code code);

/* Sets GDT, page tables and all registers to the state described above. */
void guest_reset(struct guest *g);

/* Makes exception @vector enter the code at guest address @handler. */
void guest_set_handler(struct guest *g, int vector, uint64_t handler);

/*
 * KVM_RUN until the guest leaves for user space; signals do not end it.
 * Returns the exit reason, KVM_EXIT_*.
 */
uint32_t guest_run(struct guest *g);

/* Runs until the guest writes to @port; anything else ends the test program. */
void guest_run_to_out(struct guest *g, uint16_t port);

/* A message-signalled interrupt, as from a PCI device. */
void guest_interrupt(struct guest *g, int vector);

/* A pulse at a pin of the IOAPIC. */
void guest_pulse(struct guest *g, int pin);

struct kvm_regs guest_regs(struct guest *g);
void guest_set_regs(struct guest *g, const struct kvm_regs *regs);

/* A statistic of the vCPU by the name that KVM_GET_STATS_FD gives it. */
uint64_t guest_stat(struct guest *g, const char *name);

#endif
