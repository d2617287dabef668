/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A session: one VM that is recorded or replayed.
 *
 * Who may touch what:
 *
 * "lock" is held by the thread that is in KVM_FT_RUN, EVENT, VALUE, START or
 * STOP, through VM entries and exits; it is only ever tried.  Fields are its
 * unless noted otherwise.  The hooks under KVM_RUN run in that thread.
 *
 * "pending" is set from anywhere (timer interrupts, KVM_FT_KICK) and cleared
 * by that thread.  "state" is written under the lock and read from anywhere.
 */
#ifndef KVM_FT_SESSION_H
#define KVM_FT_SESSION_H

#include <linux/atomic.h>
#include <linux/kvm_ft.h>
#include <linux/mutex.h>
#include <linux/wait.h>

#include "arch/x86/x86.h"
#include "commit.h"
#include "replay/engine.h"

struct kvm_ft_end;

/* Bits of kvm_ft_session.pending. */
/* The guest's LAPIC timer has expired, and the guest has not been told. */
#define KVM_FT_PENDING_TIMER	0
#define KVM_FT_PENDING_KICK	1	/* the VMM wants a landmark */
#define KVM_FT_PENDING_DUE	2	/* the counter says that an interval is over */

/**
 * enum kvm_ft_leave - why a hook made KVM_RUN return to KVM_FT_RUN
 * @KVM_FT_LEAVE_KVM: it did not: KVM returns for the VMM
 * @KVM_FT_LEAVE_BLOCK: a block of the log must be stored or loaded
 * @KVM_FT_LEAVE_HALT: the guest has halted
 * @KVM_FT_LEAVE_LANDMARK: record: the guest stands where events may be delivered
 * @KVM_FT_LEAVE_STOP: replay: the guest stands at the next entry's landmark,
 *	and KVM_FT_RUN has to deal with it
 * @KVM_FT_LEAVE_ENDED: the session has diverged or failed
 */
enum kvm_ft_leave {
	KVM_FT_LEAVE_KVM,
	KVM_FT_LEAVE_BLOCK,
	KVM_FT_LEAVE_HALT,
	KVM_FT_LEAVE_LANDMARK,
	KVM_FT_LEAVE_STOP,
	KVM_FT_LEAVE_ENDED,
};

struct dentry;
struct device;
struct kernfs_node;

/**
 * struct kvm_ft_stats - for debugfs; written in the session's thread unless noted
 * @landmarks: times the guest was stopped for something pending (record), or
 *	stood at an entry's landmark (replay)
 * @breakpoint_hits: times the breakpoint stopped the guest at its landmark
 * @breakpoint_misses: times it stopped the guest at the same instruction earlier
 * @overflows: of the counter; written by its interrupt
 * @kicks: calls of KVM_FT_KICK, from any thread
 */
struct kvm_ft_stats {
	u64 landmarks;
	u64 breakpoint_hits;
	u64 breakpoint_misses;
	u64 overflows;
	atomic64_t kicks;
};

/**
 * struct kvm_ft_ram - hashes of guest RAM, when recording
 * @interval: progress between two of them, 0 for none
 * @due: progress at which the next one is
 * @slot: index in the header of the slot whose turn it is
 * @page: the first page in it that is next
 * @left: pieces that the recording's end has yet to hash
 * @stopped_at: progress at that end
 */
struct kvm_ft_ram {
	u64 interval;
	u64 due;
	u32 slot;
	u64 page;
	u64 left;
	u64 stopped_at;
};

/**
 * struct kvm_ft_session - see above
 * @lock: see above
 * @name: of the guest
 * @vm: the VM's file, held
 * @vcpu_file: the vCPU's file, held
 * @log: our end of the log's transport; NULL before KVM_FT_SET_LOG and at the end
 * @log_pos: bytes of the log stored or consumed
 * @log_end: KVM_FT_END_* (replay)
 * @link: what is known of the other host; see commit.h
 * @guest_tsc: the greatest that the guest has read of its TSC (replay)
 * @block: %KVM_FT_BLOCK_MAX bytes
 * @block_len: bytes in @block that were loaded (replay)
 * @unstored: bytes of a finished block in @block that wait to be stored (record)
 * @stopping: KVM_FT_STOP was interrupted, and only it may be called
 * @state: KVM_FT_STATE_*
 * @error: negative errno, with KVM_FT_STATE_FAILED
 * @what: why the session failed
 * @header: of the log
 * @recorder: with KVM_FT_STATE_RECORDING
 * @replayer: with KVM_FT_STATE_REPLAYING
 * @runner: the thread in KVM_FT_RUN; read by the hooks
 * @leave: set by the hooks, read by KVM_FT_RUN
 * @halted: the guest has executed HLT and nothing woke it yet
 * @at_landmark: events may be delivered (record)
 * @at_exit: the guest has asked the VMM for something, and was not run since
 * @ram: hashes of guest RAM
 * @mark_interval: progress without an entry after which a mark is recorded
 * @armed: the counter will overflow when an interval is over; cleared by that,
 *	in any context
 * @pending: KVM_FT_PENDING_* bits, atomic
 * @wait: woken when a bit of @pending is set
 * @here: where the guest was at the last exit
 * @arch: what the architecture keeps
 * @id: a number that no other session has while this one lives
 * @role: KVM_FT_RECORD or KVM_FT_REPLAY once started, 0 before; read from anywhere
 * @stats: read from anywhere
 * @dev: the session in sysfs
 * @state_attr: its attribute "state", to wake who polls it
 * @debugfs: the session's folder
 */
struct kvm_ft_session {
	struct mutex lock;	/* of the ioctls that exclude one another */
	char name[KVM_FT_NAME_SIZE];
	struct file *vm;
	struct file *vcpu_file;
	struct kvm_ft_end *log;
	u64 log_pos;
	u32 log_end;
	struct kvm_ft_link link;
	u64 guest_tsc;
	u8 *block;
	size_t block_len;
	size_t unstored;
	bool stopping;
	u32 state;
	int error;
	const char *what;
	struct kvm_ft_log_header header;
	struct kvm_ft_recorder recorder;
	struct kvm_ft_replayer replayer;
	struct task_struct *runner;
	enum kvm_ft_leave leave;
	bool halted;
	bool at_landmark;
	bool at_exit;
	struct kvm_ft_ram ram;
	u64 mark_interval;
	bool armed;
	unsigned long pending;
	wait_queue_head_t wait;
	struct kvm_ft_where here;
	struct kvm_ft_arch arch;
	unsigned int id;
	u32 role;
	struct kvm_ft_stats stats;
	struct device *dev;
	struct kernfs_node *state_attr;
	struct dentry *debugfs;
};

static inline bool kvm_ft_is_active(const struct kvm_ft_session *s)
{
	return s->state == KVM_FT_STATE_RECORDING || s->state == KVM_FT_STATE_REPLAYING;
}

/* session.c */
int kvm_ft_session_create(const struct kvm_ft_create *args);
/* NULL if the file is not a session's */
struct kvm_ft_session *kvm_ft_session_of(const struct file *file);
/* under the session's lock */
void kvm_ft_set_state(struct kvm_ft_session *s, u32 state);

/* ioctl.c */
long kvm_ft_session_ioctl(struct file *file, unsigned int cmd, unsigned long arg);

/**
 * kvm_ft_fail() - end the session, because of an error of ours or of the VMM
 * @s: the session
 * @error: negative errno
 * @what: text for people, static
 *
 * In the session's thread.  The first error is kept.
 */
void kvm_ft_fail(struct kvm_ft_session *s, int error, const char *what);

/* record and replay, in the session's thread (hooks or ioctls) */

/**
 * kvm_ft_sync() - the guest got a value that is not of its own making
 * @s: the session
 * @kind: of log entry
 * @value: record: the value; replay: replaced with the logged one, but compared
 *	with it if kvm_ft_kind_is_checked()
 *
 * The position is @s->here.
 *
 * Return: 0, or a negative errno after which the session has ended.
 */
int kvm_ft_sync(struct kvm_ft_session *s, unsigned int kind, u64 *value);

/**
 * kvm_ft_async() - something from outside reaches the guest at @s->here
 * @s: the session
 * @e: kind, and payload; replay: receives the logged entry
 *
 * Process context, outside KVM_RUN.
 *
 * Return: as kvm_ft_sync(); -EINTR if the thread was killed, the session goes on.
 */
int kvm_ft_async(struct kvm_ft_session *s, struct kvm_ft_entry *e);

/**
 * kvm_ft_needs_block() - does KVM_FT_RUN have to store or load a block?
 * @s: the session
 *
 * Return: true if so, before the guest runs on.
 */
bool kvm_ft_needs_block(const struct kvm_ft_session *s);

/* divergence.c */
/**
 * kvm_ft_diverged() - end the session, because the guest left the log's path
 * @s: the session; its replayer's divergence says how
 *
 * In the session's thread.
 */
void kvm_ft_diverged(struct kvm_ft_session *s);

void kvm_ft_describe_divergence(const struct kvm_ft_session *s, struct kvm_ft_status *st);

/* interval.c: record; see there */
int kvm_ft_intervals_set(struct kvm_ft_session *s, const struct kvm_ft_start *start);
int kvm_ft_intervals_arm(struct kvm_ft_session *s);
void kvm_ft_intervals_due(struct kvm_ft_session *s);
int kvm_ft_intervals_record(struct kvm_ft_session *s);
int kvm_ft_mark(struct kvm_ft_session *s);

/* ramhash.c: see there */
int kvm_ft_ram_record(struct kvm_ft_session *s);
int kvm_ft_ram_record_all(struct kvm_ft_session *s);
int kvm_ft_ram_replay(struct kvm_ft_session *s);

/* run.c */
int kvm_ft_run(struct kvm_ft_session *s, struct kvm_ft_run *run);

/* log.c: see there */
int kvm_ft_log_create(struct kvm_ft_session *s);
int kvm_ft_log_open(struct kvm_ft_session *s);
int kvm_ft_log_next_block(struct kvm_ft_session *s, bool wait);
const char *kvm_ft_log_problem(const struct kvm_ft_session *s, int err);
int kvm_ft_log_store(struct kvm_ft_session *s, bool wait);
int kvm_ft_log_room(struct kvm_ft_session *s, size_t payload);
int kvm_ft_log_flush(struct kvm_ft_session *s, bool wait);
bool kvm_ft_log_is_live(const struct kvm_ft_session *s);
int kvm_ft_log_close(struct kvm_ft_session *s);
void kvm_ft_log_release(struct kvm_ft_session *s);

/* sysfs.c; process context, may sleep, unless noted */
int kvm_ft_sysfs_init(void);
void kvm_ft_sysfs_exit(void);
int kvm_ft_sysfs_add(struct kvm_ft_session *s);
void kvm_ft_sysfs_remove(struct kvm_ft_session *s);
/* any context */
void kvm_ft_sysfs_state_changed(struct kvm_ft_session *s);
const char *kvm_ft_state_name(u32 state);

/* debugfs.c; process context, may sleep */
void kvm_ft_debugfs_init(void);
void kvm_ft_debugfs_exit(void);
void kvm_ft_debugfs_add(struct kvm_ft_session *s);
void kvm_ft_debugfs_remove(struct kvm_ft_session *s);

#endif
