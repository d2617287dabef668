// SPDX-License-Identifier: GPL-2.0-only
/*
 * The same program counts the same whether the host's page tables for the
 * guest are warm, cold, or torn down over and over while it runs: with faults,
 * intercepted instructions, REP strings, and page tables that the guest
 * changes itself.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-paging: nested strict
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#include "counter.h"
#include "guest.h"
#include "kselftest_harness.h"

#define MEMORY		(16 << 20)
#define HANDLER_DE	0x20000
#define HANDLER_UD	0x21000
#define HANDLER_PF	0x22000

/* The guest's own tables for 64 pages at 512 GiB; its handler fills the last. */
#define TABLE_PDPT	0x200000
#define TABLE_PD	0x201000
#define TABLE_PT	0x202000

GUEST_CODE(program,
	   "mov $20, %r15d\n"
	   "round:\n"
	   /* REP strings over many pages, at odd addresses too */
	   "mov $0x400000, %edi\n"
	   "mov $0x8000, %ecx\n"
	   "mov %r15, %rax\n"
	   "rep stosq\n"
	   "mov $0x400001, %esi\n"
	   "mov $0x480003, %edi\n"
	   "mov $70001, %ecx\n"
	   "rep movsb\n"
	   /* intercepted */
	   "xor %eax, %eax\n"
	   "cpuid\n"
	   /* faulting */
	   "ud2\n"
	   "xor %ecx, %ecx\n"
	   "div %rcx\n"
	   /* page faults that the guest resolves */
	   "movabs $0x8000000000, %rbx\n"
	   "mov $64, %ecx\n"
	   "1: mov %rcx, (%rbx)\n"
	   "add $4096, %rbx\n"
	   "dec %ecx\n"
	   "jnz 1b\n"
	   /* and undoes */
	   "movabs $0x8000000000, %rbx\n"
	   "mov $0x202000, %edi\n"
	   "mov $64, %ecx\n"
	   "2: movq $0, (%rdi)\n"
	   "invlpg (%rbx)\n"
	   "add $8, %rdi\n"
	   "add $4096, %rbx\n"
	   "dec %ecx\n"
	   "jnz 2b\n"
	   "dec %r15d\n"
	   "jnz round\n"
	   "out %al, $0x10\n");

GUEST_CODE(handle_de, "addq $3, (%rsp); iretq\n");
GUEST_CODE(handle_ud, "addq $2, (%rsp); iretq\n");
GUEST_CODE(handle_pf,
	   "push %rax\n"
	   "push %rdx\n"
	   "mov %cr2, %rax\n"
	   "shr $12, %rax\n"
	   "and $63, %eax\n"
	   "mov %eax, %edx\n"
	   "shl $12, %edx\n"
	   "add $0x300003, %edx\n"
	   "mov %rdx, 0x202000(,%rax,8)\n"
	   "pop %rdx\n"
	   "pop %rax\n"
	   "add $8, %rsp\n"
	   "iretq\n");

static void load(struct guest *g)
{
	memset(g->mem, 0, g->mem_size);
	guest_reset(g);
	guest_load_code(g, program);
	guest_load(g, HANDLER_DE, guest_handle_de, guest_handle_de_end - guest_handle_de);
	guest_load(g, HANDLER_UD, guest_handle_ud, guest_handle_ud_end - guest_handle_ud);
	guest_load(g, HANDLER_PF, guest_handle_pf, guest_handle_pf_end - guest_handle_pf);
	guest_set_handler(g, 0, HANDLER_DE);
	guest_set_handler(g, 6, HANDLER_UD);
	guest_set_handler(g, 14, HANDLER_PF);
	((uint64_t *)(g->mem + GUEST_PAGE_TABLES))[1] = TABLE_PDPT | 3;
	*(uint64_t *)(g->mem + TABLE_PDPT) = TABLE_PD | 3;
	*(uint64_t *)(g->mem + TABLE_PD) = TABLE_PT | 3;
}

FIXTURE(count) {
	struct guest g;
	int counter;
	uint64_t cold;
};

FIXTURE_SETUP(count)
{
	uint64_t faults;

	guest_create(&self->g, MEMORY);
	self->counter = counter_open();
	load(&self->g);
	faults = guest_stat(&self->g, "pf_fixed");
	guest_run_to_out(&self->g, 0x10);
	self->cold = counter_read(self->counter);
	/* The program touches 64 + 18 + 64 pages of data, each a fault when cold. */
	ASSERT_LE(64 + 18 + 64, guest_stat(&self->g, "pf_fixed") - faults);
	/* 20 rounds of 32,768 + 70,001 string iterations and more. */
	ASSERT_LT(20 * (32768 + 70001), self->cold);
}

FIXTURE_TEARDOWN(count)
{
	guest_destroy(&self->g);
}

TEST_F(count, warm_is_like_cold)
{
	uint64_t before = counter_read(self->counter);
	uint64_t faults = guest_stat(&self->g, "pf_fixed");
	uint64_t cold_faults = faults;

	load(&self->g);
	guest_run_to_out(&self->g, 0x10);
	EXPECT_EQ(self->cold, counter_read(self->counter) - before);
	EXPECT_GT(cold_faults, guest_stat(&self->g, "pf_fixed") - faults);
}

static void ignore_signal(int sig)
{
	(void)sig;
}

/* Makes the host drop its mappings of all guest RAM, as reclaim or KSM may. */
static void zap(struct guest *g)
{
	mprotect(g->mem, g->mem_size, PROT_READ);
	mprotect(g->mem, g->mem_size, PROT_READ | PROT_WRITE);
}

/*
 * One shot a time: where a zap takes longer than the interval, a periodic
 * timer would leave the guest no time to run.
 */
static void arm_alarm(void)
{
	struct itimerval once = { .it_value.tv_usec = 500 };

	setitimer(ITIMER_REAL, &once, NULL);
}

TEST_F(count, torn_down_is_like_cold)
{
	struct sigaction action = { .sa_handler = ignore_signal };
	uint64_t before = counter_read(self->counter);
	int zaps = 0;

	load(&self->g);
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	arm_alarm();
	while (ioctl(self->g.vcpu, KVM_RUN, 0) < 0) {
		ASSERT_EQ(EINTR, errno);
		zap(&self->g);
		zaps++;
		arm_alarm();
	}

	ASSERT_EQ(KVM_EXIT_IO, self->g.run->exit_reason);
	EXPECT_EQ(self->cold, counter_read(self->counter) - before);
	EXPECT_LE(3, zaps);
}

TEST_HARNESS_MAIN
