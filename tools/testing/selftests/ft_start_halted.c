// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that is halted when recording begins, as one is that runs already and is
 * idle: what the VMM raises wakes it, on both sides.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <err.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "program.h"
#include "replay.h"

#define EVENTS		5
#define APIC_SPURIOUS	0xf0
#define APIC_IS_ON	0x1ff
#define RFLAGS_IF	0x200

/* Where it goes on behind the HLT that it is said to have executed. */
GUEST_CODE(woken, "mov %ebp, (%r12); add $8, %r12\n");
GUEST_CODE(again, "1: sti; hlt; cli; jmp 1b\n");
GUEST_CODE(handler, PROGRAM_NOTE(0) APIC_EOI PROGRAM_RETURN);

static void switch_apic_on(struct guest *g)
{
	const uint32_t on = APIC_IS_ON;
	struct kvm_lapic_state apic;

	if (ioctl(g->vcpu, KVM_GET_LAPIC, &apic))
		err(1, "KVM_GET_LAPIC");
	memcpy(apic.regs + APIC_SPURIOUS, &on, sizeof(on));
	if (ioctl(g->vcpu, KVM_SET_LAPIC, &apic))
		err(1, "KVM_SET_LAPIC");
}

static void halt(struct replay *r)
{
	struct kvm_mp_state state = { .mp_state = KVM_MP_STATE_HALTED };
	struct kvm_regs regs;

	program_load(&r->guest, r->context);
	switch_apic_on(&r->guest);
	regs = guest_regs(&r->guest);
	regs.rflags |= RFLAGS_IF;
	regs.rbp = EVENTS;
	guest_set_regs(&r->guest, &regs);
	if (ioctl(r->guest.vcpu, KVM_SET_MP_STATE, &state))
		err(1, "KVM_SET_MP_STATE");
}

static void on_landmark(struct replay *r, const struct kvm_ft_data *event)
{
	if (!event)
		replay_event(r, 0, NULL, 0);
	guest_interrupt(&r->guest, PROGRAM_VECTOR);
}

REPLAY_KEEP_HOOKS

TEST(ft_start_halted)
{
	const struct program p = {
		guest_code_of(woken), guest_code_of(again), guest_code_of(handler),
	};
	struct replay r = {
		.set_up = halt,
		.on_landmark = on_landmark,
		.meanwhile = replay_kick,
		.every_us = 1000,
		.seed = 1,
	};

	EXPECT_EQ(1, program_check(&p, &r));
}

TEST_HARNESS_MAIN
