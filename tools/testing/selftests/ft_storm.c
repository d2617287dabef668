// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupt storms: interrupts that come as fast as the guest can take them,
 * and within one another's handlers.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include "environment.h"
#include "kselftest_harness.h"
#include "program.h"

#define UPPER_VECTOR	0x80
#define UPPER_HANDLER	0x21000

GUEST_CODE(loop, "1: inc %rcx; test $7, %cl; jnz 1b; add %rcx, %rbx; jmp 1b\n");

/* Due again at once, long before the handler returns. */
GUEST_CODE(start_timer, "mov $1000, %ebp\n" APIC_ON APIC_PERIODIC(500) "sti\n");
GUEST_CODE(timer, PROGRAM_NOTE(0) APIC_EOI PROGRAM_RETURN);

/* The handler lets itself be interrupted, by the upper vector alone. */
GUEST_CODE(start_nested, "mov $300, %ebp\n" APIC_ON APIC_PERIODIC(5000) "sti\n");
GUEST_CODE(nested,
	   PROGRAM_NOTE(0)
	   "sti\n"
	   "push %rcx; mov $500, %ecx; 1: dec %ecx; jnz 1b; pop %rcx\n"
	   "cli\n" APIC_EOI PROGRAM_RETURN);
GUEST_CODE(upper, PROGRAM_NOTE(0) "inc %r14\n" APIC_EOI "iretq\n");

/* Events back to back: each landmark brings both vectors. */
static void on_landmark(struct replay *r, const struct kvm_ft_data *event)
{
	if (!event)
		replay_event(r, 7, NULL, 0);
	guest_interrupt(&r->guest, PROGRAM_VECTOR);
	guest_interrupt(&r->guest, UPPER_VECTOR);
}

static void set_up(struct replay *r)
{
	program_load(&r->guest, r->context);
	guest_put(&r->guest, UPPER_HANDLER, guest_code_of(upper));
	guest_set_handler(&r->guest, UPPER_VECTOR, UPPER_HANDLER);
}

TEST(timer_that_never_rests)
{
	struct program p = {
		guest_code_of(start_timer), guest_code_of(loop), guest_code_of(timer),
	};
	struct replay r = {};

	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(1000, r.status.entries);
}

TEST(handlers_interrupted)
{
	struct program p = {
		guest_code_of(start_nested), guest_code_of(loop), guest_code_of(nested),
	};
	struct replay r = {
		.set_up = set_up, .on_landmark = on_landmark, .meanwhile = replay_kick,
		.every_us = 5,
	};

	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(environment_amount(50), r.machine.regs.r14);
}

REPLAY_KEEP_HOOKS
TEST_HARNESS_MAIN
