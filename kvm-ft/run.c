// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_FT_RUN: KVM_RUN in a loop, and what must be done where KVM holds none of
 * its locks: storing and loading the log, waiting for a halted guest to be
 * woken, standing at landmarks.
 */
#include <linux/fs.h>
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>

#include "compat/kvm_run.h"
#include "session.h"

/* What to do after a step of the loop; positive, negative is an error. */
enum step {
	GO_ON = 1,	/* with the loop */
	RETURN,		/* to the VMM; the exit is set */
};

static int record_timer(struct kvm_ft_session *s)
{
	struct kvm_ft_entry e = { .kind = KVM_FT_KIND_TIMER };
	int err;

	err = kvm_ft_async(s, &e);
	if (!err)
		kvm_ft_kvm_deliver_timer(s);
	else
		set_bit(KVM_FT_PENDING_TIMER, &s->pending);
	return err;
}

/* Record: the guest stands at a landmark, with something pending. */
static int at_landmark(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	if (test_and_clear_bit(KVM_FT_PENDING_DUE, &s->pending)) {
		if (kvm_ft_intervals_record(s) || kvm_ft_log_flush(s, false))
			return GO_ON;	/* and find that the session has ended */
	}
	if (test_and_clear_bit(KVM_FT_PENDING_TIMER, &s->pending)) {
		if (record_timer(s))
			return GO_ON;	/* the session has ended, or the thread will */
	}
	if (!test_and_clear_bit(KVM_FT_PENDING_KICK, &s->pending))
		return GO_ON;
	s->at_landmark = true;
	run->exit = KVM_FT_EXIT_LANDMARK;
	return RETURN;
}

/* Replay: the guest stands at the landmark of the next entry. */
static int at_next_entry(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	struct kvm_ft_entry e = { .kind = s->replayer.next.kind };

	s->stats.landmarks++;
	switch (e.kind) {
	case KVM_FT_KIND_TIMER:
		if (!kvm_ft_async(s, &e)) {
			clear_bit(KVM_FT_PENDING_TIMER, &s->pending);
			kvm_ft_kvm_deliver_timer(s);
		}
		return GO_ON;
	case KVM_FT_KIND_RAM_HASH:
		kvm_ft_ram_replay(s);
		return GO_ON;
	case KVM_FT_KIND_EVENT:
		run->exit = KVM_FT_EXIT_EVENT;
		run->event_tag = s->replayer.next.tag;
		run->event_size = s->replayer.next.payload_len;
		return RETURN;
	case KVM_FT_KIND_STOP:
		kvm_ft_async(s, &e);
		return GO_ON;	/* to the log's end, which comes next */
	default:
		kvm_ft_fail(s, -EOPNOTSUPP, "the log has an entry of a kind that is not replayed");
		return GO_ON;
	}
}

/* Who replays us may come as far as here. */
static int hand_over(struct kvm_ft_session *s)
{
	if (kvm_ft_log_is_live(s) && s->here.progress > s->recorder.writer.codec.progress &&
	    kvm_ft_mark(s))
		return GO_ON;
	return kvm_ft_log_flush(s, true) == -EINTR ? -EINTR : GO_ON;
}

static int wait_while_halted(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	int r = hand_over(s);

	if (r != GO_ON || s->state != KVM_FT_STATE_RECORDING)
		return r;
	if (wait_event_interruptible(s->wait, READ_ONCE(s->pending)))
		return -EINTR;
	return at_landmark(s, run);
}

/* Replay: only the next entry can wake the guest, and it has to be here. */
static int wake_from_log(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	struct kvm_ft_entry found = {
		.kind = KVM_FT_KIND_EXIT, .progress = s->here.progress, .rip = s->here.rip,
	};
	int at = 0;

	if (kvm_ft_replayer_stops(&s->replayer))
		at = kvm_ft_replayer_at(&s->replayer, s->here.progress, s->here.rip, s->here.rcx);
	if (at > 0) {
		s->arch.approach = KVM_FT_FREE;
		return at_next_entry(s, run);
	}
	if (!at) {
		s->replayer.divergence.what = "the guest halted";
		s->replayer.divergence.logged = s->replayer.next;
		s->replayer.divergence.found = found;
	}
	kvm_ft_diverged(s);
	return GO_ON;
}

static int halted(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	if (kvm_ft_kvm_runnable(s)) {
		s->halted = false;
		return GO_ON;
	}
	if (kvm_ft_immediate_exit(s->arch.vcpu->run))
		return -EINTR;
	if (s->state == KVM_FT_STATE_RECORDING)
		return wait_while_halted(s, run);
	return wake_from_log(s, run);
}

static long kvm_run(struct kvm_ft_session *s)
{
	return s->vcpu_file->f_op->unlocked_ioctl(s->vcpu_file, KVM_RUN, 0);
}

/*
 * The guest cannot go on unless the VMM does something about it.  What the guest
 * asks of the VMM (port and memory-mapped I/O) is no entry: it is a consequence
 * of those that are.
 */
static bool is_end(u32 exit_reason)
{
	return exit_reason == KVM_EXIT_SHUTDOWN || exit_reason == KVM_EXIT_FAIL_ENTRY ||
	       exit_reason == KVM_EXIT_INTERNAL_ERROR;
}

static int leave_to_vmm(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	u64 reason = READ_ONCE(s->arch.vcpu->run->exit_reason);

	if (is_end(reason) && kvm_ft_sync(s, KVM_FT_KIND_EXIT, &reason))
		return GO_ON;	/* and find that the session has ended */
	run->exit = KVM_FT_EXIT_KVM;
	s->at_exit = true;
	return RETURN;
}

/* The guest runs until KVM or a hook of ours has something to say. */
static int run_guest(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	long r;

	s->at_landmark = false;
	s->at_exit = false;
	s->leave = KVM_FT_LEAVE_KVM;
	/* The VMM may have set it. */
	s->arch.tsc_aux_known = false;
	r = kvm_run(s);
	switch (s->leave) {
	case KVM_FT_LEAVE_KVM:
		return r < 0 ? r : leave_to_vmm(s, run);
	case KVM_FT_LEAVE_LANDMARK:
		s->stats.landmarks++;
		return at_landmark(s, run);
	case KVM_FT_LEAVE_STOP:
		s->arch.approach = KVM_FT_FREE;
		return at_next_entry(s, run);
	default:
		return GO_ON;
	}
}

/* Replay, without a next entry: does the log let the guest run all the same? */
static bool may_run_on(struct kvm_ft_session *s)
{
	return kvm_ft_free_stretch(s) && (!s->halted || kvm_ft_kvm_runnable(s));
}

static int provide_entry(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	bool wait = !may_run_on(s);
	int r;

	/* As KVM_RUN does it: completes the last exit, and does not run the guest. */
	if (wait && kvm_ft_log_is_live(s) && kvm_ft_immediate_exit(s->arch.vcpu->run))
		return run_guest(s, run);
	r = kvm_ft_log_next_block(s, wait);
	if (r == -EINTR)
		return r;
	if (r < 0 && r != -EAGAIN)
		kvm_ft_fail(s, r, kvm_ft_log_problem(s, r));
	if (r)
		return GO_ON;
	run->exit = KVM_FT_EXIT_END;
	return RETURN;
}

/* Before the guest runs: room in the log, or the next entry of it. */
static int provide_block(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	if (s->state == KVM_FT_STATE_RECORDING)
		return kvm_ft_log_room(s, 0) == -EINTR ? -EINTR : GO_ON;
	return s->replayer.have ? GO_ON : provide_entry(s, run);
}

/*
 * Several entries may share a landmark.  The guest must not run between them:
 * it would take the first one's interrupt.
 */
static bool stands_at_next(struct kvm_ft_session *s)
{
	return s->state == KVM_FT_STATE_REPLAYING && kvm_ft_replayer_stops(&s->replayer) &&
	       kvm_ft_clean_boundary(s) &&
	       kvm_ft_replayer_at(&s->replayer, s->here.progress, s->here.rip, s->here.rcx) == 1;
}

static int step(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	int r;

	if (kvm_ft_locate(s)) {
		kvm_ft_fail(s, -EIO, "the performance counter was taken away");
		return GO_ON;
	}
	r = provide_block(s, run);
	if (r != GO_ON || !kvm_ft_is_active(s))
		return r;
	if (s->state == KVM_FT_STATE_REPLAYING && !s->replayer.have && !may_run_on(s))
		return GO_ON;
	if (stands_at_next(s)) {
		s->arch.approach = KVM_FT_FREE;
		return at_next_entry(s, run);
	}
	if (s->halted)
		return halted(s, run);
	if (s->state == KVM_FT_STATE_REPLAYING && kvm_ft_approach(s))
		return GO_ON;
	if (s->state == KVM_FT_STATE_RECORDING) {
		r = kvm_ft_intervals_arm(s);
		if (r) {
			kvm_ft_fail(s, r, "cannot set the counter's period");
			return GO_ON;
		}
	}
	return run_guest(s, run);
}

static int run_inactive(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	long r;

	if (s->state == KVM_FT_STATE_FAILED)
		return -EIO;
	if (s->state == KVM_FT_STATE_DIVERGED) {
		run->exit = KVM_FT_EXIT_DIVERGED;
		return 0;
	}
	r = kvm_run(s);
	run->exit = KVM_FT_EXIT_KVM;
	return r < 0 ? r : 0;
}

static int run_loop(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	int r = GO_ON;

	while (r == GO_ON) {
		if (!kvm_ft_is_active(s))
			return run_inactive(s, run);
		r = step(s, run);
		if (r == GO_ON && signal_pending(current))
			r = -EINTR;
	}
	return r < 0 ? r : 0;
}

/**
 * kvm_ft_run() - KVM_FT_RUN
 * @s: the session, locked
 * @run: the result, zeroed
 *
 * Return: 0 with @run->exit set, or a negative errno.
 */
int kvm_ft_run(struct kvm_ft_session *s, struct kvm_ft_run *run)
{
	int r;

	if (kvm_ft_is_active(s)) {
		r = kvm_ft_counter_attach(s);
		if (!r)
			r = kvm_ft_locate(s);
		if (r) {
			kvm_ft_fail(s, r, "no performance counter");
			return -EIO;
		}
	}
	WRITE_ONCE(s->runner, current);
	r = run_loop(s, run);
	WRITE_ONCE(s->runner, NULL);
	if (s->state == KVM_FT_STATE_RECORDING)
		kvm_ft_log_flush(s, false);
	else if (!kvm_ft_is_active(s))
		kvm_ft_log_release(s);
	run->progress = s->here.progress;
	return r;
}
