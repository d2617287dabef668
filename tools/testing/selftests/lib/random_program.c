// SPDX-License-Identifier: GPL-2.0-only
#include "random.h"
#include "random_program.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Blocks that are always the same. */
#define FIXED(name)	guest_code_of(random_##name)

/* What the program may do with as it likes. */
static const enum reg usable[] = { RAX, RCX, RDX, RBX, RSI, RDI, R8, R9, R10 };

/* Blocks without anything random in them. */
GUEST_CODE(random_rdtsc, "rdtsc; add %rdx, %rax\n");
GUEST_CODE(random_rdtscp, "rdtscp; xor %rdx, %rax\n");
GUEST_CODE(random_read_tsc, "mov $0x10, %ecx; rdmsr; xor %rdx, %rbx\n");
GUEST_CODE(random_read_count, "mov 0x390(%r15), %edx\n");
GUEST_CODE(random_out, "out %al, $0x11\n");
GUEST_CODE(random_in, "in $0x11, %eax; xor %rax, %r8\n");
GUEST_CODE(random_halt, "sti; hlt\n");
GUEST_CODE(random_flush, "mov %cr3, %rbp; mov %rbp, %cr3\n");
GUEST_CODE(random_stack_segment, "mov %ss, %ebp; mov %ebp, %ss; inc %rbx\n");
GUEST_CODE(random_interrupts_off, "cli; add %rbx, %r8; push %r8; sti; pop %rsi\n");
GUEST_CODE(random_software_interrupt, "int $0x41\n");
GUEST_CODE(random_breakpoint, "int3\n");
/* All arithmetic flags, the direction, and ID are what a register says. */
GUEST_CODE(random_flags,
	   "pushf; mov %rbx, %rbp; and $0x200cd5, %ebp; xor %rbp, (%rsp); popf\n"
	   "adc %rax, %rdx; cld; pushf; pop %rsi\n");
/* What comes next goes on where these fail. */
GUEST_CODE(random_divide, "xor %ebp, %ebp; div %ebp\n");
GUEST_CODE(random_undefined, "ud2\n");
GUEST_CODE(random_general_protection, "mov $0x8000, %ebp; shl $48, %rbp; mov (%rbp), %rax\n");

/**
 * struct generator - where the blocks go to, and come from
 * @a: the program
 * @random: state of the random numbers
 */
struct generator {
	struct assembler *a;
	uint64_t random;
};

static uint64_t between(struct generator *g, uint64_t low, uint64_t high)
{
	return random_between(&g->random, low, high);
}

static void one_of(struct generator *g, const struct guest_code *codes, size_t n)
{
	asm_fixed(g->a, codes[between(g, 0, n - 1)]);
}

static enum reg any(struct generator *g)
{
	return usable[between(g, 0, ARRAY_SIZE(usable) - 1)];
}

/* RBP = some register, below @limit (a power of two). */
static void address(struct generator *g, uint32_t limit)
{
	asm_registers(g->a, 0x89, any(g), RBP);
	asm_bytes(g->a, "\x81\xe5", 2);
	asm_imm32(g->a, limit - 1);
}

static void arithmetic(struct generator *g)
{
	static const unsigned short opcodes[] = {
		0x01, 0x09, 0x11, 0x19, 0x21, 0x29, 0x31, 0x39, 0x85, 0x87, 0x89,
		0x0faf, 0x0fbc, 0x0fb1, 0x0fc1, 0x0f42, 0x0f44, 0x0f4c,
	};
	int n = between(g, 1, 8);

	while (n--)
		asm_registers(g->a, opcodes[between(g, 0, ARRAY_SIZE(opcodes) - 1)],
			      any(g), any(g));
}

static void shift(struct generator *g)
{
	static const uint8_t kinds[] = { 0, 1, 2, 3, 4, 5, 7 };
	uint8_t kind = kinds[between(g, 0, ARRAY_SIZE(kinds) - 1)];

	if (between(g, 0, 1)) {
		asm_registers(g->a, 0xd3, kind, any(g));	/* by CL */
	} else {
		asm_registers(g->a, 0xc1, kind, any(g));
		asm_byte(g->a, between(g, 0, 63));
	}
}

/* NOT, NEG, MUL and IMUL by RAX and RDX. */
static void multiply(struct generator *g)
{
	asm_registers(g->a, 0xf7, between(g, 2, 5), any(g));
}

static void constant(struct generator *g)
{
	enum reg reg = any(g);
	uint64_t value = random_next(&g->random);

	asm_byte(g->a, 0x48 | reg >> 3);
	asm_byte(g->a, 0xb8 | (reg & 7));
	asm_imm64(g->a, value);
}

static void memory(struct generator *g)
{
	static const uint8_t opcodes[] = {
		0x88, 0x89, 0x89, 0x8a, 0x8b, 0x8b, 0x01, 0x03, 0x11, 0x29, 0x2b, 0x31, 0x33,
		0x39, 0x3b, 0x87,
	};

	address(g, 0x10000);
	asm_memory(g->a, 0, between(g, 0, 1), opcodes[between(g, 0, ARRAY_SIZE(opcodes) - 1)],
		   any(g), R14);
}

static void locked(struct generator *g)
{
	static const unsigned short opcodes[] = { 0x01, 0x31, 0x0fb1, 0x0fc1, 0x0fc1 };

	address(g, 0x10000);
	asm_memory(g->a, 0xf0, 1, opcodes[between(g, 0, ARRAY_SIZE(opcodes) - 1)], any(g), R14);
}

/* XMM: load, PADDQ or PXOR with another, store. */
static void vector(struct generator *g)
{
	uint8_t x = between(g, 0, 7), y = between(g, 0, 7);

	address(g, 0x10000);
	asm_memory(g->a, 0xf3, 0, 0x0f6f, x, R14);
	asm_bytes(g->a, "\x66\x0f", 2);
	asm_byte(g->a, between(g, 0, 1) ? 0xd4 : 0xef);
	asm_byte(g->a, 0xc0 | y << 3 | x);
	address(g, 0x10000);
	asm_memory(g->a, 0xf3, 0, 0x0f7f, y, R14);
}

/* R11 = what follows the block; returns what land() needs. */
static size_t guard(struct generator *g)
{
	asm_bytes(g->a, "\x4c\x8d\x1d", 3);	/* lea ...(%rip), %r11 */
	return asm_distance(g->a);
}

static void window(struct generator *g)
{
	static const uint8_t opcodes[] = { 0x89, 0x8b, 0x8b, 0x01, 0x33, 0x88, 0x8a };
	size_t after = guard(g);

	address(g, RANDOM_PROGRAM_WINDOW_PAGES << 12);
	asm_memory(g->a, 0, 1, opcodes[between(g, 0, ARRAY_SIZE(opcodes) - 1)], any(g), R12);
	asm_land(g->a, after);
}

/* A page of the window goes away. */
static void unmap(struct generator *g)
{
	uint32_t page = between(g, 0, RANDOM_PROGRAM_WINDOW_PAGES - 1);

	asm_bytes(g->a, "\x48\xc7\x04\x25", 4);	/* movq $0, ... */
	asm_imm32(g->a, RANDOM_PROGRAM_WINDOW_PT + 8 * page);
	asm_imm32(g->a, 0);
	asm_bytes(g->a, "\x41\x0f\x01\xbc\x24", 5);	/* invlpg ...(%r12) */
	asm_imm32(g->a, page << 12);
}

static void strings(struct generator *g)
{
	static const uint8_t kinds[] = { 0xa4, 0xa5, 0xaa, 0xab, 0xa6, 0xae, 0xac };

	asm_byte(g->a, 0xb9);				/* mov $..., %ecx */
	asm_imm32(g->a, between(g, 0, between(g, 0, 3) ? 64 : 2048));
	asm_bytes(g->a, "\x49\x8d\xbe", 3);		/* lea ...(%r14), %rdi */
	asm_imm32(g->a, between(g, 0, 0xd000));
	asm_bytes(g->a, "\x49\x8d\xb6", 3);		/* lea ...(%r14), %rsi */
	asm_imm32(g->a, between(g, 0, 0xd000));
	asm_byte(g->a, between(g, 0, 3) ? 0xf3 : 0xf2);
	asm_byte(g->a, kinds[between(g, 0, ARRAY_SIZE(kinds) - 1)]);
}

static void inside(struct generator *g)
{
	static const struct guest_code blocks[] = {
		FIXED(flags), FIXED(stack_segment), FIXED(interrupts_off), FIXED(flags),
		FIXED(software_interrupt), FIXED(breakpoint), FIXED(flush),
	};

	one_of(g, blocks, ARRAY_SIZE(blocks));
}

static void fault(struct generator *g)
{
	static const struct guest_code blocks[] = {
		FIXED(divide), FIXED(undefined), FIXED(general_protection),
	};
	size_t after = guard(g);

	one_of(g, blocks, ARRAY_SIZE(blocks));
	asm_land(g->a, after);
}

/* What costs a VM exit: in one of four rounds. */
static void exits(struct generator *g)
{
	static const struct guest_code blocks[] = {
		FIXED(rdtsc), FIXED(rdtscp), FIXED(rdtsc), FIXED(read_tsc),
		FIXED(read_count), FIXED(out), FIXED(in), FIXED(halt),
	};
	size_t after;

	asm_registers(g->a, 0x89, R13, RBP);
	asm_bytes(g->a, "\x83\xe5\x03", 3);		/* and $3, %ebp */
	asm_bytes(g->a, "\x83\xfd", 2);		/* cmp $..., %ebp */
	asm_byte(g->a, between(g, 0, 3));
	asm_bytes(g->a, "\x0f\x85", 2);		/* jne */
	after = asm_distance(g->a);
	one_of(g, blocks, ARRAY_SIZE(blocks));
	asm_land(g->a, after);
}

#define MAX_DEPTH	2

static void blocks(struct generator *g, int n, int depth);

/* On any condition that there is. */
static void branch(struct generator *g, int depth)
{
	size_t after;

	asm_byte(g->a, 0x0f);
	asm_byte(g->a, 0x80 | between(g, 0, 15));
	after = asm_distance(g->a);
	blocks(g, between(g, 1, 3), depth);
	asm_land(g->a, after);
}

static void loop(struct generator *g, int depth)
{
	size_t begin;

	asm_byte(g->a, 0x68);				/* push $... */
	asm_imm32(g->a, between(g, 2, 24));
	begin = g->a->size;
	blocks(g, between(g, 1, 3), depth);
	asm_bytes(g->a, "\x48\xff\x0c\x24\x0f\x85", 6);	/* decq (%rsp); jnz */
	asm_back(g->a, begin);
	asm_bytes(g->a, "\x48\x8d\x64\x24\x08", 5);	/* lea 8(%rsp), %rsp */
}

/* Blocks that may be repeated often. */
static void cheap(struct generator *g)
{
	static void (* const kinds[])(struct generator *g) = {
		arithmetic, arithmetic, arithmetic, shift, multiply, constant,
		memory, memory, memory, locked, vector,
	};

	kinds[between(g, 0, ARRAY_SIZE(kinds) - 1)](g);
}

static void block(struct generator *g, int depth)
{
	static void (* const kinds[])(struct generator *g) = {
		window, window, unmap, strings, inside, fault, exits, exits,
	};

	switch (between(g, 0, 9)) {
	case 0:
		if (depth < MAX_DEPTH)
			loop(g, depth + 1);
		break;
	case 1 ... 2:
		branch(g, depth);
		break;
	case 3 ... 4:
		if (!depth)
			kinds[between(g, 0, ARRAY_SIZE(kinds) - 1)](g);
		else
			cheap(g);
		break;
	default:
		cheap(g);
	}
}

static void blocks(struct generator *g, int n, int depth)
{
	while (n--) {
		if (depth >= MAX_DEPTH)
			cheap(g);
		else
			block(g, depth);
	}
}

void random_program_rounds(struct assembler *a, uint64_t *random)
{
	struct generator g = { .a = a, .random = random_next(random) };
	size_t begin = a->size;

	blocks(&g, between(&g, 20, 80), 0);
	asm_bytes(a, "\x49\xff\xcd\x0f\x85", 5);	/* dec %r13; jnz */
	asm_back(a, begin);
}
