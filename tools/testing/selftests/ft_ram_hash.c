// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hashes of RAM: the same on replay; a bit that differs on the replay's side is
 * found at the next hash that covers it, by its range; memory that cannot be
 * read ends the session, not more.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "counter.h"
#include "kselftest_harness.h"
#include "replay.h"

#define PAGE		4096UL
#define MIB		0x100000UL
#define PIECE		(16 * MIB)	/* of one hash */
#define LOOPS		400000UL	/* of 4 instructions */
#define INTERVAL	200000UL
/* An overflow is exact here; a landmark may take a few instructions more. */
#define SLACK		20000UL

/* Writes all over the second MiB. */
GUEST_CODE(writer,
	   "mov $400000, %ecx\n"
	   "1: mov %ecx, %eax\n"
	   "and $0xffff8, %eax\n"
	   "add %rcx, 0x100000(%rax)\n"
	   "loop 1b\n"
	   "out %al, $0x10\n");

/**
 * struct damage - what is wrong on the replay's side
 * @address: guest-physical; 0 for nothing
 * @unmapped: the page is not there, instead of one bit flipped
 */
struct damage {
	uint64_t address;
	int unmapped;
};

static void set_up(struct replay *r)
{
	const struct damage *d = r->context;

	guest_load_code(&r->guest, writer);
	if (r->role != KVM_FT_REPLAY || !d->address)
		return;
	if (d->unmapped)
		munmap(r->guest.mem + (d->address & ~(PAGE - 1)), PAGE);
	else
		r->guest.mem[d->address] ^= 0x10;
}

static uint32_t run(struct replay *r, size_t size, uint64_t interval, struct damage *d)
{
	*r = (struct replay){
		.mem_size = size, .set_up = set_up, .context = d,
		.ram_hash_interval = interval, .may_fail = 1,
	};
	replay_record(r);
	return replay_replay(r);
}

FIXTURE(ram_hash) {
	struct replay r;
	struct damage d;
};

FIXTURE_SETUP(ram_hash)
{
	replay_set_skid(0);
}

FIXTURE_TEARDOWN(ram_hash)
{
	replay_release(&self->r);
	replay_set_skid(-1);
}

TEST_F(ram_hash, same_on_replay)
{
	struct replay *r = &self->r;

	ASSERT_EQ(KVM_FT_EXIT_END, run(r, 4 * MIB, INTERVAL, &self->d))
		TH_LOG("%s", r->status.what);
	EXPECT_EQ(NULL, replay_difference(r));
	/* One for each interval, one at the end, and the stop. */
	EXPECT_LE(4 * LOOPS / (INTERVAL + SLACK) + 2, r->status.entries);
	EXPECT_GE(4 * LOOPS / INTERVAL + 2, r->status.entries);
}

static void expect_found(struct __test_metadata *_metadata, const struct kvm_ft_status *st,
			 uint64_t address)
{
	uint64_t gfn = address / PAGE;

	EXPECT_EQ(KVM_FT_STATE_DIVERGED, st->state);
	EXPECT_STREQ("RAM hash", st->what);
	EXPECT_LE(st->logged.gfn, gfn);
	EXPECT_GT(st->logged.gfn + st->logged.npages, gfn);
	EXPECT_NE(st->logged.value, st->found.value);
	EXPECT_EQ(0, st->differs);
}

TEST_F(ram_hash, bit_is_found_at_the_first)
{
	struct replay *r = &self->r;

	self->d.address = 3 * MIB + 5;
	ASSERT_EQ(KVM_FT_EXIT_DIVERGED, run(r, 4 * MIB, INTERVAL, &self->d));
	expect_found(_metadata, &r->status, self->d.address);
	EXPECT_GE(INTERVAL + SLACK, r->status.logged.progress);
	EXPECT_EQ(0, r->status.entries);
}

TEST_F(ram_hash, bit_is_found_when_its_turn_comes)
{
	struct replay *r = &self->r;

	self->d.address = PIECE + 3 * MIB;
	ASSERT_EQ(KVM_FT_EXIT_DIVERGED, run(r, PIECE + 4 * MIB, INTERVAL, &self->d));
	expect_found(_metadata, &r->status, self->d.address);
	EXPECT_EQ(PIECE / PAGE, r->status.logged.gfn);
	EXPECT_EQ(4 * MIB / PAGE, r->status.logged.npages);
	EXPECT_EQ(1, r->status.entries);
}

TEST_F(ram_hash, bit_is_found_at_the_end)
{
	struct replay *r = &self->r;

	self->d.address = 4 * MIB - 1;
	ASSERT_EQ(KVM_FT_EXIT_DIVERGED, run(r, 4 * MIB, KVM_FT_INTERVAL_MAX, &self->d));
	expect_found(_metadata, &r->status, self->d.address);
}

TEST_F(ram_hash, unmapped_memory_fails_the_session)
{
	struct replay *r = &self->r;

	self->d.address = 3 * MIB;
	self->d.unmapped = 1;
	EXPECT_EQ(0, run(r, 4 * MIB, INTERVAL, &self->d));
	EXPECT_EQ(KVM_FT_STATE_FAILED, r->status.state);
	EXPECT_EQ(EFAULT, r->status.error);
	EXPECT_STREQ("cannot read guest RAM", r->status.what);
}

static int start_error(int session, struct kvm_ft_start start)
{
	return ioctl(session, KVM_FT_START, &start) ? errno : 0;
}

TEST(intervals_out_of_range_are_refused)
{
	int dev = open("/dev/kvm-ft", O_RDWR), session, log = memfd_create("log", 0);
	struct kvm_ft_log set = { .fd = log };
	struct kvm_ft_create create = { .name = "test", .lab_pmu = counter_attr().type };
	struct kvm_ft_start start = { .role = KVM_FT_RECORD };
	struct guest g;

	guest_create_irqchip(&g, 4 * MIB);
	create.vm_fd = g.vm;
	create.vcpu_fd = g.vcpu;
	session = ioctl(dev, KVM_FT_CREATE, &create);
	ASSERT_LE(0, session);
	ASSERT_EQ(0, ioctl(session, KVM_FT_SET_LOG, &set));

	start.ram_hash_interval = KVM_FT_INTERVAL_MIN;	/* but no checking */
	EXPECT_EQ(EINVAL, start_error(session, start));
	start.flags = KVM_FT_START_CHECKING;
	start.ram_hash_interval = KVM_FT_INTERVAL_MIN - 1;
	EXPECT_EQ(EINVAL, start_error(session, start));
	start.ram_hash_interval = KVM_FT_INTERVAL_MAX + 1;
	EXPECT_EQ(EINVAL, start_error(session, start));
	start.ram_hash_interval = 0;
	start.mark_interval = KVM_FT_INTERVAL_MIN - 1;
	EXPECT_EQ(EINVAL, start_error(session, start));
	start.role = KVM_FT_REPLAY;
	start.flags = 0;
	start.mark_interval = KVM_FT_INTERVAL_MIN;
	EXPECT_EQ(EINVAL, start_error(session, start));

	close(session);
	close(log);
	close(dev);
	guest_destroy(&g);
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
