// SPDX-License-Identifier: GPL-2.0-only
/*
 * NMIs: of the guest's own making and of the VMM's, and such that wait for the end of
 * an NMI's handler.  For the latter KVM intercepts IRET and steps over it, with TF and RF.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <err.h>
#include <sys/ioctl.h>

#include "environment.h"
#include "kselftest_harness.h"
#include "program.h"

#define NMI_VECTOR	2
#define NMI_HANDLER	0x22000
#define ROUNDS		600

/* To the APIC with number 0, which is the guest's only one. */
#define SEND_NMI	"movl $0x4400, 0x300(%r15)\n"

GUEST_CODE(start, APIC_ON "movl $0, 0x310(%r15)\n" APIC_PERIODIC(20000)
	   "mov 0x7f000, %ebp; sti\n");

GUEST_CODE(calm, "1: inc %rcx; test $15, %cl; jnz 1b; add %rcx, %rbx; jmp 1b\n");

/* Some of them within an interrupt's handler, see below. */
GUEST_CODE(sender, "1: " SEND_NMI
	   "mov $37, %ecx; 2: lea 3(%rbx,%rcx), %rbx; loop 2b; jmp 1b\n");

GUEST_CODE(timer, PROGRAM_NOTE(0) "testb $1, %bpl; jz 2f\n" SEND_NMI "2:\n"
	   APIC_EOI PROGRAM_RETURN);

/* Three times of four another one has to wait for the end of this one. */
GUEST_CODE(nmi,
	   "push %rax; mov 8(%rsp), %rax; add %rax, %r13; pop %rax\n"
	   "inc %r14; testb $3, %r14b; jz 1f\n" SEND_NMI
	   "1: push %rcx; mov $9, %ecx; 2: dec %ecx; jnz 2b; pop %rcx\n"
	   "iretq\n");

static void set_up(struct replay *r)
{
	uint32_t rounds = environment_amount(ROUNDS);

	program_load(&r->guest, r->context);
	guest_put(&r->guest, NMI_HANDLER, guest_code_of(nmi));
	guest_set_handler(&r->guest, NMI_VECTOR, NMI_HANDLER);
	guest_load(&r->guest, 0x7f000, &rounds, sizeof(rounds));
}

static void on_landmark(struct replay *r, const struct kvm_ft_data *event)
{
	if (!event)
		replay_event(r, 7, NULL, 0);
	if (ioctl(r->guest.vcpu, KVM_NMI))
		err(1, "KVM_NMI");
}

static void nothing(struct replay *r, const struct kvm_ft_data *event)
{
	if (!event)
		replay_event(r, 8, NULL, 0);
}

static void check(struct __test_metadata *_metadata, struct guest_code loop,
		  void (*at_landmark)(struct replay *r, const struct kvm_ft_data *event))
{
	const struct program p = { guest_code_of(start), loop, guest_code_of(timer) };
	struct replay r = {
		.set_up = set_up, .on_landmark = at_landmark, .meanwhile = replay_kick,
		.every_us = 5,
	};

	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(environment_amount(ROUNDS), r.machine.regs.r14);
	EXPECT_LE(environment_amount(200), r.status.entries);
}

TEST(sent_by_the_guest)
{
	check(_metadata, guest_code_of(sender), nothing);
}

TEST(sent_by_the_vmm)
{
	check(_metadata, guest_code_of(calm), on_landmark);
}

TEST(sent_by_both)
{
	check(_metadata, guest_code_of(sender), on_landmark);
}

REPLAY_KEEP_HOOKS
TEST_HARNESS_MAIN
