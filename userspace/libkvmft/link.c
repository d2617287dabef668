// SPDX-License-Identifier: GPL-2.0-only
/* A session whose log goes to, or comes from, another host. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "session.h"

#define MSR_TSC			0x10
#define MSR_TSC_DEADLINE	0x6e0

/**
 * struct one_msr - argument of KVM_GET_MSRS and KVM_SET_MSRS
 * @head: with nmsrs 1
 * @entry: which one, and its value
 */
struct one_msr {
	struct kvm_msrs head;
	struct kvm_msr_entry entry;
};

static int fail(struct kvmft_session *s, const char *call)
{
	int error = errno;

	snprintf(s->problem, sizeof(s->problem), "%s: %s", call, strerror(error));
	return -error;
}

static int map_page(struct kvmft_session *s)
{
	void *page = s->page ?: mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED, s->fd, 0);

	if (page == MAP_FAILED)
		return fail(s, "mapping the session");
	s->page = page;
	return 0;
}

int kvmft_link(struct kvmft_session *s, struct kvm_ft_link_page *link)
{
	const struct kvm_ft_link_page *page;
	int err = map_page(s);

	if (err)
		return err;
	page = s->page;
	/* The kernel writes each of them at once. */
	*link = (struct kvm_ft_link_page){
		.state = __atomic_load_n(&page->state, __ATOMIC_ACQUIRE),
		.error = __atomic_load_n(&page->error, __ATOMIC_RELAXED),
		.committed = __atomic_load_n(&page->committed, __ATOMIC_RELAXED),
		.replayed = __atomic_load_n(&page->replayed, __ATOMIC_RELAXED),
		.lag_ns = __atomic_load_n(&page->lag_ns, __ATOMIC_RELAXED),
		.held_ns = __atomic_load_n(&page->held_ns, __ATOMIC_RELAXED),
		.heard_ns = __atomic_load_n(&page->heard_ns, __ATOMIC_RELAXED),
	};
	return 0;
}

uint64_t kvmft_committed(struct kvmft_session *s)
{
	uint64_t committed;

	return read(s->fd, &committed, sizeof(committed)) == sizeof(committed) ? committed : 0;
}

int kvmft_output(struct kvmft_session *s, uint32_t tag, uint64_t *position)
{
	struct kvm_ft_output output = { .tag = tag };

	while (ioctl(s->fd, KVM_FT_OUTPUT, &output))
		if (errno != EINTR)
			return fail(s, "KVM_FT_OUTPUT");
	*position = output.position;
	return 0;
}

static int get_msr(int vcpu, uint32_t index, uint64_t *value)
{
	struct one_msr msr = { .head.nmsrs = 1, .entry.index = index };

	if (ioctl(vcpu, KVM_GET_MSRS, &msr) != 1)
		return -1;
	*value = msr.entry.data;
	return 0;
}

static int set_msr(int vcpu, uint32_t index, uint64_t value)
{
	struct one_msr msr = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	return ioctl(vcpu, KVM_SET_MSRS, &msr) == 1 ? 0 : -1;
}

/* By its offset: KVM may take a written TSC for an attempt to synchronize vCPUs. */
static int set_tsc(int vcpu, uint64_t tsc)
{
	uint64_t offset, now;
	struct kvm_device_attr attr = {
		.group = KVM_VCPU_TSC_CTRL,
		.attr = KVM_VCPU_TSC_OFFSET,
		.addr = (uintptr_t)&offset,
	};

	if (ioctl(vcpu, KVM_GET_DEVICE_ATTR, &attr) || get_msr(vcpu, MSR_TSC, &now))
		return -1;
	offset += tsc - now;
	return ioctl(vcpu, KVM_SET_DEVICE_ATTR, &attr);
}

/* The timer is set as it is: KVM looks anew when that is. */
static int set_clock(int vcpu, uint64_t tsc)
{
	uint64_t deadline;

	if (get_msr(vcpu, MSR_TSC_DEADLINE, &deadline))
		deadline = 0;		/* the guest has no such timer */
	if (set_tsc(vcpu, tsc))
		return -1;
	return deadline ? set_msr(vcpu, MSR_TSC_DEADLINE, deadline) : 0;
}

int kvmft_promote(struct kvmft_session *s, int vcpu)
{
	struct kvm_ft_promote promote;

	if (ioctl(s->fd, KVM_FT_PROMOTE, &promote))
		return fail(s, "KVM_FT_PROMOTE");
	return set_clock(vcpu, promote.guest_tsc) ? fail(s, "setting the guest's clock") : 0;
}
