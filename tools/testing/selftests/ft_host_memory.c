// SPDX-License-Identifier: GPL-2.0-only
/*
 * The host's mappings of guest RAM: present on one side only, dropped over and
 * over, write-protected to log dirty pages.  The guest must not notice, whatever
 * a page is used for: data, code, stack, IDT, page tables.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <err.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "kselftest_harness.h"
#include "environment.h"
#include "program.h"

GUEST_CODE(start, "mov $100, %ebp\n" APIC_ON APIC_PERIODIC(50000) "sti\n");
GUEST_CODE(timer, PROGRAM_NOTE(0) APIC_EOI PROGRAM_RETURN);

/* Reads, changes and copies pages, one after another. */
GUEST_CODE(loop,
	   "1: mov $0x200000, %esi\n"
	   "2: inc %rcx; add %rcx, (%rsi); mov (%rsi), %rax; mov %rax, 0x100000(%rsi)\n"
	   "add $0x1040, %esi; cmp $0x2f0000, %esi; jb 2b\n"
	   "jmp 1b\n");

#define PAGE	4096

/* How often something was done to the mappings. */
static unsigned int disturbed;

static void check(struct __test_metadata *_metadata, struct replay r)
{
	struct program p = { guest_code_of(start), guest_code_of(loop), guest_code_of(timer) };

	/* It takes the guest about half of that to have all its pages again. */
	r.every_us = 2000;
	disturbed = 0;
	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(100, r.status.entries);
	if (r.meanwhile)
		EXPECT_LE(4, disturbed);
}

static void set_dirty_logging(struct replay *r, uint32_t flags)
{
	struct kvm_userspace_memory_region region = {
		.flags = flags, .memory_size = r->mem_size,
		.userspace_addr = (unsigned long)r->guest.mem,
	};

	if (ioctl(r->guest.vm, KVM_SET_USER_MEMORY_REGION, &region))
		err(1, "KVM_SET_USER_MEMORY_REGION");
}

static void toggle_dirty_logging(struct replay *r)
{
	set_dirty_logging(r, KVM_MEM_LOG_DIRTY_PAGES);
	usleep(r->every_us);
	set_dirty_logging(r, 0);
	disturbed++;
}

/* Where it takes the guest too long to have all of it again, a part: of what, differs. */
static void zap(struct replay *r)
{
	size_t size = environment_amount(r->mem_size / PAGE) * PAGE;
	size_t offset = 7 * disturbed * size % r->mem_size;

	if (offset + size > r->mem_size)
		offset = r->mem_size - size;
	if (madvise(r->guest.mem + offset, size, MADV_DONTNEED))
		err(1, "dropping mappings of guest RAM");
	disturbed++;
}

static void log_dirty_when_recording(struct replay *r)
{
	if (r->role == KVM_FT_RECORD)
		toggle_dirty_logging(r);
}

static void log_dirty_when_replaying(struct replay *r)
{
	if (r->role == KVM_FT_REPLAY)
		toggle_dirty_logging(r);
}

static void zap_when_recording(struct replay *r)
{
	if (r->role == KVM_FT_RECORD)
		zap(r);
}

static void zap_when_replaying(struct replay *r)
{
	if (r->role == KVM_FT_REPLAY)
		zap(r);
}

TEST(warm_recorded_cold_replayed)
{
	check(_metadata, (struct replay){ .warm_record = 1 });
}

TEST(cold_recorded_warm_replayed)
{
	check(_metadata, (struct replay){ .warm_replay = 1 });
}

TEST(dropped_when_recording)
{
	check(_metadata, (struct replay){ .meanwhile = zap_when_recording });
}

TEST(dropped_when_replaying)
{
	check(_metadata, (struct replay){ .meanwhile = zap_when_replaying });
}

TEST(dirty_logging_when_recording)
{
	check(_metadata, (struct replay){ .meanwhile = log_dirty_when_recording });
}

TEST(dirty_logging_when_replaying)
{
	check(_metadata, (struct replay){ .meanwhile = log_dirty_when_replaying });
}

REPLAY_KEEP_HOOKS
TEST_HARNESS_MAIN
