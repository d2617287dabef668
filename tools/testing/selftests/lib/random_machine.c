// SPDX-License-Identifier: GPL-2.0-only
/* What is around a random program: handlers, memory, registers. */
#include "apic.h"
#include "environment.h"
#include "random.h"
#include "random_program.h"
#include "replay.h"

#define HANDLERS	0x30000		/* one each 0x100 bytes */
#define WINDOW_PD	0x40000
#define WINDOW_SLOT	256		/* in the PDPT: at 256 GiB */
#define WINDOW		(256UL << 30)
#define DATA_SIZE	0x10000
#define TIMER_TICKS	0x90080

/*
 * Handlers.  Counts and sums are at 0x90000.  The instruction after the fault
 * is in R11; a timer's handler leaves where it interrupted in R10.
 *
 * Handlers of faults clear RFLAGS.RF (bit 16) in their frame: what QEMU does with
 * it once IRET has set it is not repeatable.  Not by BTR, whose flags are not repeatable
 * there either (Documentation/determinism.rst).
 */
GUEST_CODE(random_skip, "incq 0x90000; andl $0xfffeffff, 16(%rsp); mov %r11, (%rsp); iretq\n");
GUEST_CODE(random_skip_error,
	   "incq 0x90008; andl $0xfffeffff, 24(%rsp); mov %r11, 8(%rsp); add $8, %rsp; iretq\n");
GUEST_CODE(random_trap, "incq 0x90010; add %r10, %r9; rol $5, %r9; iretq\n");

/*
 * Of the window's pages each fourth is never there, each other fourth is read-only
 * until it is written to.
 */
GUEST_CODE(random_page_fault,
	   "incq 0x90018\n"
	   "andl $0xfffeffff, 24(%rsp)\n"
	   "push %rax\n"
	   "push %rcx\n"
	   "mov %cr2, %rax\n"
	   "sub %r12, %rax\n"
	   "shr $12, %rax\n"
	   "mov %eax, %ecx\n"
	   "and $3, %ecx\n"
	   "cmp $3, %ecx\n"
	   "je 3f\n"
	   "mov %eax, %ecx\n"
	   "and $15, %ecx\n"
	   "shl $12, %ecx\n"
	   "add $0x100001, %ecx\n"		/* present */
	   "testb $1, 16(%rsp)\n"		/* it was: a write */
	   "jnz 1f\n"
	   "test $2, %al\n"
	   "jnz 2f\n"
	   "1: or $2, %ecx\n"
	   "2: mov %rcx, 0x41000(,%rax,8)\n"
	   "shl $12, %rax\n"
	   "add %r12, %rax\n"
	   "invlpg (%rax)\n"
	   "pop %rcx\n"
	   "pop %rax\n"
	   "add $8, %rsp\n"
	   "iretq\n"
	   "3: pop %rcx\n"
	   "pop %rax\n"
	   "mov %r11, 8(%rsp)\n"
	   "add $8, %rsp\n"
	   "iretq\n");

#define MIX	"incq 0x90020; xor (%rsp), %r10; rol $7, %r10; add %r10, 0x90028\n"
#define EOI	"movl $0, 0x0b0(%r15)\n"

/* How long a one-shot or deadline takes is at 0x90080. */
GUEST_CODE(random_periodic, MIX EOI "iretq\n");
GUEST_CODE(random_oneshot,
	   MIX "push %rax; mov 0x90080, %eax; mov %eax, 0x380(%r15); pop %rax\n"
	   EOI "iretq\n");
GUEST_CODE(random_deadline,
	   MIX "push %rax; push %rcx; push %rdx\n"
	   "mov $0x6e0, %ecx; rdtsc; add 0x90080, %eax; adc $0, %edx; wrmsr\n"
	   "pop %rdx; pop %rcx; pop %rax\n" EOI "iretq\n");
GUEST_CODE(random_mail,
	   "incq 0x90030; xor (%rsp), %r9; add 0x98000, %r9; rol $11, %r9\n"
	   "add %r9, 0x980f8\n" EOI "iretq\n");

GUEST_CODE(random_start_periodic,
	   "movl $0x1ff, 0x0f0(%r15); movl $0x20040, 0x320(%r15)\n"
	   "mov 0x90080, %eax; mov %eax, 0x380(%r15); sti\n");
GUEST_CODE(random_start_oneshot,
	   "movl $0x1ff, 0x0f0(%r15); movl $0x40, 0x320(%r15)\n"
	   "mov 0x90080, %eax; mov %eax, 0x380(%r15); sti\n");
GUEST_CODE(random_start_deadline,
	   "movl $0x1ff, 0x0f0(%r15); movl $0x40040, 0x320(%r15)\n"
	   "mov $0x6e0, %ecx; rdtsc; add 0x90080, %eax; adc $0, %edx; wrmsr; sti\n");

GUEST_CODE(random_end, "cli; out %al, $0x10\n");

/* The timer's modes; the divider of its ticks does not divide the TSC. */
static const struct timer {
	struct guest_code start;
	struct guest_code handler;
	int counts_tsc;
} timers[] = {
	{ guest_code_of(random_start_periodic), guest_code_of(random_periodic), 0 },
	{ guest_code_of(random_start_oneshot), guest_code_of(random_oneshot), 0 },
	{ guest_code_of(random_start_deadline), guest_code_of(random_deadline), 1 },
};

static void handle(struct guest *g, int vector, struct guest_code code)
{
	uint64_t at = HANDLERS + 0x100 * vector;

	guest_put(g, at, code);
	guest_set_handler(g, vector, at);
}

static void set_handlers(struct guest *g, struct guest_code timer)
{
	handle(g, 0, guest_code_of(random_skip));
	handle(g, 3, guest_code_of(random_trap));
	handle(g, 6, guest_code_of(random_skip));
	handle(g, 13, guest_code_of(random_skip_error));
	handle(g, 14, guest_code_of(random_page_fault));
	handle(g, RANDOM_PROGRAM_SOFTWARE_VECTOR, guest_code_of(random_trap));
	handle(g, RANDOM_PROGRAM_VECTOR, guest_code_of(random_mail));
	handle(g, APIC_TIMER_VECTOR, timer);
}

static void write64(struct guest *g, uint64_t gpa, uint64_t value)
{
	guest_load(g, gpa, &value, sizeof(value));
}

static uint64_t timer_ticks(const struct timer *timer, uint64_t *random)
{
	uint64_t ticks = random_between(random, 30000, 150000);

	return timer->counts_tsc ? ticks * environment_slower() : ticks;
}

static void set_memory(struct guest *g, const struct timer *timer, uint64_t *random)
{
	uint64_t gpa;

	for (gpa = GUEST_DATA; gpa < GUEST_DATA + DATA_SIZE; gpa += 8)
		write64(g, gpa, random_next(random));
	write64(g, GUEST_PAGE_TABLES + 0x1000 + 8 * WINDOW_SLOT, WINDOW_PD | 3);
	write64(g, WINDOW_PD, RANDOM_PROGRAM_WINDOW_PT | 3);
	write64(g, TIMER_TICKS, timer_ticks(timer, random));
}

static void set_registers(struct guest *g, uint64_t *random)
{
	struct kvm_regs regs = guest_regs(g);

	regs.rax = random_next(random);
	regs.rbx = random_next(random);
	regs.rdx = random_next(random);
	regs.rsi = random_next(random);
	regs.rdi = random_next(random);
	regs.r8 = random_next(random);
	regs.r9 = random_next(random);
	regs.r10 = random_next(random);
	regs.r12 = WINDOW;
	regs.r13 = random_between(random, 4, 32);
	regs.r14 = GUEST_DATA;
	regs.r15 = APIC_BASE;
	guest_set_regs(g, &regs);
}

void random_program_load(struct guest *g, uint64_t seed)
{
	static struct assembler a;
	uint64_t random = seed;
	const struct timer *timer = &timers[random_between(&random, 0, 2)];

	set_memory(g, timer, &random);
	set_registers(g, &random);
	set_handlers(g, timer->handler);
	a.size = 0;
	asm_fixed(&a, timer->start);
	random_program_rounds(&a, &random);
	asm_fixed(&a, guest_code_of(random_end));
	guest_load(g, GUEST_ENTRY, a.code, a.size);
}
