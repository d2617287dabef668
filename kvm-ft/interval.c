// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a recording does at intervals of guest progress: hashes of RAM, and
 * marks where there was no other entry for long.
 *
 * The counter is set to overflow when the next of them is due.  That stops the
 * guest, and what is due is done at the landmark that follows.
 */
#include <linux/kvm_host.h>
#include <linux/moduleparam.h>

#include "session.h"

static ulong mark_interval = 10000000;
module_param(mark_interval, ulong, 0644);
MODULE_PARM_DESC(mark_interval, "Progress events without a log entry after which a mark is recorded, for recordings that do not choose it (at least 100000)");

static bool valid(u64 interval)
{
	return interval >= KVM_FT_INTERVAL_MIN && interval <= KVM_FT_INTERVAL_MAX;
}

/**
 * kvm_ft_intervals_set() - take over what the VMM chose
 * @s: a session that is about to record
 * @start: the VMM's choice
 *
 * Return: 0, or -EINVAL.
 */
int kvm_ft_intervals_set(struct kvm_ft_session *s, const struct kvm_ft_start *start)
{
	if (start->ram_hash_interval &&
	    (!(start->flags & KVM_FT_START_CHECKING) || !valid(start->ram_hash_interval)))
		return -EINVAL;
	if (start->mark_interval && !valid(start->mark_interval))
		return -EINVAL;
	s->ram.interval = start->ram_hash_interval;
	s->ram.due = start->ram_hash_interval;
	s->mark_interval = start->mark_interval ?:
			   clamp_t(u64, READ_ONCE(mark_interval), KVM_FT_INTERVAL_MIN,
				   KVM_FT_INTERVAL_MAX);
	return 0;
}

static u64 mark_due(const struct kvm_ft_session *s)
{
	return s->recorder.writer.codec.progress + s->mark_interval;
}

static u64 next_due(const struct kvm_ft_session *s)
{
	return s->ram.interval ? min(s->ram.due, mark_due(s)) : mark_due(s);
}

/**
 * kvm_ft_intervals_arm() - have the guest stopped when the next is due
 * @s: a recording session; @s->here is up to date
 *
 * Process context; may sleep.
 *
 * Return: 0, or perf's error.
 */
int kvm_ft_intervals_arm(struct kvm_ft_session *s)
{
	u64 due = next_due(s);

	if (READ_ONCE(s->armed))
		return 0;
	WRITE_ONCE(s->armed, true);
	return kvm_ft_counter_overflow_after(s, max(due, s->here.progress + 1) -
						s->here.progress);
}

/**
 * kvm_ft_intervals_due() - the counter has overflowed
 * @s: a recording session
 *
 * Any context, NMI too.
 */
void kvm_ft_intervals_due(struct kvm_ft_session *s)
{
	WRITE_ONCE(s->armed, false);
	set_bit(KVM_FT_PENDING_DUE, &s->pending);
}

/**
 * kvm_ft_mark() - record that nothing happened up to here
 * @s: a recording session
 *
 * Return: 0, or a negative errno after which the session has ended.
 */
int kvm_ft_mark(struct kvm_ft_session *s)
{
	struct kvm_ft_entry e = { .kind = KVM_FT_KIND_MARK };

	return kvm_ft_async(s, &e);
}

/**
 * kvm_ft_intervals_record() - do what is due
 * @s: a recording session; the guest stands at a landmark, @s->here
 *
 * An overflow may be early, by the counter's skid.
 *
 * Return: 0, or a negative errno after which the session has ended.
 */
int kvm_ft_intervals_record(struct kvm_ft_session *s)
{
	u64 now = s->here.progress + s->arch.skid;
	int err = 0;

	if (s->ram.interval && now >= s->ram.due) {
		s->ram.due = s->here.progress + s->ram.interval;
		err = kvm_ft_ram_record(s);
	}
	if (!err && now >= mark_due(s))
		err = kvm_ft_mark(s);
	return err;
}
