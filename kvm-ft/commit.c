// SPDX-License-Identifier: GPL-2.0-only
#include <linux/export.h>
#include <linux/kvm_host.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "commit.h"
#include "compat/mm.h"
#include "session.h"

/* Two samples are at least so far apart: what a lag is known to. */
#define SAMPLE_NS	(NSEC_PER_MSEC / 2)

int kvm_ft_link_init(struct kvm_ft_link *link)
{
	BUILD_BUG_ON(sizeof(*link->page) > PAGE_SIZE);
	spin_lock_init(&link->lock);
	init_waitqueue_head(&link->wait);
	link->page = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	return link->page ? 0 : -ENOMEM;
}

void kvm_ft_link_release(struct kvm_ft_link *link)
{
	free_page((unsigned long)link->page);
}

int kvm_ft_link_mmap(struct kvm_ft_link *link, struct vm_area_struct *vma)
{
	if (vma->vm_pgoff || vma->vm_end - vma->vm_start != PAGE_SIZE ||
	    vma->vm_flags & VM_WRITE)
		return -EINVAL;
	kvm_ft_vm_flags_clear(vma, VM_MAYWRITE);
	return vm_insert_page(vma, vma->vm_start, virt_to_page(link->page));
}

bool kvm_ft_link_has_ended(const struct kvm_ft_link *link)
{
	return READ_ONCE(link->page->state) >= KVM_FT_LINK_LOST;
}
EXPORT_SYMBOL_GPL(kvm_ft_link_has_ended);

__poll_t kvm_ft_link_poll(struct kvm_ft_link *link, struct file *file, poll_table *table)
{
	__poll_t mask = 0;

	poll_wait(file, &link->wait, table);
	if (READ_ONCE(link->page->committed) != READ_ONCE(link->looked))
		mask |= EPOLLIN | EPOLLRDNORM;
	if (kvm_ft_link_has_ended(link))
		mask |= EPOLLHUP;
	return mask;
}

ssize_t kvm_ft_link_read(struct kvm_ft_link *link, char __user *buf, size_t size)
{
	u64 committed = READ_ONCE(link->page->committed);

	if (size < sizeof(committed))
		return -EINVAL;
	if (copy_to_user(buf, &committed, sizeof(committed)))
		return -EFAULT;
	WRITE_ONCE(link->looked, committed);
	return sizeof(committed);
}

void kvm_ft_link_heard(struct kvm_ft_link *link)
{
	struct kvm_ft_link_page *page = link->page;

	spin_lock(&link->lock);
	WRITE_ONCE(page->heard_ns, ktime_get_ns());
	if (page->state == KVM_FT_LINK_OPENING)
		WRITE_ONCE(page->state, KVM_FT_LINK_UP);
	spin_unlock(&link->lock);
}
EXPORT_SYMBOL_GPL(kvm_ft_link_heard);

void kvm_ft_link_stored(struct kvm_ft_link *link, u64 position)
{
	u64 now = ktime_get_ns();
	struct kvm_ft_sample *last;

	spin_lock(&link->lock);
	last = &link->samples[(link->first + link->nr - 1) % KVM_FT_LAG_SAMPLES];
	if (!link->nr || (link->nr < KVM_FT_LAG_SAMPLES && now - last->at >= SAMPLE_NS))
		link->samples[(link->first + link->nr++) % KVM_FT_LAG_SAMPLES] =
			(struct kvm_ft_sample){ .position = position, .at = now };
	spin_unlock(&link->lock);
}
EXPORT_SYMBOL_GPL(kvm_ft_link_stored);

/* How old is the oldest that was not replayed?  Locked. */
static u64 lag(struct kvm_ft_link *link, u64 replayed)
{
	while (link->nr && link->samples[link->first].position <= replayed) {
		link->first = (link->first + 1) % KVM_FT_LAG_SAMPLES;
		link->nr--;
	}
	return link->nr ? ktime_get_ns() - link->samples[link->first].at : 0;
}

void kvm_ft_link_committed(struct kvm_ft_link *link, u64 position, u64 replayed)
{
	struct kvm_ft_link_page *page = link->page;
	bool changed;

	spin_lock(&link->lock);
	changed = position != page->committed;
	WRITE_ONCE(page->committed, position);
	WRITE_ONCE(page->replayed, replayed);
	WRITE_ONCE(page->lag_ns, lag(link, replayed));
	spin_unlock(&link->lock);
	if (changed)
		wake_up_poll(&link->wait, EPOLLIN | EPOLLRDNORM);
}
EXPORT_SYMBOL_GPL(kvm_ft_link_committed);

void kvm_ft_link_told_clock(struct kvm_ft_link *link, u64 tsc)
{
	spin_lock(&link->lock);
	link->peer_tsc = tsc;
	link->peer_tsc_at = ktime_get_ns();
	spin_unlock(&link->lock);
}
EXPORT_SYMBOL_GPL(kvm_ft_link_told_clock);

u64 kvm_ft_link_guest_clock(struct kvm_ft_link *link)
{
	struct kvm_ft_session *s = container_of(link, struct kvm_ft_session, link);

	return kvm_read_l1_tsc(s->arch.vcpu, rdtsc());
}
EXPORT_SYMBOL_GPL(kvm_ft_link_guest_clock);

u64 kvm_ft_link_clock(struct kvm_ft_session *s)
{
	struct kvm_ft_link *link = &s->link;
	u64 tsc, since;

	spin_lock(&link->lock);
	tsc = link->peer_tsc;
	since = tsc ? ktime_get_ns() - link->peer_tsc_at : 0;
	spin_unlock(&link->lock);
	tsc += mul_u64_u32_div(since, s->arch.vcpu->arch.virtual_tsc_khz, USEC_PER_SEC);
	return max(tsc, s->guest_tsc + 1);
}

void kvm_ft_link_ended(struct kvm_ft_link *link, int error)
{
	struct kvm_ft_link_page *page = link->page;

	spin_lock(&link->lock);
	if (!kvm_ft_link_has_ended(link)) {
		WRITE_ONCE(page->error, -error);
		WRITE_ONCE(page->state, error ? KVM_FT_LINK_LOST : KVM_FT_LINK_CLOSED);
	}
	spin_unlock(&link->lock);
	wake_up_poll(&link->wait, EPOLLHUP);
}
EXPORT_SYMBOL_GPL(kvm_ft_link_ended);

void kvm_ft_link_held(struct kvm_ft_link *link, u64 ns)
{
	WRITE_ONCE(link->page->held_ns, link->page->held_ns + ns);
}
EXPORT_SYMBOL_GPL(kvm_ft_link_held);
