// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that goes between CPL 0 and CPL 3 all the time, and ones that load
 * and store RFLAGS, interrupted by the timer around these instructions.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include "kselftest_harness.h"
#include "modes.h"
#include "program.h"

#define START	"mov $30, %ebp\n" APIC_ON APIC_PERIODIC(17000)
#define USER_STACK	"$0x7800"

/* The rest of the kernel's side is at MODES_SYSCALL. */
#define TO_USER(label)							\
	"pushq $0x3b; pushq " USER_STACK "; pushq $0x202; pushq $0x43\n"	\
	"lea " #label "(%rip), %rax; push %rax; iretq\n"

#define SUM	"add %rax, %r14; rol $1, %r14\n"
#define USER_LOOP							\
	"mov $0x7800, %esp\n"						\
	"1: inc %rbx; mov %rbx, %rax\n"					\
	"syscall\n"							\
	SUM "test $3, %bl; jnz 1b; push %rax; pop %rdx; jmp 1b\n"

GUEST_CODE(user, START TO_USER(9f) "9:" USER_LOOP);

/* SFMASK clears IF: interrupts wait for SYSRET. */
GUEST_CODE(user_masked,
	   START "mov $0xc0000084, %ecx; mov $0x200, %eax; xor %edx, %edx; wrmsr\n"
	   TO_USER(9f) "9:" USER_LOOP);

/* The kernel's side: a stack of its own, some work, back with SYSRET or IRET. */
GUEST_CODE(by_sysret,
	   "mov %rsp, %r8; mov $0x7400, %esp\n"
	   "push %rcx; push %r11; imul $7, %rax; xor %rcx, %rax; xor %r11, %rax\n"
	   "mov $5, %edx; 1: dec %edx; jnz 1b\n"
	   "pop %r11; pop %rcx; mov %r8, %rsp; sysretq\n");
GUEST_CODE(by_iret,
	   "mov %rsp, %r8; mov $0x7400, %esp\n"
	   "imul $7, %rax; xor %rcx, %rax\n"
	   "pushq $0x3b; push %r8; push %r11; pushq $0x43; push %rcx; iretq\n");

/* The flags of all sorts, among them IF, which no interrupt gets through without. */
GUEST_CODE(popf,
	   START
	   "1: inc %rbx; mov %ebx, %edx; shl $6, %edx; and $0x4cd5, %edx\n"
	   "pushfq; pop %rax\n" SUM
	   "push %rdx; popfq; pushfq; pop %rax\n" SUM
	   "or $0x240000, %edx; push %rdx; popfq; nop; pushfq; pop %rax\n" SUM
	   "cli; nop; sti; nop; cld; jmp 1b\n");

/* IRET to the next instruction, to the same stack. */
GUEST_CODE(iret,
	   START
	   "mov %ss, %esi; mov %cs, %edi\n"
	   "1: inc %rbx; mov %ebx, %edx; shl $6, %edx; and $0xed5, %edx\n"
	   "mov %rsp, %rax; push %rsi; push %rax; push %rdx; push %rdi\n"
	   "lea 2f(%rip), %rax; push %rax; iretq\n"
	   "2: pushfq; pop %rax\n" SUM
	   "cld; sti; jmp 1b\n");

GUEST_CODE(timer, PROGRAM_NOTE(0) APIC_EOI PROGRAM_RETURN);

static struct guest_code kernel;

static void set_up(struct replay *r)
{
	modes_set_up(&r->guest);
	program_load(&r->guest, r->context);
	guest_put(&r->guest, MODES_SYSCALL, kernel);
}

static void check(struct __test_metadata *_metadata, struct guest_code loop,
		  struct guest_code on_syscall)
{
	struct program p = { .loop = loop, .handler = guest_code_of(timer) };
	struct replay r = { .set_up = set_up };

	kernel = on_syscall;
	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(30, r.status.entries);
}

TEST(syscall_and_sysret)
{
	check(_metadata, guest_code_of(user), guest_code_of(by_sysret));
}

TEST(syscall_and_iret)
{
	check(_metadata, guest_code_of(user), guest_code_of(by_iret));
}

TEST(syscall_with_interrupts_masked)
{
	check(_metadata, guest_code_of(user_masked), guest_code_of(by_sysret));
}

TEST(popf_and_pushf)
{
	check(_metadata, guest_code_of(popf), (struct guest_code){});
}

TEST(iret_to_the_next_instruction)
{
	check(_metadata, guest_code_of(iret), (struct guest_code){});
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
