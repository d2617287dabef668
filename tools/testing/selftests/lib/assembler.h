/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes x86-64 machine code whose registers and operations are chosen at run
 * time.  Registers are numbered as the CPU does; running out of room ends the test
 * program.
 */
#ifndef SELFTESTS_ASSEMBLER_H
#define SELFTESTS_ASSEMBLER_H

#include <stddef.h>
#include <stdint.h>

#include "guest.h"

enum reg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/**
 * struct assembler - a program under construction
 * @code: where it goes
 * @size: bytes so far
 */
struct assembler {
	uint8_t code[0x10000];
	size_t size;
};

void asm_bytes(struct assembler *a, const void *data, size_t n);
void asm_byte(struct assembler *a, uint8_t value);
void asm_imm32(struct assembler *a, uint32_t value);
void asm_imm64(struct assembler *a, uint64_t value);
void asm_fixed(struct assembler *a, struct guest_code code);

/* 32 bits of distance that are not known yet; asm_land() makes them lead to where it is called. */
size_t asm_distance(struct assembler *a);
void asm_land(struct assembler *a, size_t distance);

/* The same to @place, a size that there was before. */
void asm_back(struct assembler *a, size_t place);

/* 64-bit @opcode between registers; two-byte opcodes as 0x0fXX. */
void asm_registers(struct assembler *a, unsigned int opcode, unsigned int reg, unsigned int rm);

/* The same with memory at @base + RBP; @prefix 0 is none; @wide: of 64 bits. */
void asm_memory(struct assembler *a, uint8_t prefix, int wide, unsigned int opcode,
		unsigned int reg, unsigned int base);

#endif
