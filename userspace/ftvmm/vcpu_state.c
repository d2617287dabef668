// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>

#include "message.h"
#include "vcpu_state.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/**
 * struct part - of the state
 * @name: for people
 * @get: ioctl that reads it
 * @set: ioctl that sets it
 * @offset: in struct vcpu_state
 */
struct part {
	const char *name;
	unsigned long get;
	unsigned long set;
	size_t offset;
};

#define PART(field, get, set) { #field, get, set, offsetof(struct vcpu_state, field) }

/*
 * In the order of setting: KVM looks at CR0 and CR4, and whether there is an x2APIC
 * (sregs), when it takes the rest; the timer's MSRs need the local APIC.
 */
static const struct part parts[] = {
	PART(regs, KVM_GET_REGS, KVM_SET_REGS),
	PART(sregs, KVM_GET_SREGS, KVM_SET_SREGS),
	PART(xcrs, KVM_GET_XCRS, KVM_SET_XCRS),
	PART(xsave, KVM_GET_XSAVE, KVM_SET_XSAVE),
	PART(debug, KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS),
	PART(lapic, KVM_GET_LAPIC, KVM_SET_LAPIC),
	PART(events, KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS),
	PART(mp, KVM_GET_MP_STATE, KVM_SET_MP_STATE),
};

/* Those that KVM tells us to save, as far as this vCPU has them. */
static int list_msrs(int kvm, struct vcpu_msrs *msrs)
{
	struct {
		uint32_t nmsrs;
		uint32_t indices[VCPU_MSRS];
	} list = { .nmsrs = VCPU_MSRS };
	uint32_t i;

	if (ioctl(kvm, KVM_GET_MSR_INDEX_LIST, &list))
		return -1;
	msrs->nmsrs = list.nmsrs;
	for (i = 0; i < list.nmsrs; i++)
		msrs->entries[i] = (struct kvm_msr_entry){ .index = list.indices[i] };
	return 0;
}

static void forget_msr(struct vcpu_msrs *msrs, uint32_t i)
{
	memmove(&msrs->entries[i], &msrs->entries[i + 1],
		(msrs->nmsrs - i - 1) * sizeof(msrs->entries[0]));
	msrs->nmsrs--;
}

/* KVM reads up to the first that it cannot. */
static int get_msrs(int kvm, int vcpu, struct vcpu_msrs *msrs)
{
	int done;

	if (list_msrs(kvm, msrs))
		return -1;
	for (;;) {
		done = ioctl(vcpu, KVM_GET_MSRS, msrs);
		if (done < 0 || (uint32_t)done == msrs->nmsrs)
			return done < 0 ? -1 : 0;
		forget_msr(msrs, done);
	}
}

int vcpu_state_get(int kvm, int vcpu, struct vcpu_state *state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (ioctl(vcpu, parts[i].get, (char *)state + parts[i].offset))
			return complain("cannot read the vCPU's %s: %s", parts[i].name,
					strerror(errno));
	if (get_msrs(kvm, vcpu, &state->msrs))
		return complain("cannot read the vCPU's MSRs: %s", strerror(errno));
	return 0;
}

/* Some are read-only, which is no error if they have the value already. */
static int set_msrs(int vcpu, struct vcpu_msrs *all)
{
	uint32_t i;

	for (i = 0; i < all->nmsrs; i++) {
		struct vcpu_msrs one = { .nmsrs = 1, .entries[0] = all->entries[i] };
		struct vcpu_msrs now = { .nmsrs = 1, .entries[0].index = all->entries[i].index };

		if (ioctl(vcpu, KVM_SET_MSRS, &one) == 1)
			continue;
		if (ioctl(vcpu, KVM_GET_MSRS, &now) != 1 ||
		    now.entries[0].data != all->entries[i].data)
			return complain("KVM does not take %#llx for MSR %#x", one.entries[0].data,
					one.entries[0].index);
	}
	return 0;
}

int vcpu_state_set(int vcpu, struct vcpu_state *state)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(parts); i++)
		if (ioctl(vcpu, parts[i].set, (char *)state + parts[i].offset))
			return complain("cannot set the vCPU's %s: %s", parts[i].name,
					strerror(errno));
	return set_msrs(vcpu, &state->msrs);
}
