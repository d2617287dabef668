// SPDX-License-Identifier: GPL-2.0-only
/*
 * Instructions that KVM emulates: accesses of all sorts to a device's memory,
 * and string instructions to and from devices, interrupted by the timer.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <string.h>

#include "kselftest_harness.h"
#include "program.h"
#include "random.h"

/* Behind RAM, whose end some accesses straddle. */
#define RAM_SIZE	0x400000
#define PORT		0x50

#define START(times, ticks) \
	"mov $" #times ", %ebp\n" APIC_ON APIC_PERIODIC(ticks) "sti; cld\n"

GUEST_CODE(start, START(15, 150000));
GUEST_CODE(timer, PROGRAM_NOTE(0) APIC_EOI PROGRAM_RETURN);

#define SUM	"add %rax, %r14; rol $1, %r14\n"

GUEST_CODE(reads,
	   "mov $0x10000000, %ebx\n"
	   "1: inc %rcx\n"
	   "mov 1(%rbx), %al\n" SUM
	   "mov 2(%rbx), %ax\n" SUM
	   "mov 5(%rbx), %eax\n" SUM
	   "mov (%rbx), %rax\n" SUM
	   "movzbl 3(%rbx), %eax\n" SUM
	   "movsxd 8(%rbx), %rax\n" SUM
	   "mov 0x3ffffd, %eax\n" SUM
	   "movups (%rbx), %xmm0; movups %xmm0, 0x110000; mov 0x110008, %rax\n" SUM
	   "push (%rbx); pop %rax\n" SUM
	   "cmp %rcx, 16(%rbx); setc %al\n" SUM
	   "jmp 1b\n");

GUEST_CODE(writes,
	   "mov $0x10000000, %ebx\n"
	   "1: inc %rcx\n"
	   "mov %cl, (%rbx); mov %cx, 2(%rbx); mov %ecx, 4(%rbx); mov %rcx, 8(%rbx)\n"
	   "movb $1, 1(%rbx); movl $-7, 16(%rbx); movnti %ecx, 20(%rbx)\n"
	   "mov %rcx, 0x3ffffd\n"
	   "movq %rcx, %xmm0; movups %xmm0, 32(%rbx)\n"
	   "push %rcx; pop 48(%rbx)\n"
	   "setc 56(%rbx)\n"
	   "mov (%rbx), %rax\n" SUM
	   "jmp 1b\n");

GUEST_CODE(read_modify_write,
	   "mov $0x10000000, %ebx\n"
	   "1: inc %rcx\n"
	   "add %ecx, (%rbx); pushf; pop %rax\n" SUM
	   "lock xadd %rcx, 8(%rbx)\n"
	   "lock orb $0x11, 3(%rbx); incw 6(%rbx); negl 12(%rbx); notb 17(%rbx)\n"
	   "mov %rcx, %rax; xchg %eax, 20(%rbx)\n" SUM
	   "lock cmpxchg %ecx, 24(%rbx); setz %al\n" SUM
	   "lock btsl $5, 28(%rbx); setc %al\n" SUM
	   "shll $3, 32(%rbx); adcl $1, 36(%rbx)\n"
	   "addl $1, 0x3ffffd\n"
	   "jmp 1b\n");

GUEST_CODE(strings,
	   "1: mov $0x10000000, %esi; mov $0x200000, %edi; mov $100, %ecx; rep movsb\n"
	   "mov $0x200000, %esi; mov $0x10000800, %edi; mov $100, %ecx; rep movsq\n"
	   "mov $0x10000000, %esi; mov $0x20000000, %edi; mov $20, %ecx; rep movsl\n"
	   "mov $0x10000100, %edi; mov $30, %ecx; rep stosw\n"
	   "mov $0x10000000, %esi; mov $30, %ecx; rep lodsl\n" SUM
	   "mov $0x10000000, %edi; mov $30, %ecx; repne scasb; mov %rcx, %rax\n" SUM
	   "mov $0x10000000, %edi; mov $0x200000, %esi; mov $30, %ecx; rep cmpsb\n"
	   "std; mov $0x10000fff, %esi; mov $0x200fff, %edi; mov $40, %ecx; rep movsb; cld\n"
	   "jmp 1b\n");

/* Also to and from RAM where a page ends, and down. */
GUEST_CODE(ports,
	   "mov $0x50, %edx\n"
	   "1: mov $0x200ff0, %edi; mov $50, %ecx; rep insl\n"
	   "mov $0x200ff1, %esi; mov $50, %ecx; rep outsl\n"
	   "mov $0x200000, %edi; mov $3000, %ecx; rep insb\n"
	   "mov $0x200000, %esi; mov $300, %ecx; rep outsw\n"
	   "std; mov $0x201800, %edi; mov $50, %ecx; rep insw; cld\n"
	   "in %dx, %eax\n" SUM
	   "out %eax, %dx; insb; outsl\n"
	   "jmp 1b\n");

/*
 * The local APIC's current count, four bytes long, over and over: by single
 * bytes, up to eight times in one instruction.
 */
GUEST_CODE(counts,
	   "lea 0x390(%r15), %rbx; mov $0x200000, %edi\n"
	   "1: mov %rbx, %rsi; mov $1000, %ecx; rep movsl\n"
	   "mov %rbx, %rsi; mov $1100, %ecx; rep movsb\n"
	   "mov %rbx, %rsi; mov $4, %ecx; rep lodsb\n" SUM
	   "push %rdi; mov %rbx, %rsi; mov %rbx, %rdi; mov $40, %ecx; repne cmpsb\n"
	   "mov %rbx, %rsi; mov %rbx, %rdi; mov $4, %ecx; rep cmpsb; pop %rdi\n"
	   "mov %rcx, %rax\n" SUM
	   "cmp $0x300000, %rdi; jb 1b; mov $0x200000, %edi; jmp 1b\n");

/* A device whose answers depend on all that it was told, or on chance. */
static uint64_t device, random_state = 1;
static int by_chance;

static void answer(struct replay *r, void *data, uint32_t size)
{
	if (by_chance) {
		uint64_t value = r->role == KVM_FT_RECORD ? random_next(&random_state) : 0;

		memset(data, value, size);
		memcpy(data, &value, size < 8 ? size : 8);
		replay_value(r, 1, data, size);
		return;
	}
	device++;
	memset(data, device >> 32, size);
	memcpy(data, &device, size < 8 ? size : 8);
}

static void hear(const uint8_t *data, uint32_t size, uint64_t address)
{
	uint32_t i;

	device ^= address;
	for (i = 0; i < size; i++)
		device = (device ^ data[i]) * 0x100000001b3;
}

static void on_exit_io(struct replay *r)
{
	struct kvm_run *run = r->guest.run;
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	uint32_t size = run->io.count * run->io.size;

	if (run->exit_reason == KVM_EXIT_MMIO && run->mmio.is_write)
		hear(run->mmio.data, run->mmio.len, run->mmio.phys_addr);
	else if (run->exit_reason == KVM_EXIT_MMIO)
		answer(r, run->mmio.data, run->mmio.len);
	else if (run->exit_reason == KVM_EXIT_IO && run->io.direction == KVM_EXIT_IO_OUT)
		hear(data, size, run->io.port);
	else if (run->exit_reason == KVM_EXIT_IO)
		answer(r, data, size);
}

static void set_up(struct replay *r)
{
	device = 0xcbf29ce484222325;
	program_load(&r->guest, r->context);
}

static void check(struct __test_metadata *_metadata, struct guest_code loop)
{
	struct program p = { guest_code_of(start), loop, guest_code_of(timer) };
	struct replay r = { .set_up = set_up, .on_exit = on_exit_io };

	EXPECT_EQ(1, program_check(&p, &r));
	EXPECT_LE(15, r.status.entries);
}

FIXTURE(mmio) {
};

FIXTURE_VARIANT(mmio) {
	int by_chance;
};

FIXTURE_VARIANT_ADD(mmio, deterministic) {
};

FIXTURE_VARIANT_ADD(mmio, values) {
	.by_chance = 1,
};

FIXTURE_SETUP(mmio)
{
	by_chance = variant->by_chance;
}

FIXTURE_TEARDOWN(mmio)
{
}

TEST_F(mmio, reads)
{
	check(_metadata, guest_code_of(reads));
}

TEST_F(mmio, writes)
{
	check(_metadata, guest_code_of(writes));
}

TEST_F(mmio, read_modify_write)
{
	check(_metadata, guest_code_of(read_modify_write));
}

TEST_F(mmio, strings)
{
	check(_metadata, guest_code_of(strings));
}

TEST_F(mmio, string_ports)
{
	check(_metadata, guest_code_of(ports));
}

TEST(timer_counts_by_string_instructions)
{
	check(_metadata, guest_code_of(counts));
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
