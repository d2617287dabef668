// SPDX-License-Identifier: GPL-2.0-only
/*
 * Values of the VMM (KVM_FT_VALUE): what it answers the guest's port reads with
 * comes again on replay, to single and string instructions.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include "environment.h"
#include "kselftest_harness.h"
#include "program.h"
#include "random.h"

/* Below 0xf0, of no device of KVM's. */
#define PORT_VALUE	0x50
#define TAG		5

/* Of the guest's timer; unless the host is slow as many values are read meanwhile. */
#define INTERRUPTS	30
#define FEW_ENTRIES	(INTERRUPTS + environment_amount(INTERRUPTS))

GUEST_CODE(start, "mov $30, %ebp\n" APIC_ON APIC_PERIODIC(100000) "sti\n");
GUEST_CODE(timer, PROGRAM_NOTE(0) APIC_EOI PROGRAM_RETURN);
GUEST_CODE(single, "1: in $0x50, %eax; add %rax, %rbx; rol $1, %rbx; jmp 1b\n");
GUEST_CODE(string,
	   "1: mov $0x200000, %edi; mov $0x50, %edx; mov $300, %ecx; rep insw\n"
	   "add 0x200010, %rbx\n"
	   "mov $0x200000, %esi; mov $0x51, %edx; mov $8, %ecx; rep outsb\n"
	   "jmp 1b\n");

static uint64_t random_state = 1;

static uint8_t *port_data(struct kvm_run *run, uint32_t *size)
{
	*size = run->io.count * run->io.size;
	return (uint8_t *)run + run->io.data_offset;
}

static void answer(struct replay *r)
{
	struct kvm_run *run = r->guest.run;
	uint32_t size, i;
	uint8_t *data = port_data(run, &size);

	if (run->exit_reason != KVM_EXIT_IO || run->io.direction != KVM_EXIT_IO_IN)
		return;
	for (i = 0; i < size; i++)
		data[i] = r->role == KVM_FT_RECORD ? random_next(&random_state) : 0;
	replay_value(r, TAG, data, size);
}

TEST(single_reads)
{
	struct program p = { guest_code_of(start), guest_code_of(single), guest_code_of(timer) };
	struct replay r = { .on_exit = answer };

	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(FEW_ENTRIES, r.status.entries);
}

TEST(string_reads_and_writes)
{
	struct program p = { guest_code_of(start), guest_code_of(string), guest_code_of(timer) };
	struct replay r = { .on_exit = answer };

	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(FEW_ENTRIES, r.status.entries);
}

/* The two sides of another VMM: the replaying one wants something else. */
static uint32_t replay_tag, replay_size;
static int replay_error;

static void answer_otherwise(struct replay *r)
{
	uint64_t bytes = 0x1234;
	struct kvm_ft_data data = { .tag = TAG, .size = 4, .data = (unsigned long)&bytes };

	if (r->role == KVM_FT_REPLAY) {
		data.tag = replay_tag;
		data.size = replay_size;
	}
	replay_error = ioctl(r->session, KVM_FT_VALUE, &data) ? errno : 0;
}

static void set_up_read(struct replay *r)
{
	static const uint8_t code[] = { 0xe5, PORT_VALUE, 0xe6, PORT_DONE };

	guest_load(&r->guest, GUEST_ENTRY, code, sizeof(code));
}

static void check_otherwise(struct __test_metadata *_metadata, uint32_t tag, uint32_t size,
			    int error)
{
	struct replay r = {
		.mem_size = 4 << 20, .set_up = set_up_read, .on_exit = answer_otherwise,
	};

	replay_tag = tag;
	replay_size = size;
	replay_record(&r);
	EXPECT_EQ(0, replay_error);
	EXPECT_EQ(error ? KVM_FT_EXIT_DIVERGED : KVM_FT_EXIT_END, replay_replay(&r));
	EXPECT_EQ(error, replay_error);
	EXPECT_EQ(error ? KVM_FT_STATE_DIVERGED : KVM_FT_STATE_STOPPED, r.status.state);
	replay_release(&r);
}

TEST(same_tag_and_size)
{
	check_otherwise(_metadata, TAG, 4, 0);
}

TEST(another_tag_diverges)
{
	check_otherwise(_metadata, TAG + 1, 4, EILSEQ);
}

TEST(another_size_diverges)
{
	check_otherwise(_metadata, TAG, 8, EILSEQ);
}

REPLAY_KEEP_HOOKS
TEST_HARNESS_MAIN
