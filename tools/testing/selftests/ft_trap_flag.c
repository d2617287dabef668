// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that single-steps itself, and one that looks at RFLAGS in all the
 * ways there are, interrupted by their timer: RFLAGS.TF and RF come out as they
 * would without the breakpoints that stop the replay at landmarks.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include "kselftest_harness.h"
#include "program.h"

#define DB_VECTOR	1
#define UD_VECTOR	6
#define PF_VECTOR	14
#define INT_VECTOR	0x60

#define START	"mov $50, %ebp\n" APIC_ON APIC_ONCE(60000)
GUEST_CODE(start, START "sti\n");

GUEST_CODE(timer, PROGRAM_NOTE(0) APIC_AGAIN(60000) APIC_EOI PROGRAM_RETURN);

/* Of #DB: a checksum of where, RFLAGS and DR6. */
GUEST_CODE(db,
	   "push %rax\n"
	   "mov 8(%rsp), %rax; add %rax, %r8; add 24(%rsp), %r8\n"
	   "mov %dr6, %rax; add %rax, %r8; rol $1, %r8\n"
	   "mov $0xffff0ff0, %eax; mov %rax, %dr6\n"
	   "pop %rax\n"
	   "iretq\n");
GUEST_CODE(stepping,
	   "pushfq; orq $0x100, (%rsp); popfq\n"
	   "1: inc %rcx; pushfq; pop %rax; add %rax, %r9; rol $1, %r9; jmp 1b\n");

/* Steps now and then. */
GUEST_CODE(now_and_then,
	   "1: inc %rcx; pushfq; orq $0x100, (%rsp); popfq; inc %rdx; inc %rdx\n"
	   "pushfq; andq $~0x100, (%rsp); popfq\n"
	   "mov $60, %eax; 2: dec %eax; jnz 2b; jmp 1b\n");

/* INT: its handler sums up the images. */
GUEST_CODE(int60, "add (%rsp), %r8; add 16(%rsp), %r8; rol $1, %r8; iretq\n");
GUEST_CODE(ints, "1: inc %rcx; int $0x60; jmp 1b\n");

/* PUSHF, POPF and IRET to the next instruction. */
GUEST_CODE(flags,
	   "mov %ss, %esi; mov %cs, %edi\n"
	   "1: inc %rcx\n"
	   "pushfq; mov (%rsp), %rax; add %rax, %r8; rol $1, %r8; popfq\n"
	   "mov %rsp, %rax; push %rsi; push %rax; pushfq; push %rdi\n"
	   "lea 2f(%rip), %rax; push %rax; iretq\n"
	   "2: jmp 1b\n");

/*
 * Faults at the same instruction, over and over.  RF in their images is summed up,
 * but not returned to: QEMU would clear it behind any one of the next instructions
 * where the guest has no breakpoint of its own.
 */
GUEST_CODE(undefined,
	   "add (%rsp), %r8; add 16(%rsp), %r8; rol $1, %r8; addq $2, (%rsp)\n"
	   "andl $~0x10000, 16(%rsp); iretq\n");
GUEST_CODE(faults, "1: inc %rcx; ud2; jmp 1b\n");
GUEST_CODE(page_fault,
	   "add 8(%rsp), %r8; add 24(%rsp), %r8; rol $1, %r8\n"
	   "addq $3, 8(%rsp); add $8, %rsp; andl $~0x10000, 16(%rsp); iretq\n");
/* Beyond the 512 GiB that are mapped. */
GUEST_CODE(page_faults, "mov $1, %rdx; shl $40, %rdx; 1: inc %rcx; mov (%rdx), %rax; jmp 1b\n");

struct handler {
	int vector;
	struct guest_code code;
};

static struct handler other;

static void set_up(struct replay *r)
{
	uint64_t at = 0x21000;

	program_load(&r->guest, r->context);
	guest_put(&r->guest, at, other.code);
	guest_set_handler(&r->guest, other.vector, at);
}

static void check(struct __test_metadata *_metadata, struct guest_code loop, int vector,
		  struct guest_code handler)
{
	struct program p = { guest_code_of(start), loop, guest_code_of(timer) };
	struct replay r = { .set_up = set_up };

	other.vector = vector;
	other.code = handler;
	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(50, r.status.entries);
	/* The sum of the other handler, which has been there. */
	EXPECT_NE(0, r.machine.regs.r8);
}

TEST(single_steps)
{
	check(_metadata, guest_code_of(stepping), DB_VECTOR, guest_code_of(db));
}

TEST(single_steps_now_and_then)
{
	check(_metadata, guest_code_of(now_and_then), DB_VECTOR, guest_code_of(db));
}

TEST(pushed_flags)
{
	check(_metadata, guest_code_of(flags), INT_VECTOR, guest_code_of(int60));
}

/* A breakpoint is stepped over with RF, which INT stores. */
TEST(software_interrupt)
{
	check(_metadata, guest_code_of(ints), INT_VECTOR, guest_code_of(int60));
}

TEST(undefined_instruction)
{
	check(_metadata, guest_code_of(faults), UD_VECTOR, guest_code_of(undefined));
}

TEST(page_fault)
{
	check(_metadata, guest_code_of(page_faults), PF_VECTOR, guest_code_of(page_fault));
}

REPLAY_KEEP_HOOKS
TEST_HARNESS_MAIN
