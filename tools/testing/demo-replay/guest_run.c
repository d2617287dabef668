// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records or replays one small guest, and leaves its final state in a file:
 * registers, then all RAM.  What "make demo-replay" runs on the emulated hosts.
 *
 *   guest_run record LOG STATE
 *   guest_run replay LOG STATE
 *
 * The guest counts in a loop without exits while its periodic timer interrupts
 * it; the handler notes the time stamp, the place and the count.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "counter.h"
#include "replay.h"

#define VECTOR		0x40
#define HANDLER		0x20000
#define LOCAL_APIC	0xfee00000
#define INTERRUPTS	200

GUEST_CODE(count,
	   "movl $0x1ff, 0xf0(%r15)\n"		/* local APIC on */
	   "movl $0xb, 0x3e0(%r15)\n"		/* divide by 1 */
	   "movl $0x20040, 0x320(%r15)\n"	/* periodic, vector 0x40 */
	   "movl $250000, 0x380(%r15)\n"
	   "sti\n"
	   "1: inc %rcx; test $7, %cl; jnz 1b; rol $3, %rbx; xor %rcx, %rbx; jmp 1b\n");

GUEST_CODE(note,
	   "rdtsc; shl $32, %rdx; or %rdx, %rax; stosq\n"
	   "mov (%rsp), %rax; stosq\n"
	   "mov %rcx, %rax; stosq\n"
	   "movl $0, 0xb0(%r15)\n"
	   "dec %ebp; jnz 1f; out %al, $0x10; 1: iretq\n");

static void set_up(struct replay *r)
{
	struct kvm_regs regs = guest_regs(&r->guest);

	guest_load_code(&r->guest, count);
	guest_load(&r->guest, HANDLER, guest_note, guest_note_end - guest_note);
	guest_set_handler(&r->guest, VECTOR, HANDLER);
	regs.rdi = GUEST_DATA;
	regs.rbp = INTERRUPTS;
	regs.r15 = LOCAL_APIC;
	guest_set_regs(&r->guest, &regs);
}

static void save(const char *path, const struct kvm_regs *regs, const uint8_t *ram, size_t size)
{
	FILE *f = fopen(path, "w");

	if (!f || fwrite(regs, sizeof(*regs), 1, f) != 1 || fwrite(ram, size, 1, f) != 1 ||
	    fclose(f))
		err(1, "%s", path);
}

static void report(const struct replay *r)
{
	printf("{\"entries\": %llu, \"bytes\": %llu, \"progress\": %llu}\n",
	       r->status.entries, r->status.bytes, r->status.progress);
}

static void record_guest(struct replay *r, const char *state)
{
	replay_record(r);
	save(state, &r->machine.regs, r->ram, r->mem_size);
	report(r);
}

static void replay_guest(struct replay *r, const char *state)
{
	struct machine machine;

	if (replay_replay(r) != KVM_FT_EXIT_END)
		errx(1, "the replay ended early: %s", r->status.what);
	machine_read(&machine, &r->guest);
	save(state, &machine.regs, r->guest.mem, r->mem_size);
	report(r);
}

int main(int argc, char **argv)
{
	struct replay r = { .mem_size = 4 << 20, .set_up = set_up };
	int recording;

	if (argc != 4 || (strcmp(argv[1], "record") && strcmp(argv[1], "replay")))
		errx(2, "usage: guest_run record|replay LOG STATE");
	recording = !strcmp(argv[1], "record");
	replay_set_skid(0);
	r.log = open(argv[2], recording ? O_RDWR | O_CREAT | O_TRUNC : O_RDONLY, 0600);
	if (r.log < 0)
		err(1, "%s", argv[2]);
	if (recording)
		record_guest(&r, argv[3]);
	else
		replay_guest(&r, argv[3]);
	return 0;
}
