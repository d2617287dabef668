// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <string.h>

#include "assembler.h"

void asm_bytes(struct assembler *a, const void *data, size_t n)
{
	if (n > sizeof(a->code) - a->size)
		errx(1, "the program is too long");
	memcpy(a->code + a->size, data, n);
	a->size += n;
}

void asm_byte(struct assembler *a, uint8_t value)
{
	asm_bytes(a, &value, 1);
}

void asm_imm32(struct assembler *a, uint32_t value)
{
	asm_bytes(a, &value, sizeof(value));
}

void asm_imm64(struct assembler *a, uint64_t value)
{
	asm_bytes(a, &value, sizeof(value));
}

void asm_fixed(struct assembler *a, struct guest_code code)
{
	asm_bytes(a, code.begin, code.end - code.begin);
}

size_t asm_distance(struct assembler *a)
{
	asm_imm32(a, 0);
	return a->size;
}

void asm_land(struct assembler *a, size_t distance)
{
	uint32_t by = a->size - distance;

	memcpy(a->code + distance - sizeof(by), &by, sizeof(by));
}

void asm_back(struct assembler *a, size_t place)
{
	asm_imm32(a, place - (a->size + 4));
}

static void opcode_bytes(struct assembler *a, unsigned int opcode)
{
	if (opcode > 0xff)
		asm_byte(a, opcode >> 8);
	asm_byte(a, opcode);
}

void asm_registers(struct assembler *a, unsigned int opcode, unsigned int reg, unsigned int rm)
{
	asm_byte(a, 0x48 | (reg >> 3) << 2 | rm >> 3);
	opcode_bytes(a, opcode);
	asm_byte(a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void asm_memory(struct assembler *a, uint8_t prefix, int wide, unsigned int opcode,
		unsigned int reg, unsigned int base)
{
	if (prefix)
		asm_byte(a, prefix);
	asm_byte(a, 0x40 | wide << 3 | (reg >> 3) << 2 | base >> 3);
	opcode_bytes(a, opcode);
	asm_byte(a, 0x04 | (reg & 7) << 3);
	asm_byte(a, RBP << 3 | (base & 7));
}
