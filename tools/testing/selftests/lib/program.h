/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest of most tests: it prepares something, goes round a loop, and is
 * interrupted; the interrupt's handler notes where, and ends the guest after
 * so many times.
 *
 * R12 points to where notes go, R15 to the local APIC, EBP counts.
 */
#ifndef SELFTESTS_PROGRAM_H
#define SELFTESTS_PROGRAM_H

#include "apic.h"
#include "replay.h"

#define PROGRAM_HANDLER	0x20000
#define PROGRAM_VECTOR	APIC_TIMER_VECTOR

/* Notes RIP and RFLAGS of what was interrupted, with @pushed bytes above them, and RCX. */
#define PROGRAM_NOTE(pushed)						\
	"push %rax\n"							\
	"mov 8+" #pushed "(%rsp), %rax; mov %rax, (%r12)\n"		\
	"mov 24+" #pushed "(%rsp), %rax; mov %rax, 8(%r12)\n"		\
	"mov %rcx, 16(%r12)\n"						\
	"add $24, %r12\n"						\
	"pop %rax\n"

/* At the end of a handler. */
#define PROGRAM_COUNT	"dec %ebp; jnz 1f; out %al, $0x10; 1:\n"
#define PROGRAM_RETURN	PROGRAM_COUNT "iretq\n"

/**
 * struct program - see above
 * @start: at GUEST_ENTRY
 * @loop: behind it
 * @handler: at PROGRAM_HANDLER, of PROGRAM_VECTOR
 */
struct program {
	struct guest_code start;
	struct guest_code loop;
	struct guest_code handler;
};

void program_load(struct guest *g, const struct program *p);

/*
 * Records and replays it with both skids of replay_check_skids(), with what @r
 * has besides (mem_size and context are set; set_up may be NULL).  Returns 1 if
 * all is the same, and leaves the end of the recording in @r->machine; if not,
 * says what differs and returns 0.
 */
int program_check(const struct program *p, struct replay *r);

#endif
