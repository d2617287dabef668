// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guests in each of the CPU's modes, and one that goes through all of them
 * again and again, are interrupted by the timer: on replay at the same
 * instructions.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include "kselftest_harness.h"
#include "modes.h"
#include "program.h"

#define HANDLER32	0x21000
#define HANDLER16	0xb000

/*
 * ESI points to the local APIC, EBP counts interrupts, EBX is a checksum of
 * where they came.
 */
#define START(ticks)							\
	"mov $0xfee00000, %esi; mov $30, %ebp\n"			\
	"movl $0x1ff, 0xf0(%esi); movl $0xb, 0x3e0(%esi)\n"		\
	"movl $0x20040, 0x320(%esi); movl $" #ticks ", 0x380(%esi)\n"

/* @rounds with the stack, calls and a string. */
#define WORK(rounds)							\
	"mov $" #rounds ", %edx\n"					\
	"1: inc %eax; test $7, %al; jnz 2f; call 3f; 2: dec %edx; jnz 1b; jmp 4f\n" \
	"3: mov $0x6000, %edi; mov $20, %ecx; rep stosb\n"		\
	"add %edx, %eax; rol $3, %eax; ret\n"				\
	"4:\n"

/* RFLAGS is at @flags in the image of an interrupt. */
#define HANDLER(flags)							\
	"add (%esp), %ebx; rol $1, %ebx; add " #flags "(%esp), %bx; add %ecx, %ebx\n" \
	"movl $0, 0xb0(%esi)\n"						\
	"dec %ebp; jnz 1f; out %al, $0x10; 1:\n"

GUEST_CODE(loop16, ".code16\n" START(20000) "sti; 5:" WORK(50) "jmp 5b\n.code64\n");
GUEST_CODE(loop32, ".code32\n" START(20000) "sti; 5:" WORK(50) "jmp 5b\n.code64\n");
GUEST_CODE(loop64, START(20000) "sti; 5:" WORK(50) "jmp 5b\n");
GUEST_CODE(handler16, ".code16\n" HANDLER(4) "iret\n.code64\n");
GUEST_CODE(handler32, ".code32\n" HANDLER(8) "iret\n.code64\n");
GUEST_CODE(handler64, HANDLER(16) "iretq\n");

/* In order, all with interrupts on for a while. */
#define USER(rip) \
	"pushq $0x3b; pushq $0x7800; pushq $0x202; pushq $0x43\n" rip "; push %rax; iretq\n"

GUEST_CODE(ring3,
	   START(20000)
	   USER("lea 6f(%rip), %rax")
	   "6: " WORK(50) "jmp 6b\n");

#define AT(label)	#label " - guest_trip + 0xa000"
#define CR0(op)		"mov %cr0, %eax; " op ", %eax; mov %eax, %cr0\n"
#define CR4(op)		"mov %cr4, %eax; " op ", %eax; mov %eax, %cr4\n"
#define CR3(value)	"mov $" #value ", %eax; mov %eax, %cr3\n"
#define LME(op)		"mov $0xc0000080, %ecx; rdmsr; " op ", %eax; wrmsr\n"
#define DATA(selector) \
	"mov $" #selector ", %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss\n"

/*
 * The descriptors of three IDTs are at 0x9080.  QEMU sets accessed bits in the
 * PAE's PDPT, where they are reserved.
 */
#define CLEAR_ACCESSED	"andb $~0x20, 0x31000; andb $~0x20, 0x31018\n"

GUEST_CODE(trip,
	   ".code16\n" START(23000)
	   "10: lidtl 0x9080; sti\n" WORK(37) "cli\n"
	   CR0("or $1") "ljmpl $0x18, $" AT(11f) "\n"
	   ".code32; 11:" DATA(0x20)
	   "lidt 0x9090; sti\n" WORK(41) "cli\n"
	   CR3(0x30000) CR4("or $0x10") CR0("or $0x80000000") "sti\n"
	   WORK(43) "cli\n" CR0("and $0x7fffffff")
	   CLEAR_ACCESSED CR4("xor $0x30") CR3(0x31000) CR0("or $0x80000000") "sti\n"
	   WORK(47) "cli\n" CR0("and $0x7fffffff")
	   CR3(0x1000) LME("or $0x100") CR0("or $0x80000000")
	   "ljmp $8, $" AT(12f) "\n"
	   ".code64; 12:" DATA(0x10)
	   "lidt 0x90a0; sti\n" WORK(53)
	   USER("mov $" AT(13f) ", %eax")
	   "13:" WORK(59) "lea 14f(%rip), %r10; syscall\n"
	   "14: cli; mov $0x8000, %esp\n"
	   "push $0x18; push $" AT(15f) "; lretq\n"
	   ".code32; 15:" DATA(0x20) CR0("and $0x7fffffff")
	   LME("and $~0x100") CR4("and $~0x30")
	   "ljmp $0x28, $" AT(16f) "\n"
	   ".code16; 16:" CR0("and $~1") "ljmp $0, $" AT(17f) "\n"
	   "17: xor %eax, %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %ss\n"
	   "jmp 10b\n"
	   ".code64\n");
GUEST_CODE(on_syscall, "jmp *%r10\n");

static enum mode begin;

static void load_idt_descriptors(struct guest *g)
{
	static const struct {
		uint16_t limit;
		uint16_t base[7];	/* of up to 64 bits; the last are not read */
	} idts[] = {
		{ 0x3ff, { MODES_IDT16 } }, { 0x7ff, { MODES_IDT32 } }, { 0xfff, { GUEST_IDT } },
	};

	guest_load(g, 0x9080, idts, sizeof(idts));
}

static void set_up(struct replay *r)
{
	struct guest *g = &r->guest;
	struct guest_code *code = r->context;

	modes_set_up(g);
	load_idt_descriptors(g);
	guest_put(g, begin == MODE_REAL ? MODES_ENTRY16 : GUEST_ENTRY, *code);
	guest_put(g, PROGRAM_HANDLER, guest_code_of(handler64));
	guest_put(g, HANDLER32, guest_code_of(handler32));
	guest_put(g, HANDLER16, guest_code_of(handler16));
	guest_put(g, MODES_SYSCALL, guest_code_of(on_syscall));
	guest_set_handler(g, PROGRAM_VECTOR, PROGRAM_HANDLER);
	modes_set_handler32(g, PROGRAM_VECTOR, HANDLER32);
	modes_set_handler16(g, PROGRAM_VECTOR, HANDLER16);
	modes_enter(g, begin);
}

static void check(struct __test_metadata *_metadata, enum mode mode, struct guest_code code)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up, .context = &code };
	const char *difference;

	begin = mode;
	difference = replay_check_skids(&r);
	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
	EXPECT_LE(30, r.status.entries);
}

TEST(real_mode)
{
	check(_metadata, MODE_REAL, guest_code_of(loop16));
}

TEST(protected_mode)
{
	check(_metadata, MODE_PROTECTED, guest_code_of(loop32));
}

TEST(paged_32_bit_mode)
{
	check(_metadata, MODE_PAGED, guest_code_of(loop32));
}

TEST(pae_mode)
{
	check(_metadata, MODE_PAE, guest_code_of(loop32));
}

TEST(long_mode)
{
	check(_metadata, MODE_LONG, guest_code_of(loop64));
}

TEST(ring_3)
{
	check(_metadata, MODE_LONG, guest_code_of(ring3));
}

TEST(through_all_modes)
{
	check(_metadata, MODE_REAL, guest_code_of(trip));
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
