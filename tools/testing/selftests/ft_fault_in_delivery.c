// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts and faults whose own delivery faults, as the stack, the gate or
 * the TSS is not mapped: the page fault's handler, on a stack of its own, maps
 * it.  And double faults that are handled.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <err.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "modes.h"
#include "program.h"

/* Pages that come and go: 8 of them, at PHYSICAL, mapped to WINDOW by TABLE. */
#define WINDOW		0x40000000
#define PHYSICAL	0x50000
#define DIRECTORY	0x40000
#define TABLE		0x41000

/* The page tables' entries, and what is there. */
#define GATES		"1"	/* of interrupts; those of exceptions are in page 0 */
#define STACK		"2"
#define TSS		"3"	/* RSP0; the ISTs are in page 4 */
#define OTHER		"5"

#define IDT		(WINDOW + 0x1000 - 0x200)
#define TSS_BASE	(WINDOW + 0x4000 - 16)
#define STACK_TOP	(WINDOW + 0x3000)

#define DF_VECTOR	8
#define PF_VECTOR	14
#define HANDLER		0x21000	/* of faults */

#define START	"mov $30, %ebp\n" APIC_ON APIC_ONCE(200000)
#define UNMAP(page)	"andb $~1, 0x41000 + 8 * " page "; mov %cr3, %rax; mov %rax, %cr3\n"
#define MAP(page)	"orb $1, 0x41000 + 8 * " page "\n"

/*
 * CPL 3; the system call takes away what the next interrupt needs.  SFMASK keeps
 * interrupts out of it: they would not change the stack.
 */
GUEST_CODE(user,
	   START
	   "mov $0xc0000084, %ecx; mov $0x200, %eax; xor %edx, %edx; wrmsr\n"
	   "pushq $0x3b; pushq $0x7800; pushq $0x202; pushq $0x43\n"
	   "lea 1f(%rip), %rax; push %rax; iretq\n"
	   "1: inc %rbx; test $15, %bl; jnz 1b; syscall; jmp 1b\n");
GUEST_CODE(no_gate, UNMAP(GATES) "sysretq\n");
GUEST_CODE(no_stack, UNMAP(STACK) "sysretq\n");
GUEST_CODE(no_tss, UNMAP(TSS) "sysretq\n");
GUEST_CODE(nothing, UNMAP(GATES) UNMAP(STACK) UNMAP(TSS) "sysretq\n");

/* CPL 0, on the stack that goes away: the fault's own delivery faults. */
GUEST_CODE(doubled,
	   START "mov $0x40003000, %esp; sti\n"
	   "1: inc %rbx; test $15, %bl; jnz 1b\n"
	   UNMAP(STACK) UNMAP(OTHER)
	   "mov %ebx, 0x40005000; jmp 1b\n");

/* An interrupt that was lost in its delivery is still in service. */
#define LOST								\
	"mov 0x120(%r15), %eax; test $1, %al; jz 1f\n"			\
	APIC_AGAIN(200000) APIC_EOI					\
	"dec %ebp; jnz 1f; out %al, $0x10; 1:\n"

#define FAULT(map)							\
	"push %rax; mov %cr2, %rax; add %rax, %r14; rol $1, %r14\n"	\
	"shr $12, %eax; and $7, %eax; " map				\
	"andl $~0x10000, 32(%rsp); mov 16(%rsp), %rax; add %rax, %r14\n"	\
	LOST "pop %rax; add $8, %rsp; iretq\n"
GUEST_CODE(page_fault, FAULT("orb $1, 0x41000(,%rax,8)\n"));
GUEST_CODE(double_fault, FAULT(MAP(STACK) MAP(OTHER)));

GUEST_CODE(timer, PROGRAM_NOTE(0) APIC_AGAIN(200000) APIC_EOI PROGRAM_RETURN);

/* What a test wants. */
static struct guest_code kernel;
static int vector;	/* whose handler has a stack of its own */

static void write_window(struct guest *g)
{
	uint64_t *pdpt = (uint64_t *)(g->mem + GUEST_PAGE_TABLES + 0x1000);
	uint64_t *directory = (uint64_t *)(g->mem + DIRECTORY);
	uint64_t *table = (uint64_t *)(g->mem + TABLE);
	uint64_t i;

	pdpt[WINDOW >> 30] = DIRECTORY | 7;
	memset(directory, 0, 0x1000);
	directory[0] = TABLE | 7;
	memset(table, 0, 0x1000);
	for (i = 0; i < 8; i++)
		table[i] = (PHYSICAL + i * 0x1000) | 3;
}

static void write_idt(struct guest *g)
{
	uint64_t *gate = (uint64_t *)(g->mem + GUEST_IDT + 16 * vector);

	guest_set_handler(g, vector, HANDLER);
	gate[0] |= 1ULL << 32;	/* IST 1 */
	memcpy(g->mem + PHYSICAL + IDT - WINDOW, g->mem + GUEST_IDT, 0x1000);
}

static void write_tss(struct guest *g)
{
	uint8_t *tss = g->mem + PHYSICAL + TSS_BASE - WINDOW;
	const uint64_t rsp0 = STACK_TOP, ist1 = MODES_STACK0;

	memcpy(tss + 4, &rsp0, sizeof(rsp0));
	memcpy(tss + 36, &ist1, sizeof(ist1));
}

static void set_up(struct replay *r)
{
	struct guest *g = &r->guest;
	struct kvm_sregs sregs;

	modes_set_up(g);
	program_load(g, r->context);
	guest_put(g, MODES_SYSCALL, kernel);
	guest_put(g, HANDLER, vector == PF_VECTOR ? guest_code_of(page_fault) :
						    guest_code_of(double_fault));
	write_window(g);
	write_idt(g);
	write_tss(g);
	if (ioctl(g->vcpu, KVM_GET_SREGS, &sregs))
		err(1, "KVM_GET_SREGS");
	sregs.idt.base = IDT;
	sregs.tr.base = TSS_BASE;
	if (ioctl(g->vcpu, KVM_SET_SREGS, &sregs))
		err(1, "KVM_SET_SREGS");
}

static void check(struct __test_metadata *_metadata, struct guest_code loop, int fault,
		  struct guest_code on_syscall)
{
	struct program p = { .loop = loop, .handler = guest_code_of(timer) };
	struct replay r = { .set_up = set_up };

	vector = fault;
	kernel = on_syscall;
	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(30, r.status.entries);
	/* The fault's handler has been there. */
	EXPECT_NE(0, r.machine.regs.r14);
}

TEST(gate_is_not_mapped)
{
	check(_metadata, guest_code_of(user), PF_VECTOR, guest_code_of(no_gate));
}

TEST(stack_is_not_mapped)
{
	check(_metadata, guest_code_of(user), PF_VECTOR, guest_code_of(no_stack));
}

TEST(tss_is_not_mapped)
{
	check(_metadata, guest_code_of(user), PF_VECTOR, guest_code_of(no_tss));
}

TEST(none_is_mapped)
{
	check(_metadata, guest_code_of(user), PF_VECTOR, guest_code_of(nothing));
}

TEST(double_fault)
{
	check(_metadata, guest_code_of(doubled), DF_VECTOR, (struct guest_code){});
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
