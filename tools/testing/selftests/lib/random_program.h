/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Random guest programs: the same seed always makes the same program.
 *
 * A program computes on registers and memory, branches and loops on what it has
 * computed, faults, reads times and ports, halts, and is interrupted by its
 * timer and by what the VMM sends.  Its handlers mix into its registers where
 * it was interrupted, so that an interrupt one instruction off changes all
 * that follows.  It ends by itself, with an OUT to PORT_DONE.
 *
 * Each block of a program is complete in itself: whatever the registers are
 * before it, it neither leaves its memory nor goes on for ever.
 *
 * R11: where to go on after a fault; R12: the window, whose pages come and go;
 * R13: rounds left; R14: data; R15: local APIC; RBP: address in a block.
 */
#ifndef SELFTESTS_RANDOM_PROGRAM_H
#define SELFTESTS_RANDOM_PROGRAM_H

#include "assembler.h"
#include "guest.h"

#define RANDOM_PROGRAM_MEMORY		0x112000
/* OUT: nothing is to be done; IN: 4 bytes that the VMM chooses. */
#define RANDOM_PROGRAM_PORT		0x11
/* Of the VMM's interrupt; before it, the VMM may write to the mailbox. */
#define RANDOM_PROGRAM_VECTOR		0x50
#define RANDOM_PROGRAM_MAILBOX		0x98000
#define RANDOM_PROGRAM_MAILBOX_SIZE	256

/* Writes the program of @seed into guest RAM and sets the registers. */
void random_program_load(struct guest *g, uint64_t seed);

/* For the two parts of the above: the rounds of blocks, and all around them. */

#define RANDOM_PROGRAM_SOFTWARE_VECTOR	0x41
#define RANDOM_PROGRAM_WINDOW_PT	0x41000
#define RANDOM_PROGRAM_WINDOW_PAGES	64

void random_program_rounds(struct assembler *a, uint64_t *random);

#endif
