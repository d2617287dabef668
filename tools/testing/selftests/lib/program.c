// SPDX-License-Identifier: GPL-2.0-only
#include <stdio.h>

#include "program.h"

void program_load(struct guest *g, const struct program *p)
{
	struct kvm_regs regs = guest_regs(g);

	guest_put(g, guest_put(g, GUEST_ENTRY, p->start), p->loop);
	guest_put(g, PROGRAM_HANDLER, p->handler);
	guest_set_handler(g, PROGRAM_VECTOR, PROGRAM_HANDLER);
	regs.r12 = GUEST_DATA;
	regs.r15 = APIC_BASE;
	guest_set_regs(g, &regs);
}

static void set_up(struct replay *r)
{
	program_load(&r->guest, r->context);
}

int program_check(const struct program *p, struct replay *r)
{
	const char *difference;

	r->mem_size = 4 << 20;
	r->context = (void *)p;
	if (!r->set_up)
		r->set_up = set_up;
	difference = replay_check_skids(r);
	if (difference)
		printf("# %s\n", difference);
	return !difference;
}
