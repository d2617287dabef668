// SPDX-License-Identifier: GPL-2.0-only
/*
 * Brings the replayed guest to the landmark of the next entry.
 *
 * Far away, the counter is set to overflow before the landmark, with its skid
 * to spare.  Near it, an instruction breakpoint stops the guest each time that
 * it comes by, until the progress is right.  Neither is visible to the guest.
 */
#include "../../session.h"
#include "../../trace.h"

/* The breakpoint is armed this much earlier than the skid requires: not at the landmark. */
#define MARGIN	1

/*
 * An overflow that came early leaves up to twice the skid to go.  The counter is
 * set once more then, unless the passages of the breakpoint cost no more than
 * that does.
 */
#define SHORTEST_PERIOD	32

/*
 * A guest that has left the log's path may never come to an exit.  It is stopped
 * this far behind where the log has one: seldom enough not to matter.
 */
#define LONGEST_ASTRAY	0x1000000

static int set_approach(struct kvm_ft_session *s, enum kvm_ft_approach approach, u64 events)
{
	int err;

	err = kvm_ft_counter_overflow_after(s, events);
	if (err) {
		kvm_ft_fail(s, err, "cannot set the counter's period");
		return err;
	}
	s->arch.approach = approach;
	return 0;
}

static int passed(struct kvm_ft_session *s)
{
	int r = kvm_ft_replayer_at(&s->replayer, s->here.progress, s->here.rip, s->here.rcx);

	if (r < 0)
		kvm_ft_diverged(s);
	return r;
}

/**
 * kvm_ft_free_stretch() - how far may the guest run without a next entry?
 * @s: a replaying session; @s->here is up to date
 *
 * The counter's overflow may be late, so the last events before the mark are
 * left for when there is more of the log.
 *
 * Return: progress events, 0 if it must wait.
 */
u64 kvm_ft_free_stretch(const struct kvm_ft_session *s)
{
	u64 end = s->here.progress + s->arch.skid + MARGIN;

	return s->replayer.free_until > end ? s->replayer.free_until - end : 0;
}

/* The next entry is an exit of the guest's own making. */
static int watch(struct kvm_ft_session *s)
{
	return set_approach(s, KVM_FT_WATCHING, s->replayer.next.progress -
						s->here.progress + LONGEST_ASTRAY);
}

/**
 * kvm_ft_is_approached() - may the guest run on as it did?
 * @s: a replaying session; @s->here is up to date
 *
 * Any context in the vCPU's thread.
 *
 * Return: false if kvm_ft_approach() has something to do.
 */
bool kvm_ft_is_approached(const struct kvm_ft_session *s)
{
	const struct kvm_ft_arch *a = &s->arch;

	if (s->replayer.have && s->here.progress > s->replayer.next.progress)
		return false;
	switch (a->approach) {
	case KVM_FT_BREAKPOINT:
		return kvm_ft_replayer_stops(&s->replayer);
	case KVM_FT_WATCHING:
		return s->replayer.have && !kvm_ft_replayer_stops(&s->replayer) &&
		       !READ_ONCE(a->overflowed);
	case KVM_FT_COUNTING:
		return (!s->replayer.have || kvm_ft_replayer_stops(&s->replayer)) &&
		       !READ_ONCE(a->overflowed);
	default:
		return false;
	}
}

/**
 * kvm_ft_approach() - prepare the next VM entry
 * @s: a replaying session with a next entry, or with a stretch to run;
 *	@s->here is up to date
 *
 * Process context; may sleep.
 *
 * Return: 0; negative if the landmark was passed or the counter failed, and
 * the session has ended.
 */
int kvm_ft_approach(struct kvm_ft_session *s)
{
	u64 reserve = s->arch.skid + MARGIN;
	u64 distance;

	if (kvm_ft_is_approached(s))
		return 0;
	if (!s->replayer.have)
		return set_approach(s, KVM_FT_COUNTING, kvm_ft_free_stretch(s));
	if (s->here.progress > s->replayer.next.progress)
		return passed(s);
	if (!kvm_ft_replayer_stops(&s->replayer))
		return watch(s);
	distance = s->replayer.next.progress - s->here.progress;
	if (distance < reserve + SHORTEST_PERIOD)
		return set_approach(s, KVM_FT_BREAKPOINT, 0);
	return set_approach(s, KVM_FT_COUNTING, distance - reserve);
}

/**
 * kvm_ft_breakpoint_hit() - the guest is about to execute the instruction at
 * the next entry's position
 * @s: a replaying session
 *
 * Return: 1 if this is the landmark, 0 if the guest has to come by again,
 * negative if it is past it and the session has ended.
 */
int kvm_ft_breakpoint_hit(struct kvm_ft_session *s)
{
	int r = passed(s);

	if (r > 0)
		s->stats.breakpoint_hits++;
	else
		s->stats.breakpoint_misses++;
	trace_kvm_ft_landmark(s->id, &s->replayer.next, s->here.progress, r > 0);
	return r;
}
