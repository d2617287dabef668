/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a session knows of the other host: how much of the log it has (the output
 * rule), how far behind it is, whether it is there.
 *
 * The transport says what it hears, in a thread of its own; the VMM reads it in a
 * page that it maps, and is woken.
 */
#ifndef KVM_FT_COMMIT_H
#define KVM_FT_COMMIT_H

#include <linux/kvm_ft.h>
#include <linux/poll.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

struct kvm_ft_session;
struct vm_area_struct;

#define KVM_FT_LAG_SAMPLES	64

/**
 * struct kvm_ft_sample - when the log had come how far
 * @position: bytes
 * @at: ktime, nanoseconds
 */
struct kvm_ft_sample {
	u64 position;
	u64 at;
};

/**
 * struct kvm_ft_link - see above; part of a session
 * @lock: of all that follows, but for @looked; leaf
 * @wait: woken when @page changes
 * @page: one page, mapped by the VMM
 * @looked: @page->committed when it was last read
 * @samples: a ring of them, of what was not replayed yet
 * @first: of @samples
 * @nr: how many
 * @peer_tsc: the guest's TSC as the primary last told it; 0 for never
 * @peer_tsc_at: when, ktime in nanoseconds
 */
struct kvm_ft_link {
	spinlock_t lock;	/* see above */
	wait_queue_head_t wait;
	struct kvm_ft_link_page *page;
	u64 looked;
	struct kvm_ft_sample samples[KVM_FT_LAG_SAMPLES];
	unsigned int first;
	unsigned int nr;
	u64 peer_tsc;
	u64 peer_tsc_at;
};

/* For the session.  Process context, may sleep. */
int kvm_ft_link_init(struct kvm_ft_link *link);
void kvm_ft_link_release(struct kvm_ft_link *link);
int kvm_ft_link_mmap(struct kvm_ft_link *link, struct vm_area_struct *vma);
__poll_t kvm_ft_link_poll(struct kvm_ft_link *link, struct file *file, poll_table *table);
ssize_t kvm_ft_link_read(struct kvm_ft_link *link, char __user *buf, size_t size);

/**
 * kvm_ft_link_clock() - the guest's TSC, had it never stopped
 * @s: a replaying session
 *
 * Return: what the primary told last and the time since then; never less than what the
 * guest has read of it.
 */
u64 kvm_ft_link_clock(struct kvm_ft_session *s);

/*
 * For transports; process context unless noted, they do not sleep.
 */

/* Anything was heard; the first time the link comes up. */
void kvm_ft_link_heard(struct kvm_ft_link *link);

/* Record: so much of the log is on its way. */
void kvm_ft_link_stored(struct kvm_ft_link *link, u64 position);

/* Record: the other side has so much, and has replayed so much.  Replay: we have. */
void kvm_ft_link_committed(struct kvm_ft_link *link, u64 position, u64 replayed);

/* Replay: the guest's TSC on the primary is this now. */
void kvm_ft_link_told_clock(struct kvm_ft_link *link, u64 tsc);

/* Record: the guest's TSC now, to tell the other side. */
u64 kvm_ft_link_guest_clock(struct kvm_ft_link *link);

/* The first call counts: -ENOTCONN or another negative errno; 0 for a proper end. */
void kvm_ft_link_ended(struct kvm_ft_link *link, int error);

/* Did it?  KVM_FT_LINK_LOST or CLOSED. */
bool kvm_ft_link_has_ended(const struct kvm_ft_link *link);

/* Record: the guest was held for so long. */
void kvm_ft_link_held(struct kvm_ft_link *link, u64 ns);

#endif
