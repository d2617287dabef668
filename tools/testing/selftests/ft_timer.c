// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC timer, in its three modes, interrupts loops that never exit:
 * on replay at the same instructions.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include "kselftest_harness.h"
#include "program.h"

/*
 * The handler notes where it interrupted (RIP and the loop's counter), re-arms
 * what is not periodic, and ends the guest after 40 interrupts.
 */
#define NOTE	"mov (%rsp), %rax; stosq; mov %rcx, %rax; stosq\n"
#define LAST	"dec %ebp; jnz 1f; out %al, $0x10; 1: iretq\n"
#define START	"mov $0x100000, %edi; mov $40, %ebp; xor %ecx, %ecx\n" APIC_ON

GUEST_CODE(registers_only, "sti; 1: inc %rcx; jmp 1b\n");
GUEST_CODE(memory_only, "sti; 1: incq 0x80000; jmp 1b\n");
GUEST_CODE(branches,
	   "sti; 1: inc %rcx; test $7, %cl; jnz 1b; xor %rcx, %rbx; jmp 1b\n");
GUEST_CODE(halts, "1: inc %rcx; sti; hlt; cli; jmp 1b\n");
GUEST_CODE(shadows,
	   "mov %ss, %dx; 1: cli; inc %rcx; sti; mov %dx, %ss; nop; jmp 1b\n");
GUEST_CODE(strings,
	   "sti\n"
	   "1: inc %rdx\n"
	   "mov %rdi, %r8\n"
	   "mov $0x200000, %edi\n"
	   "mov $0x8000, %ecx\n"
	   "mov %rdx, %rax\n"
	   "rep stosb\n"
	   "mov %r8, %rdi\n"
	   "jmp 1b\n");

GUEST_CODE(start_oneshot,
	   START
	   "movl $0xb, 0x3e0(%r15); movl $0x40, 0x320(%r15); movl $20000, 0x380(%r15)\n");
GUEST_CODE(start_periodic,
	   START
	   "movl $0xb, 0x3e0(%r15); movl $0x20040, 0x320(%r15); movl $250000, 0x380(%r15)\n");
#define DEADLINE "mov $0x6e0, %ecx; rdtsc; add $30000, %eax; adc $0, %edx; wrmsr\n"
GUEST_CODE(start_deadline, START "movl $0x40040, 0x320(%r15)\n" DEADLINE "xor %ecx, %ecx\n");

/* The string loop uses RDI and RAX itself: its handler has a pointer in R12. */
GUEST_CODE(oneshot,
	   "push %rdi; push %rax; mov %r12, %rdi\n"
	   "mov 16(%rsp), %rax; stosq; mov %rcx, %rax; stosq\n"
	   "mov %rdi, %r12; pop %rax; pop %rdi\n"
	   "movl $20000, 0x380(%r15)\n" APIC_EOI LAST);
GUEST_CODE(periodic,
	   "push %rdi; push %rax; mov %r12, %rdi\n"
	   "mov 16(%rsp), %rax; stosq; mov %rcx, %rax; stosq\n"
	   "mov 0x390(%r15), %eax; stosq\n"	/* the current count */
	   "mov %rdi, %r12; pop %rax; pop %rdi\n" APIC_EOI LAST);
GUEST_CODE(deadline,
	   "push %rdi; push %rax; push %rcx; push %rdx; mov %r12, %rdi\n"
	   "mov 32(%rsp), %rax; stosq; mov %rcx, %rax; stosq\n"
	   "mov $0x6e0, %ecx; rdmsr; stosq\n"	/* 0: it has expired */
	   DEADLINE
	   "mov %rdi, %r12; pop %rdx; pop %rcx; pop %rax; pop %rdi\n" APIC_EOI LAST);

FIXTURE(timer) {
};

FIXTURE_VARIANT(timer) {
	struct guest_code start;
	struct guest_code handler;
};

FIXTURE_VARIANT_ADD(timer, oneshot) {
	.start = guest_code_of(start_oneshot), .handler = guest_code_of(oneshot),
};

FIXTURE_VARIANT_ADD(timer, periodic) {
	.start = guest_code_of(start_periodic), .handler = guest_code_of(periodic),
};

FIXTURE_VARIANT_ADD(timer, deadline) {
	.start = guest_code_of(start_deadline), .handler = guest_code_of(deadline),
};

FIXTURE_SETUP(timer)
{
}

FIXTURE_TEARDOWN(timer)
{
}

static void check(struct __test_metadata *_metadata, struct guest_code start,
		  struct guest_code handler, struct guest_code loop)
{
	const struct program p = { start, loop, handler };
	struct replay r = {};

	EXPECT_EQ(1, program_check(&p, &r));
	/* At least one entry for each of 40 interrupts. */
	EXPECT_LE(40, r.status.entries);
}

TEST_F(timer, registers_only)
{
	check(_metadata, variant->start, variant->handler, guest_code_of(registers_only));
}

TEST_F(timer, memory_only)
{
	check(_metadata, variant->start, variant->handler, guest_code_of(memory_only));
}

TEST_F(timer, branches)
{
	check(_metadata, variant->start, variant->handler, guest_code_of(branches));
}

TEST_F(timer, halts)
{
	check(_metadata, variant->start, variant->handler, guest_code_of(halts));
}

TEST_F(timer, shadows)
{
	check(_metadata, variant->start, variant->handler, guest_code_of(shadows));
}

TEST_F(timer, strings)
{
	check(_metadata, variant->start, variant->handler, guest_code_of(strings));
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
