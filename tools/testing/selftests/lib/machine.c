// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "machine.h"

#define RF		0x10000
#define APIC_TMCCT	0x390

enum whose { OF_VCPU, OF_VM };

static const struct {
	const char *name;
	unsigned long ioctl;
	size_t offset;
	size_t size;
	enum whose whose;
} parts[] = {
	{ "regs", KVM_GET_REGS, offsetof(struct machine, regs),
	  sizeof(struct kvm_regs), OF_VCPU },
	{ "sregs", KVM_GET_SREGS, offsetof(struct machine, sregs),
	  sizeof(struct kvm_sregs), OF_VCPU },
	{ "debugregs", KVM_GET_DEBUGREGS, offsetof(struct machine, debugregs),
	  sizeof(struct kvm_debugregs), OF_VCPU },
	{ "events", KVM_GET_VCPU_EVENTS, offsetof(struct machine, events),
	  sizeof(struct kvm_vcpu_events), OF_VCPU },
	{ "xsave", KVM_GET_XSAVE, offsetof(struct machine, xsave),
	  sizeof(struct kvm_xsave), OF_VCPU },
	{ "lapic", KVM_GET_LAPIC, offsetof(struct machine, lapic),
	  sizeof(struct kvm_lapic_state), OF_VCPU },
	{ "ioapic", KVM_GET_IRQCHIP, offsetof(struct machine, ioapic),
	  sizeof(struct kvm_irqchip), OF_VM },
};

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/*
 * What KVM may have left from events that it has long delivered, or from time
 * that has passed; and RFLAGS.RF, which steps over a breakpoint.
 */
static void leave_out_traces(struct machine *m)
{
	m->regs.rflags &= ~RF;
	memset(m->lapic.regs + APIC_TMCCT, 0, 4);
	if (!m->events.exception.injected && !m->events.exception.pending)
		memset(&m->events.exception, 0, sizeof(m->events.exception));
	if (!m->events.interrupt.injected) {
		m->events.interrupt.nr = 0;
		m->events.interrupt.soft = 0;
	}
}

void machine_read(struct machine *m, struct guest *g)
{
	size_t i;

	memset(m, 0, sizeof(*m));
	m->ioapic.chip_id = KVM_IRQCHIP_IOAPIC;
	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (ioctl(parts[i].whose == OF_VM ? g->vm : g->vcpu, parts[i].ioctl,
			  (char *)m + parts[i].offset))
			err(1, "KVM's state of a VM: %s", parts[i].name);
	leave_out_traces(m);
}

const char *machine_difference(const struct machine *a, const struct machine *b)
{
	static char text[128];
	size_t i, byte;

	for (i = 0; i < ARRAY_SIZE(parts); i++) {
		const uint8_t *x = (const uint8_t *)a + parts[i].offset;
		const uint8_t *y = (const uint8_t *)b + parts[i].offset;

		for (byte = 0; byte < parts[i].size; byte++) {
			if (x[byte] == y[byte])
				continue;
			snprintf(text, sizeof(text), "%s differ at byte %zu: %#x and %#x",
				 parts[i].name, byte, x[byte], y[byte]);
			return text;
		}
	}
	return NULL;
}
