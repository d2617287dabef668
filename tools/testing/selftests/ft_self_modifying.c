// SPDX-License-Identifier: GPL-2.0-only
/*
 * Code that rewrites itself, where it is and through another mapping of its
 * page, and is interrupted by a timer whose handler rewrites it, too.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include "kselftest_harness.h"
#include "program.h"

/* The first GiB is mapped here, too. */
#define ALIAS	"0x40000000"

#define START	"mov $20, %ebp\n" APIC_ON APIC_ONCE(4000)
#define SUM	"add %rax, %r14; rol $1, %r14\n"

/* The handler changes what is 9 bytes before R13: the immediate of a MOV to EDX. */
#define CHANGED	"mov $1, %edx; nop; nop; nop; nop; nop\n"
#define MARK(label)	"lea " #label "(%rip), %r13\n"

GUEST_CODE(immediate,
	   START MARK(3f) "sti\n"
	   "1: inc %rbx; mov %ebx, 2f+1(%rip)\n"
	   "2: mov $0, %eax\n" SUM
	   CHANGED
	   "3: add %edx, %eax\n" SUM
	   "jmp 1b\n");

/* INC and DEC of EAX, and the way that a branch goes. */
GUEST_CODE(opcodes,
	   START MARK(4f) "sti\n"
	   "1: inc %rbx; xorb $8, 2f+1(%rip)\n"
	   "2: inc %eax\n" SUM
	   "test $5, %bl; xorb $1, 3f(%rip)\n"
	   "3: jz 4f\n"
	   CHANGED
	   "4: add %edx, %eax\n" SUM
	   "jmp 1b\n");

/*
 * A routine in another page, executed in one mapping and written in the other,
 * in turn.  Not in the page of the code that writes: there a guest hangs on
 * emulated hosts, without kvm-ft, too.
 */
GUEST_CODE(alias,
	   START "mov $0x200000, %r13d; sti\n"
	   "mov $0x23000, %edi; lea 2f(%rip), %rsi; mov $3f - 2f, %ecx; rep movsb\n"
	   "mov $0x23000, %esi; mov $0x23000 + " ALIAS ", %edi\n"
	   "1: inc %rbx; mov %ebx, 1(%rsi); call *%rdi; xchg %rsi, %rdi\n"
	   "test $7, %bl; jnz 1b; call *%rdi; jmp 1b\n"
	   "2: mov $0, %eax\n" SUM "ret\n"
	   "3:\n");

/* Copies a routine all over two pages, some across their border, and calls it. */
GUEST_CODE(generated,
	   START "mov $0x200000, %r13d; sti\n"
	   "1: inc %rbx; mov %ebx, %edx; imul $37, %edx; and $0xfff, %edx\n"
	   "lea 0x200800(%rdx), %edi; mov %rdi, %r8; lea 2f(%rip), %rsi; mov $3f - 2f, %ecx\n"
	   "rep movsb; mov %ebx, 1(%r8); call *%r8; jmp 1b\n"
	   "2: mov $0, %eax\n" SUM "ret\n"
	   "3:\n");

GUEST_CODE(timer, PROGRAM_NOTE(0) "addl $3, -9(%r13)\n" APIC_AGAIN(4000) APIC_EOI PROGRAM_RETURN);

static void set_up(struct replay *r)
{
	uint64_t *pdpt = (uint64_t *)(r->guest.mem + GUEST_PAGE_TABLES + 0x1000);

	pdpt[1] = pdpt[0];
	program_load(&r->guest, r->context);
}

static void check(struct __test_metadata *_metadata, struct guest_code loop)
{
	struct program p = { .loop = loop, .handler = guest_code_of(timer) };
	struct replay r = { .set_up = set_up };

	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(20, r.status.entries);
}

TEST(immediate_of_the_next_instruction)
{
	check(_metadata, guest_code_of(immediate));
}

TEST(opcodes)
{
	check(_metadata, guest_code_of(opcodes));
}

TEST(through_another_mapping)
{
	check(_metadata, guest_code_of(alias));
}

TEST(generated_code)
{
	check(_metadata, guest_code_of(generated));
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
