/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Segments, tables and a TSS for guests that are not in 64-bit mode at CPL 0
 * all the time.  All segments begin at 0, in real mode too (QEMU ends at a
 * breakpoint where CS does not), and all but real mode's CS reach over all memory.
 */
#ifndef SELFTESTS_MODES_H
#define SELFTESTS_MODES_H

#include "guest.h"

#define MODES_CS32	0x18
#define MODES_DS32	0x20
#define MODES_CS16	0x28
#define MODES_USER_DS	0x3b
#define MODES_USER_CS	0x43
#define MODES_TR	0x48

#define MODES_IDT32	0x5000
#define MODES_IDT16	0x5800
#define MODES_STACK0	0x7000	/* RSP0 */
#define MODES_TSS	0x9000
#define MODES_SYSCALL	0x9800	/* where LSTAR points */
#define MODES_ENTRY16	0xa000
#define MODES_TABLES32	0x30000	/* of 4 MiB pages */
#define MODES_TABLES_PAE 0x31000	/* of 2 MiB pages, five of them */

enum mode {
	MODE_REAL,
	MODE_PROTECTED,		/* 32-bit, without paging */
	MODE_PAGED,		/* 32-bit, pages of 4 MiB */
	MODE_PAE,		/* 32-bit, pages of 2 MiB */
	MODE_LONG,		/* 64-bit */
};

/*
 * For a guest as guest_reset() leaves it: writes all of the above, makes the
 * first GiB of addresses the user's, too, and enables SYSCALL.
 */
void modes_set_up(struct guest *g);

/* Begin at GUEST_ENTRY, real mode at MODES_ENTRY16, at CPL 0. */
void modes_enter(struct guest *g, enum mode mode);

/* Interrupt @vector enters the code at @handler: gates of 32-bit and real mode. */
void modes_set_handler32(struct guest *g, int vector, uint32_t handler);
void modes_set_handler16(struct guest *g, int vector, uint16_t handler);

#endif
