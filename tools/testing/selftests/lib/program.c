// SPDX-License-Identifier: GPL-2.0-only
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
