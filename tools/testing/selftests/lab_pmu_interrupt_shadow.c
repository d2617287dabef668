// SPDX-License-Identifier: GPL-2.0-only
/*
 * An interrupt that waits for STI is taken behind the instruction after it,
 * wherever the host interrupts the guest: between the two as well.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-paging: nested strict
 */
#include <unistd.h>

#include "apic.h"
#include "counter.h"
#include "environment.h"
#include "guest.h"
#include "kselftest_harness.h"

#define ROUNDS	5000
#define HANDLER	0x20000
#define PERIOD	101	/* instructions; comes by each place of the loop */

/* RBP rounds; RBX counts the interrupts that came anywhere else than at R14. */
GUEST_CODE(rounds,
	   "mov $0xfee00000, %r15d\n"
	   APIC_ON
	   "xor %ebx, %ebx\n"
	   "lea 2f(%rip), %r14\n"
	   "1: cli\n"
	   "movl $0x40040, 0x300(%r15)\n"	/* vector 0x40 to itself */
	   "nop; nop; nop\n"
	   "sti\n"
	   "inc %rcx\n"
	   "2: inc %rdx\n"
	   "nop; nop; nop\n"
	   "dec %ebp\n"
	   "jnz 1b\n"
	   "out %al, $0x10\n");

GUEST_CODE(handler,
	   "cmp %r14, (%rsp)\n"
	   "je 1f\n"
	   "inc %rbx\n"
	   "1:" APIC_EOI
	   "iretq\n");

FIXTURE(shadow) {
	struct guest g;
	uint64_t undisturbed;
};

/* Runs all rounds; returns the instructions it took. */
static uint64_t run(struct guest *g)
{
	int counter = counter_open();
	struct kvm_regs regs = guest_regs(g);
	uint64_t count;

	regs.rip = GUEST_ENTRY;
	regs.rbp = environment_amount(ROUNDS);
	guest_set_regs(g, &regs);
	guest_run_to_out(g, 0x10);
	count = counter_read(counter);
	close(counter);
	return count;
}

FIXTURE_SETUP(shadow)
{
	guest_create_irqchip(&self->g, 4 << 20);
	guest_load_code(&self->g, rounds);
	guest_put(&self->g, HANDLER, guest_code_of(handler));
	guest_set_handler(&self->g, APIC_TIMER_VECTOR, HANDLER);
	self->undisturbed = run(&self->g);
	ASSERT_EQ(0, guest_regs(&self->g).rbx);
}

FIXTURE_TEARDOWN(shadow)
{
	guest_destroy(&self->g);
}

TEST_F(shadow, outlasts_host_interrupts)
{
	uint64_t before = lab_pmu_get("shadows");
	struct sampler s;

	sampler_open(&s, PERIOD);
	EXPECT_EQ(self->undisturbed, run(&self->g));
	sampler_close(&s);
	EXPECT_EQ(0, guest_regs(&self->g).rbx);
	/* Otherwise none of the host's interrupts came between the two. */
	EXPECT_LT(before + environment_amount(10), lab_pmu_get("shadows"));
}

TEST_HARNESS_MAIN
