// SPDX-License-Identifier: GPL-2.0-only
/*
 * The local APIC timer, in its three modes, interrupts loops that never exit:
 * on replay at the same instructions.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include "counter.h"
#include "kselftest_harness.h"
#include "replay.h"

#define VECTOR		0x40
#define HANDLER		0x20000

/*
 * The handler notes where it interrupted (RIP and the loop's counter), re-arms
 * what is not periodic, and ends the guest after 40 interrupts.
 */
#define APIC_ON	"movl $0x1ff, 0x0f0(%r15)\n"
#define EOI	"movl $0, 0x0b0(%r15)\n"
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
	   "movl $20000, 0x380(%r15)\n" EOI LAST);
GUEST_CODE(periodic,
	   "push %rdi; push %rax; mov %r12, %rdi\n"
	   "mov 16(%rsp), %rax; stosq; mov %rcx, %rax; stosq\n"
	   "mov 0x390(%r15), %eax; stosq\n"	/* the current count */
	   "mov %rdi, %r12; pop %rax; pop %rdi\n" EOI LAST);
GUEST_CODE(deadline,
	   "push %rdi; push %rax; push %rcx; push %rdx; mov %r12, %rdi\n"
	   "mov 32(%rsp), %rax; stosq; mov %rcx, %rax; stosq\n"
	   "mov $0x6e0, %ecx; rdmsr; stosq\n"	/* 0: it has expired */
	   DEADLINE
	   "mov %rdi, %r12; pop %rdx; pop %rcx; pop %rax; pop %rdi\n" EOI LAST);

/**
 * struct code - a piece of guest code
 * @begin: its first byte
 * @end: behind its last
 */
struct code {
	const uint8_t *begin;
	const uint8_t *end;
};

#define CODE(name) ((struct code){ guest_##name, guest_##name##_end })

FIXTURE(timer) {
};

FIXTURE_VARIANT(timer) {
	struct code start;
	struct code handler;
};

FIXTURE_VARIANT_ADD(timer, oneshot) {
	.start = CODE(start_oneshot), .handler = CODE(oneshot),
};

FIXTURE_VARIANT_ADD(timer, periodic) {
	.start = CODE(start_periodic), .handler = CODE(periodic),
};

FIXTURE_VARIANT_ADD(timer, deadline) {
	.start = CODE(start_deadline), .handler = CODE(deadline),
};

FIXTURE_SETUP(timer)
{
}

FIXTURE_TEARDOWN(timer)
{
	lab_pmu_set("skid", 0);
	replay_set_skid(-1);
}

/* What set_up() loads. */
static struct code start_code, loop_code, handler_code;

static void load(struct guest *g, uint64_t gpa, struct code code)
{
	guest_load(g, gpa, code.begin, code.end - code.begin);
}

static void set_up(struct replay *r)
{
	struct guest *g = &r->guest;
	struct kvm_regs regs = guest_regs(g);

	load(g, GUEST_ENTRY, start_code);
	load(g, GUEST_ENTRY + (start_code.end - start_code.begin), loop_code);
	load(g, HANDLER, handler_code);
	guest_set_handler(g, VECTOR, HANDLER);
	regs.r12 = GUEST_DATA;
	regs.r15 = 0xfee00000;	/* the local APIC */
	guest_set_regs(g, &regs);
}

static const int skids[] = { 0, 100 };

static void check(struct __test_metadata *_metadata, struct code start, struct code handler,
		  struct code loop)
{
	size_t i;

	start_code = start;
	handler_code = handler;
	loop_code = loop;
	for (i = 0; i < ARRAY_SIZE(skids); i++) {
		struct replay r = { .mem_size = 4 << 20, .set_up = set_up };
		const char *difference;

		lab_pmu_set("skid", skids[i]);
		replay_set_skid(skids[i]);
		difference = replay_check(&r);
		EXPECT_EQ(NULL, difference)
			TH_LOG("skid %d: %s", skids[i], difference);
		/* At least one entry for each of 40 interrupts. */
		EXPECT_LE(40, r.status.entries);
	}
}

TEST_F(timer, registers_only)
{
	check(_metadata, variant->start, variant->handler, CODE(registers_only));
}

TEST_F(timer, memory_only)
{
	check(_metadata, variant->start, variant->handler, CODE(memory_only));
}

TEST_F(timer, branches)
{
	check(_metadata, variant->start, variant->handler, CODE(branches));
}

TEST_F(timer, halts)
{
	check(_metadata, variant->start, variant->handler, CODE(halts));
}

TEST_F(timer, shadows)
{
	check(_metadata, variant->start, variant->handler, CODE(shadows));
}

TEST_F(timer, strings)
{
	check(_metadata, variant->start, variant->handler, CODE(strings));
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
