// SPDX-License-Identifier: GPL-2.0-only
/*
 * Landmarks around the place where a guest that has an interrupt waiting lets it
 * come: where the guest would take it, nothing else can be delivered.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include "counter.h"
#include "environment.h"
#include "kselftest_harness.h"
#include "program.h"

/* Has the host interrupt the guest at each place of the loops in turn. */
#define PERIOD	101

#define ROUNDS	3000

GUEST_CODE(start, APIC_ON "mov 0x7f000, %ebp\n");
#define SELF_IPI "movl $0x40040, 0x300(%r15)\n"

GUEST_CODE(opened_by_sti,
	   "1: cli\n" SELF_IPI "nop; nop\n"
	   "sti; inc %rcx; inc %rdx; nop; jmp 1b\n");

GUEST_CODE(opened_by_popf,
	   "pushfq; pop %rax; bts $9, %rax\n"
	   "1: cli\n" SELF_IPI "nop; nop\n"
	   "push %rax; popfq; inc %rcx; inc %rdx; nop; jmp 1b\n");

GUEST_CODE(handler, APIC_EOI PROGRAM_RETURN);

static void set_up(struct replay *r)
{
	uint32_t rounds = environment_amount(ROUNDS);

	program_load(&r->guest, r->context);
	guest_load(&r->guest, 0x7f000, &rounds, sizeof(rounds));
}

/* It changes nothing: that it has its place is what counts. */
static void on_landmark(struct replay *r, const struct kvm_ft_data *event)
{
	if (!event)
		replay_event(r, 7, NULL, 0);
}

static void check(struct __test_metadata *_metadata, struct guest_code loop)
{
	const struct program p = { guest_code_of(start), loop, guest_code_of(handler) };
	struct replay r = {
		.set_up = set_up, .on_landmark = on_landmark, .meanwhile = replay_kick,
		.every_us = 5,
	};
	struct sampler s;

	sampler_open(&s, PERIOD);
	EXPECT_EQ(1, program_check(&p, &r));
	sampler_close(&s);
	EXPECT_LE(environment_amount(100), r.status.entries);
}

TEST(opened_by_sti)
{
	check(_metadata, guest_code_of(opened_by_sti));
}

TEST(opened_by_popf)
{
	check(_metadata, guest_code_of(opened_by_popf));
}

REPLAY_KEEP_HOOKS
TEST_HARNESS_MAIN
