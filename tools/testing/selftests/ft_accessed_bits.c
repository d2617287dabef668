// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that clears accessed bits in its page tables without a TLB flush, as
 * Linux does when it ages pages, and looks at them later.  What it finds depends
 * on when the CPU has to walk its page tables again.  Strict mode replays it
 * exactly, whatever VM exits there are besides.  In nested mode VM exits that the
 * recording did not have change it, and the replay says that it has diverged.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kselftest_harness.h"
#include "program.h"

#define MEM_SIZE	(4UL << 20)

/* 16 pages at 1 GiB. */
#define DIRECTORY	0x300000
#define TABLE		0x301000
#define PAGES		0x310000
#define NR_PAGES	16
#define PRESENT_WRITABLE 0x3

/*
 * Reads from all pages; then takes what the accessed bits say into RBX and clears
 * them.  Goes round R13 times without a VM exit of its own.
 */
#define AGE								\
	"mov $20, %r13d\n"						\
	"1: mov $0x40000000, %edi; mov $16, %ecx\n"			\
	"2: mov (%rdi), %eax; add $0x1000, %rdi; dec %ecx; jnz 2b\n"	\
	"mov $0x301000, %esi; mov $16, %ecx\n"				\
	"3: mov (%rsi), %eax; shr $5, %eax; and $1, %eax; add %rax, %r14\n" \
	"xor %rax, %rbx; rol $1, %rbx; andq $~0x20, (%rsi)\n"		\
	"add $8, %rsi; dec %ecx; jnz 3b\n"				\
	"mov $300, %eax; 4: dec %eax; jnz 4b\n"				\
	"dec %r13d; jnz 1b\n"

#define PORT_RUNNING	0x11

/* Ages pages before there is a session, too. */
GUEST_CODE(start, "xor %ebx, %ebx; xor %r14d, %r14d\n"
	   AGE "out %al, $0x11\n"
	   "mov $50, %ebp\n" APIC_ON APIC_ONCE(60000) "sti\n");
GUEST_CODE(loop, "9:\n" AGE "rdtsc; jmp 9b\n");

/*
 * Runs in the first page and clears the accessed bit of that.  No event is recorded
 * in front of INT: kvm-ft has a look at the next instruction, which must not be seen.
 */
GUEST_CODE(go_there, "mov $0x40000000, %eax; jmp *%rax\n");
GUEST_CODE(there,
	   "1: inc %rcx; andq $~0x20, 0x301000; int $0x60; int $0x60; int $0x60\n"
	   "mov 0x301000, %eax; shr $5, %eax; and $1, %eax; add %rax, %r14\n"
	   "xor %rax, %rbx; rol $1, %rbx; test $0x7ff, %ecx; jnz 1b; rdtsc; jmp 1b\n");
GUEST_CODE(int60, "iretq\n");
#define INT_VECTOR	0x60
#define INT_HANDLER	0x21000

GUEST_CODE(timer, PROGRAM_NOTE(0) APIC_AGAIN(60000) APIC_EOI PROGRAM_RETURN);

/* A guest that has been running before the recording, as its replay begins with it. */
static struct {
	uint8_t ram[MEM_SIZE];
	struct kvm_regs regs;
	struct kvm_sregs sregs;
} before;

static void map_pages(struct guest *g)
{
	uint64_t *pointers = (uint64_t *)(g->mem + GUEST_PAGE_TABLES + 0x1000);
	uint64_t *directory = (uint64_t *)(g->mem + DIRECTORY);
	uint64_t *table = (uint64_t *)(g->mem + TABLE);
	unsigned int i;

	pointers[1] = DIRECTORY | PRESENT_WRITABLE;
	directory[0] = TABLE | PRESENT_WRITABLE;
	for (i = 0; i < NR_PAGES; i++)
		table[i] = (PAGES + 0x1000 * i) | PRESENT_WRITABLE;
}

/* Runs the guest to where the OUT is behind it. */
static void run_before(struct guest *g)
{
	guest_run_to_out(g, PORT_RUNNING);
	g->run->immediate_exit = 1;
	ioctl(g->vcpu, KVM_RUN, 0);
	g->run->immediate_exit = 0;
	memcpy(before.ram, g->mem, MEM_SIZE);
	before.regs = guest_regs(g);
	if (ioctl(g->vcpu, KVM_GET_SREGS, &before.sregs))
		err(1, "KVM_GET_SREGS");
}

static void go_on_from(struct guest *g)
{
	memcpy(g->mem, before.ram, MEM_SIZE);
	guest_set_regs(g, &before.regs);
	if (ioctl(g->vcpu, KVM_SET_SREGS, &before.sregs))
		err(1, "KVM_SET_SREGS");
}

static void set_up(struct replay *r)
{
	const struct guest_code *code = r->context;
	const struct program p = { guest_code_of(start), *code, guest_code_of(timer) };

	if (r->role == KVM_FT_REPLAY) {
		go_on_from(&r->guest);
		return;
	}
	program_load(&r->guest, &p);
	guest_put(&r->guest, PAGES, guest_code_of(there));
	guest_put(&r->guest, INT_HANDLER, guest_code_of(int60));
	guest_set_handler(&r->guest, INT_VECTOR, INT_HANDLER);
	map_pages(&r->guest);
	run_before(&r->guest);
}

/* The host has something else to do: a VM exit, and nothing more. */
static void interrupt(struct replay *r)
{
	(void)r;
}

static int is_strict(void)
{
	FILE *f = fopen("/sys/module/kvm_amd/parameters/npt", "r");
	int c;

	if (!f)
		err(1, "parameter npt of kvm_amd");
	c = fgetc(f);
	fclose(f);
	return c == 'N' || c == '0';
}

/* What was asked for, when the recording had been disturbed or the replay is. */
static void check(struct __test_metadata *_metadata, struct guest_code code,
		  int disturb_record, int disturb_replay)
{
	struct replay r = {
		.mem_size = MEM_SIZE, .set_up = set_up, .every_us = 30, .seed = 1,
		.context = &code,
	};
	const char *difference;
	uint32_t last;

	r.meanwhile = disturb_record ? interrupt : NULL;
	replay_record(&r);
	r.meanwhile = disturb_replay ? interrupt : NULL;
	last = replay_replay(&r);
	if (is_strict()) {
		EXPECT_EQ(KVM_FT_EXIT_END, last)
			TH_LOG("%s", r.status.what);
		difference = replay_difference(&r);
		EXPECT_EQ(NULL, difference)
			TH_LOG("%s", difference);
	} else {
		EXPECT_EQ(KVM_FT_EXIT_DIVERGED, last);
		EXPECT_STREQ("registers", r.status.what);
	}
	/* Set by the first accesses of all, and in the recording. */
	EXPECT_LT(NR_PAGES, r.machine.regs.r14);
	EXPECT_LE(50, r.recorded.entries);
	replay_release(&r);
}

TEST(exits_in_replay)
{
	check(_metadata, guest_code_of(loop), 0, 1);
}

TEST(exits_in_recording)
{
	check(_metadata, guest_code_of(loop), 1, 0);
}

TEST(bit_of_the_page_of_the_code)
{
	check(_metadata, guest_code_of(go_there), 0, 1);
}

/*
 * Writes to one page after the other, whose bits it has cleared before; the handler looks at
 * those of the page that RSI is at.  With shadow paging KVM sets them at a page fault that the
 * guest knows nothing of, before the instruction is executed: there is no landmark between.
 */
GUEST_CODE(start_touching,
	   "xor %r14d, %r14d; mov $0x301000, %esi; mov $300, %ebp\n"
	   APIC_ON APIC_ONCE(60000) "sti\n");
GUEST_CODE(touch,
	   "9: mov $0x40000000, %edi; mov $0x301000, %esi; mov $16, %ecx\n"
	   "1: andq $~0x60, (%rsi); invlpg (%rdi); incl (%rdi)\n"
	   "add $0x1000, %rdi; add $8, %rsi; dec %ecx; jnz 1b; jmp 9b\n");
GUEST_CODE(look,
	   "push %rax; mov (%rsi), %eax; and $0x60, %eax; add %rax, %r14; rol $1, %r14; pop %rax\n"
	   APIC_AGAIN(60000) APIC_EOI PROGRAM_RETURN);

static void set_up_touching(struct replay *r)
{
	program_load(&r->guest, r->context);
	map_pages(&r->guest);
}

TEST(no_landmark_behind_a_fault)
{
	const struct program p = {
		guest_code_of(start_touching), guest_code_of(touch), guest_code_of(look)
	};
	struct replay r = { .set_up = set_up_touching };

	EXPECT_TRUE(program_check(&p, &r));
}

REPLAY_KEEP_HOOKS
TEST_HARNESS_MAIN
