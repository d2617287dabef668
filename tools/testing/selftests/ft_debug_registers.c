// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that uses the debug registers itself, interrupted by its timer: its
 * breakpoints hit as often on replay, where one more breakpoint stops it at
 * landmarks, and it reads back from DR6 and DR7 what it would without.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include "kselftest_harness.h"
#include "program.h"

#define DB_VECTOR	1
#define DB_HANDLER	0x21000

/* Notes where, RFLAGS, DR6 and DR7. */
#define DB_NOTE								\
	PROGRAM_NOTE(0)							\
	"push %rax\n"							\
	"mov %dr6, %rax; mov %rax, (%r12)\n"				\
	"mov %dr7, %rax; mov %rax, 8(%r12)\n"				\
	"add $16, %r12\n"						\
	"mov $0xffff0ff0, %eax; mov %rax, %dr6\n"			\
	"pop %rax\n"

/* A fault, before the instruction, which it steps over with RF; or a trap behind it. */
GUEST_CODE(db_fault, DB_NOTE "orl $0x10000, 16(%rsp)\n iretq\n");
GUEST_CODE(db_trap, DB_NOTE "iretq\n");
/* Either: DR0 and DR2 have breakpoints, DR1 and DR3 watchpoints. */
GUEST_CODE(db_mixed, DB_NOTE "testl $5, -16(%r12); jz 1f; orl $0x10000, 16(%rsp); 1: iretq\n");

GUEST_CODE(timer,
	   PROGRAM_NOTE(0)
	   "push %rax; mov %dr7, %rax; mov %rax, (%r12); add $8, %r12; pop %rax\n"
	   APIC_AGAIN(60000) APIC_EOI PROGRAM_RETURN);

#define START	"mov $50, %ebp\n" APIC_ON APIC_ONCE(60000)

/*
 * QEMU clears RF where a run of instructions ends, but not with a direct jump:
 * the loops whose breakpoints are stepped over with RF go round by R10.
 *
 * A breakpoint at the first instruction of the loop, then the next, and again.
 */
GUEST_CODE(start_execute,
	   START
	   "lea 9f(%rip), %r10; mov %r10, %rsi; mov %rsi, %dr0\n"
	   "mov $0x402, %eax; mov %rax, %dr7\n"
	   "sti\n"
	   "9:\n");
GUEST_CODE(loop_execute,
	   "inc %rcx; inc %rbx; inc %rdx; inc %rbx; test $0x3f, %cl; jnz 1f\n"
	   "xor $3, %rsi; mov %rsi, %dr0\n"
	   "1: jmp *%r10\n");

/* Data watchpoints: writes of 8 bytes by DR1, accesses of 4 by DR2. */
GUEST_CODE(start_data,
	   START
	   "mov $0x200000, %eax; mov %rax, %dr1\n"
	   "mov $0x200010, %eax; mov %rax, %dr2\n"
	   "mov $0x0f90042c, %eax; mov %rax, %dr7\n"
	   "sti\n");
GUEST_CODE(loop_data,
	   "1: inc %rcx; test $0x1f, %cl; jnz 1b\n"
	   "mov %rcx, 0x200000; mov 0x200010, %eax\n"
	   "jmp 1b\n");

/* Set but not enabled: nothing may come of it. */
GUEST_CODE(start_disabled,
	   START
	   "lea 9f(%rip), %rax; mov %rax, %dr0; mov %rax, %dr1\n"
	   "add $3, %rax; mov %rax, %dr2; add $3, %rax; mov %rax, %dr3\n"
	   "mov $0x400, %eax; mov %rax, %dr7\n"
	   "sti\n"
	   "9:\n");
GUEST_CODE(loop_disabled,
	   "1: inc %rcx; inc %rbx; inc %rdx; mov %rcx, %rax; test $7, %cl; jnz 1b\n"
	   "mov %dr6, %rax; add %rax, %rsi; mov %dr7, %rax; add %rax, %rsi\n"
	   "mov %dr3, %rax; add %rax, %rsi\n"
	   "jmp 1b\n");

/* Three of them, and the last instruction of the loop has none. */
GUEST_CODE(start_three,
	   START
	   "lea 9f(%rip), %rax; mov %rax, %r10; mov %rax, %dr1\n"
	   "add $3, %rax; mov %rax, %dr2; add $3, %rax; mov %rax, %dr3\n"
	   "mov $0x4a8, %eax; mov %rax, %dr7\n"
	   "sti\n"
	   "9:\n");
GUEST_CODE(loop_three,
	   "inc %rcx; inc %rbx; inc %rdx; mov $100, %eax; 1: dec %eax; jnz 1b; jmp *%r10\n");

/* All of them, where the loop does not come by. */
GUEST_CODE(start_four,
	   START
	   "mov $0x200000, %eax; mov %rax, %dr0; mov %rax, %dr1\n"
	   "mov %rax, %dr2; mov %rax, %dr3\n"
	   "mov $0x111104aa, %eax; mov %rax, %dr7\n"
	   "sti\n");
GUEST_CODE(loop_four, "1: inc %rcx; inc %rbx; mov $20, %eax; 2: dec %eax; jnz 2b; jmp 1b\n");

/* Four breakpoints in the loop. */
GUEST_CODE(start_execute_four,
	   START
	   "lea 9f(%rip), %rax; mov %rax, %r10; mov %rax, %dr0\n"
	   "add $3, %rax; mov %rax, %dr1; add $3, %rax; mov %rax, %dr2\n"
	   "add $3, %rax; mov %rax, %dr3\n"
	   "mov $0x4aa, %eax; mov %rax, %dr7\n"
	   "sti\n"
	   "9:\n");
GUEST_CODE(loop_execute_four,
	   "inc %rcx; inc %rbx; inc %rdx; inc %rsi\n"
	   "mov $100, %eax; 1: dec %eax; jnz 1b; jmp *%r10\n");

/* Two breakpoints, two watchpoints, and one of each moves on every now and then. */
GUEST_CODE(start_mixed,
	   START
	   "lea 9f(%rip), %rax; mov %rax, %r10; mov %rax, %dr0\n"
	   "add $6, %rax; mov %rax, %rsi; mov %rsi, %dr2\n"
	   "mov $0x200000, %eax; mov %rax, %dr1\n"
	   "mov $0x200010, %edi; mov %rdi, %dr3\n"
	   "mov $0xf0d004aa, %eax; mov %rax, %dr7\n"
	   "sti\n"
	   "9:\n");
GUEST_CODE(loop_mixed,
	   "inc %rcx; inc %rbx; inc %rdx; inc %rbx\n"
	   "mov %rcx, 0x200000; mov 0x200010, %eax\n"
	   "mov $150, %eax; 1: dec %eax; jnz 1b; test $7, %cl; jnz 2f\n"
	   "xor $3, %rsi; mov %rsi, %dr2; xor $0x100, %rdi; mov %rdi, %dr3\n"
	   "2: jmp *%r10\n");

/* Turned on and off all the time. */
GUEST_CODE(start_switched, START "lea 9f(%rip), %rax; mov %rax, %dr3; sti; 9:\n");
GUEST_CODE(loop_switched,
	   "1: inc %rcx; mov $0x4c0, %eax; test $1, %cl; jnz 2f; mov $0x400, %eax\n"
	   "2: mov %rax, %dr7; mov $50, %eax; 3: dec %eax; jnz 3b; jmp 1b\n");

static struct guest_code db;
static bool on_one_page;	/* the handlers too */

static void set_up(struct replay *r)
{
	const struct program *p = r->context;
	uint64_t at = on_one_page ? GUEST_ENTRY + 0x800 : DB_HANDLER;

	program_load(&r->guest, p);
	guest_put(&r->guest, at, db);
	guest_set_handler(&r->guest, DB_VECTOR, at);
	if (!on_one_page)
		return;
	guest_put(&r->guest, GUEST_ENTRY + 0xc00, p->handler);
	guest_set_handler(&r->guest, PROGRAM_VECTOR, GUEST_ENTRY + 0xc00);
}

/* Bytes of notes of the timer's interrupts, and of one #DB. */
#define TIMER_NOTES	(50 * 32)
#define DB_NOTES	40

static uint64_t entries;

static uint64_t notes(struct __test_metadata *_metadata, struct guest_code start,
		      struct guest_code loop)
{
	struct program p = { start, loop, guest_code_of(timer) };
	struct replay r = { .set_up = set_up };

	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(50, r.status.entries);
	entries = r.status.entries;
	return r.machine.regs.r12 - GUEST_DATA;
}

#define NOTES(name) \
	notes(_metadata, guest_code_of(start_##name), guest_code_of(loop_##name))

/* Many #DBs, and the log has an entry for each. */
static void expect_logged(struct __test_metadata *_metadata, uint64_t notes)
{
	EXPECT_LE(TIMER_NOTES + 10 * DB_NOTES, notes);
	EXPECT_LE(50 + (notes - TIMER_NOTES) / DB_NOTES, entries);
}

FIXTURE(debug_registers) {
};

FIXTURE_SETUP(debug_registers)
{
	db = guest_code_of(db_fault);
	on_one_page = false;
}

FIXTURE_TEARDOWN(debug_registers)
{
}

TEST_F(debug_registers, breakpoint_at_landmark)
{
	EXPECT_LE(TIMER_NOTES + 10 * DB_NOTES, NOTES(execute));
}

TEST_F(debug_registers, watchpoints)
{
	db = guest_code_of(db_trap);
	EXPECT_LE(TIMER_NOTES + 10 * DB_NOTES, NOTES(data));
}

TEST_F(debug_registers, disabled)
{
	EXPECT_EQ(TIMER_NOTES, NOTES(disabled));
}

TEST_F(debug_registers, three_in_use)
{
	on_one_page = true;
	EXPECT_LE(TIMER_NOTES + 10 * DB_NOTES, NOTES(three));
}

/*
 * A landmark's breakpoint, for which an emulated host needs two debug registers,
 * takes one of the guest's then: hits of those are in the log.
 */
TEST_F(debug_registers, three_in_use_on_another_page)
{
	expect_logged(_metadata, NOTES(three));
}

TEST_F(debug_registers, four_in_use)
{
	EXPECT_EQ(TIMER_NOTES, NOTES(four));
}

TEST_F(debug_registers, four_breakpoints)
{
	expect_logged(_metadata, NOTES(execute_four));
}

TEST_F(debug_registers, two_breakpoints_two_watchpoints)
{
	db = guest_code_of(db_mixed);
	expect_logged(_metadata, NOTES(mixed));
}

TEST_F(debug_registers, switched_on_and_off)
{
	EXPECT_LE(TIMER_NOTES + 10 * DB_NOTES, NOTES(switched));
}

REPLAY_KEEP_HOOKS
TEST_HARNESS_MAIN
