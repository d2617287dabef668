// SPDX-License-Identifier: GPL-2.0-only
/*
 * A replay that diverges says what differs, and has the registers of both sides;
 * however far the guest goes astray, it is found.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <err.h>
#include <string.h>

#include "kselftest_harness.h"
#include "replay.h"

#define R13	13	/* in kvm_ft_position.regs */
#define RIP	16

#define KIND_EXIT	16	/* Documentation/replay-log.rst */

GUEST_CODE(program,
	   "mov $10, %ebx\n"
	   "1: rdtsc\n"
	   "dec %ebx\n"
	   "jnz 1b\n"
	   "out %al, $0x10\n");
#define BEHIND_RDTSC	7

/* On the replay's side one register is another from the start. */
static void set_up(struct replay *r)
{
	const uint64_t *value = r->context;
	struct kvm_regs regs;

	guest_load_code(&r->guest, program);
	if (r->role != KVM_FT_REPLAY)
		return;
	regs = guest_regs(&r->guest);
	regs.r13 = *value;
	guest_set_regs(&r->guest, &regs);
}

TEST(register_is_named_at_the_first_entry)
{
	uint64_t value = 0x1234;
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up, .context = &value };
	const struct kvm_ft_status *st = &r.status;

	replay_record(&r);
	EXPECT_EQ(KVM_FT_EXIT_DIVERGED, replay_replay(&r));
	EXPECT_EQ(KVM_FT_STATE_DIVERGED, st->state);
	EXPECT_STREQ("registers", st->what);
	EXPECT_EQ(0, st->entries);
	EXPECT_EQ(1U << R13, st->differs);
	EXPECT_EQ(1, st->logged.has_regs);
	EXPECT_EQ(1, st->found.has_regs);
	EXPECT_EQ(0, st->logged.regs[R13]);
	EXPECT_EQ(0x1234, st->found.regs[R13]);
	EXPECT_EQ(st->found.rip, st->found.regs[RIP]);
	EXPECT_EQ(st->logged.rip, st->logged.regs[RIP]);
	replay_release(&r);
}

static void other_code(struct replay *r)
{
	guest_load_code(&r->guest, program);
	if (r->role == KVM_FT_REPLAY)
		r->guest.mem[GUEST_ENTRY + 1] = 9;	/* rounds */
}

/* One round less: the registers differ from the start, and so it is said. */
TEST(counter_in_a_register_is_found)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = other_code };
	const struct kvm_ft_status *st = &r.status;

	replay_record(&r);
	EXPECT_EQ(KVM_FT_EXIT_DIVERGED, replay_replay(&r));
	EXPECT_STREQ("registers", st->what);
	EXPECT_EQ(1U << 1, st->differs);	/* RBX */
	EXPECT_EQ(10, st->logged.regs[1]);
	EXPECT_EQ(9, st->found.regs[1]);
	replay_release(&r);
}

/* On the replay's side other code is behind the first RDTSC. */
static void set_up_astray(struct replay *r)
{
	guest_load_code(&r->guest, program);
	if (r->role == KVM_FT_REPLAY)
		memcpy(r->guest.mem + GUEST_ENTRY + BEHIND_RDTSC, r->context, 2);
}

TEST(endless_loop_is_found)
{
	static uint8_t jump_to_itself[] = { 0xeb, 0xfe };
	struct replay r = {
		.mem_size = 4 << 20, .set_up = set_up_astray, .context = jump_to_itself,
	};

	replay_record(&r);
	EXPECT_EQ(KVM_FT_EXIT_DIVERGED, replay_replay(&r));
	EXPECT_STREQ("the guest passed the landmark", r.status.what);
	EXPECT_EQ(1, r.status.entries);
	replay_release(&r);
}

TEST(crash_is_found)
{
	static uint8_t undefined[] = { 0x0f, 0x0b };
	struct replay r = {
		.mem_size = 4 << 20, .set_up = set_up_astray, .context = undefined,
	};

	replay_record(&r);
	EXPECT_EQ(KVM_FT_EXIT_DIVERGED, replay_replay(&r));
	EXPECT_STREQ("kind of exit", r.status.what);
	EXPECT_EQ(1, r.status.entries);
	EXPECT_EQ(KIND_EXIT, r.status.found.kind);
	replay_release(&r);
}

/* Without an IDT it shuts down the first time, as a guest does to reboot. */
GUEST_CODE(reboots,
	   "incl 0x100000\n"
	   "cmpl $1, 0x100000; jne 1f; ud2\n"
	   "1: rdtsc; out %al, $0x10\n");

static void set_up_reboots(struct replay *r)
{
	guest_load_code(&r->guest, reboots);
}

static void reboot(struct replay *r)
{
	if (r->guest.run->exit_reason != KVM_EXIT_SHUTDOWN)
		errx(1, "exit reason %u", r->guest.run->exit_reason);
	guest_reset(&r->guest);
}

TEST(shutdown_is_replayed)
{
	struct replay r = {
		.mem_size = 4 << 20, .set_up = set_up_reboots, .on_exit = reboot,
	};
	const char *difference = replay_check(&r);

	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
	/* The shutdown, the RDTSC, the stop. */
	EXPECT_EQ(3, r.status.entries);
}

TEST_HARNESS_MAIN
