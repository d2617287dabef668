// SPDX-License-Identifier: GPL-2.0-only
/*
 * RDTSC, RDTSCP and the TSC's MSR return on replay what they returned when
 * recorded.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <err.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "replay.h"

/* Stores each value, 8 bytes, from GUEST_DATA on. */
#define STORE	"shl $32, %rdx; or %rdx, %rax; stosq\n"

GUEST_CODE(loop,
	   "mov $0x100000, %edi\n"
	   "mov $3000, %ebx\n"
	   "1: rdtsc\n" STORE
	   "mov $-1, %rcx\n"
	   "rdtscp\n" STORE
	   "add %rcx, %r14\n"
	   "mov $0x10, %ecx\n"
	   "rdmsr\n" STORE
	   "dec %ebx\n"
	   "jnz 1b\n"
	   "out %al, $0x10\n");

#define LOOPS	3000
#define AUX	0x1234

static void set_up(struct replay *r)
{
	struct {
		struct kvm_msrs head;
		struct kvm_msr_entry entry;
	} msrs = {
		.head.nmsrs = 1,
		.entry = { .index = 0xc0000103, .data = AUX },	/* TSC_AUX */
	};

	if (ioctl(r->guest.vcpu, KVM_SET_MSRS, &msrs) != 1)
		err(1, "KVM_SET_MSRS");
	guest_load_code(&r->guest, loop);
}

TEST(values_are_replayed)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up };
	const char *difference = replay_check(&r);

	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
	/* One entry each, and the stop. */
	EXPECT_EQ(3 * LOOPS + 1, r.status.entries);
	/* RDTSCP returns TSC_AUX, too. */
	EXPECT_EQ((uint64_t)LOOPS * AUX, r.machine.regs.r14);
}

/* With plain KVM_RUN: nothing of the session may be left in the vCPU. */
static void run_on(struct replay *r)
{
	struct kvm_regs regs = guest_regs(&r->guest);

	regs.rip = GUEST_ENTRY;
	guest_set_regs(&r->guest, &regs);
	guest_run_to_out(&r->guest, PORT_DONE);
}

TEST(vm_runs_on_after_stop)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up, .after_record = run_on };

	EXPECT_EQ(NULL, replay_check(&r));
}

/*
 * Code at 1 GiB that only the second page tables map: with nested paging KVM is not
 * told when the guest changes CR3, and has to read this code to skip the RDTSC.
 */
#define TABLES		0x300000	/* PML4, then the PDPT */
#define DIRECTORY	0x302000

GUEST_CODE(change_tables,
	   "mov $0x300000, %r9d; mov %cr3, %r8; mov $0x40000000, %r10d\n"
	   "mov $1000, %ebx\n"
	   "1: mov %r9, %cr3; call *%r10; mov %r8, %cr3\n"
	   "rdtsc; add %rax, %r14\n"
	   "dec %ebx; jnz 1b\n"
	   "out %al, $0x10\n");
GUEST_CODE(elsewhere, "rdtsc; xor %rax, %r14; mov $20, %eax; 1: dec %eax; jnz 1b; rdtscp; ret\n");

static void set_up_tables(struct replay *r)
{
	uint64_t *first = (uint64_t *)(r->guest.mem + GUEST_PAGE_TABLES);
	uint64_t *second = (uint64_t *)(r->guest.mem + TABLES);
	uint64_t *directory = (uint64_t *)(r->guest.mem + DIRECTORY);

	guest_load_code(&r->guest, change_tables);
	guest_put(&r->guest, 0x200000, guest_code_of(elsewhere));
	memcpy(second, first, 0x2000);
	second[0] = (TABLES + 0x1000) | 3;
	second[513] = DIRECTORY | 3;
	directory[0] = 0x200000 | 0x83;
	first[513] = 0;
}

TEST(page_tables_change)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up_tables };
	const char *difference = replay_check(&r);

	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
	EXPECT_EQ(3 * 1000 + 1, r.status.entries);
}

/* RDTSC and RDTSCP behind prefixes without an effect, and across a page's end. */
GUEST_CODE(prefixes,
	   "mov $0x100000, %edi; mov $1000, %ebx\n"
	   "1: .byte 0x66; rdtsc\n" STORE
	   ".byte 0x48; rdtscp; add %rcx, %r14\n" STORE
	   "mov $0x30, %ecx; 2: dec %ecx; jnz 2b\n"
	   ".byte 0x2e, 0x66; rdtscp; add %rcx, %r14\n" STORE
	   "mov $0x200ffe, %r10d; call *%r10\n"
	   "dec %ebx; jnz 1b\n"
	   "out %al, $0x10\n");
GUEST_CODE(across, "rdtscp; add %rcx, %r14; ret\n");

static void set_up_prefixes(struct replay *r)
{
	set_up(r);
	guest_load_code(&r->guest, prefixes);
	guest_put(&r->guest, 0x200ffe, guest_code_of(across));
}

TEST(prefixes_and_page_ends)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up_prefixes };
	const char *difference = replay_check(&r);

	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
	EXPECT_EQ(4 * 1000 + 1, r.status.entries);
	EXPECT_EQ(3ul * 1000 * AUX, r.machine.regs.r14);
}

/* The guest changes what RDTSCP returns besides the TSC. */
GUEST_CODE(change_aux,
	   "mov $1000, %ebx\n"
	   "1: rdtscp; add %rcx, %r14\n"
	   "mov $0xc0000103, %ecx; mov %ebx, %eax; xor %edx, %edx; wrmsr\n"
	   "rdtscp; add %rcx, %r15; rdtscp; add %rcx, %r15\n"
	   "dec %ebx; jnz 1b\n"
	   "out %al, $0x10\n");

static void set_up_aux(struct replay *r)
{
	set_up(r);
	guest_load_code(&r->guest, change_aux);
}

TEST(tsc_aux_changes)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up_aux };
	const char *difference = replay_check(&r);
	uint64_t sum = 1000 * 1001 / 2;

	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
	EXPECT_EQ(AUX + sum - 1, r.machine.regs.r14);
	EXPECT_EQ(2 * sum, r.machine.regs.r15);
}

/*
 * The guest returns to RDTSC with RF set, and has a breakpoint behind it: RF is for RDTSC alone.
 * The handler returns with RF set, too.
 */
GUEST_CODE(returns,
	   "mov $200, %ebx; lea 2f(%rip), %rax; mov %rax, %dr0; mov $0x403, %eax; mov %rax, %dr7\n"
	   "1: mov %rsp, %rcx; mov %ss, %eax; push %rax; push %rcx\n"
	   "pushf; orl $0x10000, (%rsp); mov %cs, %eax; push %rax; lea 3f(%rip), %rax; push %rax\n"
	   "iretq\n"
	   "3: rdtsc\n"
	   "2: nop; dec %ebx; jnz 1b; out %al, $0x10\n");
GUEST_CODE(debug, "inc %r14; orl $0x10000, 16(%rsp); iretq\n");
#define DEBUG_VECTOR	1
#define DEBUG_HANDLER	0x21000

static void set_up_returns(struct replay *r)
{
	guest_load_code(&r->guest, returns);
	guest_put(&r->guest, DEBUG_HANDLER, guest_code_of(debug));
	guest_set_handler(&r->guest, DEBUG_VECTOR, DEBUG_HANDLER);
}

TEST(resume_flag_is_used_up)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up_returns };
	const char *difference = replay_check(&r);

	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
	EXPECT_EQ(200, r.machine.regs.r14);
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
