// SPDX-License-Identifier: GPL-2.0-only
/*
 * A replay of the first entries of a log only: the guest stands behind the last one
 * of them, as it did when that was recorded.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "replay.h"
#include "session.h"

#define ROUNDS	1000

/* One entry a round; what it returned is stored in the round that follows. */
GUEST_CODE(loop,
	   "mov $0x100000, %edi; mov $1000, %ebx\n"
	   "1: stosl; rdtsc; inc %r8; dec %ebx; jnz 1b\n"
	   "out %al, $0x10\n");

static void set_up(struct replay *r)
{
	guest_load_code(&r->guest, loop);
}

REPLAY_KEEP_HOOKS

TEST(stops_behind_an_entry)
{
	static const uint64_t stops[] = { 1, 2, 500, ROUNDS - 1 };
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up };
	const uint32_t *recorded, *replayed;
	unsigned int i;

	replay_record(&r);
	recorded = (const uint32_t *)(r.ram + GUEST_DATA);
	for (i = 0; i < ARRAY_SIZE(stops); i++) {
		r.until = stops[i];
		EXPECT_EQ(KVM_FT_EXIT_END, replay_replay(&r));
		EXPECT_EQ(stops[i], r.status.entries);
		EXPECT_EQ(KVM_FT_END_UNTIL, r.status.log_end);
		EXPECT_EQ(stops[i] - 1, guest_regs(&r.guest).r8);
		EXPECT_EQ(recorded[stops[i]], (uint32_t)guest_regs(&r.guest).rax);
		replayed = (const uint32_t *)(r.guest.mem + GUEST_DATA);
		EXPECT_EQ(recorded[stops[i] - 1], replayed[stops[i] - 1]);
		EXPECT_EQ(0, replayed[stops[i]]);
	}
	replay_release(&r);
}

TEST(longer_than_the_log)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up, .until = 10 * ROUNDS };

	EXPECT_EQ(NULL, replay_check(&r));
	EXPECT_EQ(KVM_FT_END_COMPLETE, r.status.log_end);
}

TEST(is_for_replay)
{
	struct kvm_ft_start start = { .role = KVM_FT_RECORD, .until = 1 };
	struct kvm_ft_log log = { .fd = temporary_file() };
	struct guest g;
	int session;

	guest_create_irqchip(&g, 4 << 20);
	session = session_create(&g, "until");
	ASSERT_EQ(0, ioctl(session, KVM_FT_SET_LOG, &log));
	EXPECT_EQ(-1, ioctl(session, KVM_FT_START, &start));
	EXPECT_EQ(EINVAL, errno);
	close(session);
	close(log.fd);
	guest_destroy(&g);
}

TEST_HARNESS_MAIN
