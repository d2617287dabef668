/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libkvmft: record and replay for VMMs, a thin layer over the ioctls of kvm-ft.ko.
 *
 * <linux/kvm_ft.h> is the manual of what the calls mean, and of who may make them
 * when.  What is added here: errors have a text for people, with the remedy, and the
 * call is repeated where the manual says so.
 *
 * A VMM that records:
 *
 *   kvmft_open(&s, &guest);
 *   kvmft_record(&s, log, &how);
 *   while (!kvmft_run(&s, &run))
 *       if (run.exit == KVM_FT_EXIT_LANDMARK)
 *           kvmft_put_event(&s, ...), then apply it to the guest;
 *       else
 *           handle the exit as after KVM_RUN, with kvmft_value() for what it needs
 *           from outside;
 *   kvmft_stop(&s);
 *
 * example.c is such a VMM.  Documentation/vmm.rst has it at length, with ftvmm as the
 * example.
 */
#ifndef KVMFT_SESSION_H
#define KVMFT_SESSION_H

#include <linux/kvm_ft.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct kvmft_guest - what is to be recorded or replayed
 * @vm: KVM's descriptor of the VM
 * @vcpu: and of its only vCPU
 * @name: for logs and sysfs: 1 to 63 printable characters
 * @lab_pmu: perf type of the counter of an emulated host; 0 for the CPU's own
 */
struct kvmft_guest {
	int vm;
	int vcpu;
	const char *name;
	uint32_t lab_pmu;
};

/**
 * struct kvmft_session - a session; the members are for reading
 * @fd: its descriptor; -1 if there is none
 * @reason: KVM_FT_REFUSED_* of the last start
 * @differs: KVM_FT_DIFFERS_* of the last start
 * @problem: what the last call that failed has to say, with the remedy
 * @page: see kvmft_link()
 */
struct kvmft_session {
	int fd;
	uint32_t reason;
	uint32_t differs;
	char problem[512];
	void *page;
};

/*
 * Functions that return int: 0, or a negative errno, with the text in @problem.
 * The manual of the ioctl has the errors.
 */

/**
 * kvmft_open() - create a session
 * @s: the session; kvmft_close() is to be called in any case
 * @guest: that it is for
 *
 * Return: -ENOENT or -ENODEV if kvm-ft.ko is not loaded, -EACCES, -EPROTO if it has
 * another API; and the errors of KVM_FT_CREATE.
 */
int kvmft_open(struct kvmft_session *s, const struct kvmft_guest *guest);

/* May be called for one that was never open, but has @fd -1. */
void kvmft_close(struct kvmft_session *s);

/**
 * struct kvmft_recording - how to record
 * @checking: log the registers with each entry
 * @ram_hash_interval: progress between two hashes of RAM, with @checking; 0 for none
 * @mark_interval: progress without an entry after which a mark is logged; 0 for
 *	the module's
 */
struct kvmft_recording {
	bool checking;
	uint64_t ram_hash_interval;
	uint64_t mark_interval;
};

/* SET_LOG and START.  @log: a file, open for writing; it may be closed after that. */
int kvmft_record(struct kvmft_session *s, int log, const struct kvmft_recording *how);

/*
 * SET_LOG and START.  @log: a file, open for reading; it may be closed after that.
 * @until: how many entries to replay at most; 0 for all.
 */
int kvmft_replay(struct kvmft_session *s, int log, uint64_t until);

/*
 * The same over a connection to the other host: a TCP socket, bound to the interface for
 * logs; it may be closed after that.  Both sides give the same @generation.
 */
int kvmft_record_to(struct kvmft_session *s, int socket, uint64_t generation,
		    const struct kvmft_recording *how);
int kvmft_replay_from(struct kvmft_session *s, int socket, uint64_t generation);

/**
 * kvmft_link() - what is known of the other host
 * @s: the session
 * @link: becomes that
 *
 * The first call maps the session's page, until kvmft_close().  After it from any thread.
 *
 * Return: 0, or the errno of mmap(), negative.
 */
int kvmft_link(struct kvmft_session *s, struct kvm_ft_link_page *link);

/* What is committed; the session's descriptor is not readable then until that changes. */
uint64_t kvmft_committed(struct kvmft_session *s);

/**
 * kvmft_output() - the guest sends something
 * @s: the session
 * @tag: what it is
 * @position: record: it may leave when so much is committed
 *
 * The vCPU's thread, at the same point on both sides.
 *
 * Return: -ENODATA if the log ends before it, -EILSEQ if the replay has diverged, -EPIPE if
 * the link is lost.
 */
int kvmft_output(struct kvmft_session *s, uint32_t tag, uint64_t *position);

/**
 * kvmft_promote() - the replayed guest goes live, at the log's end
 * @s: the session, which ends
 * @vcpu: its vCPU: the guest's TSC goes on, and its TSC-deadline timer by that
 *
 * The vCPU's thread.  Nobody else may run the guest any more.
 *
 * Return: -EBUSY if the log has not been replayed to its end, -EPERM after a divergence;
 * after errors of setting the clock the session has ended all the same.
 */
int kvmft_promote(struct kvmft_session *s, int vcpu);

/* The vCPU's thread.  -EINTR is as with KVM_RUN. */
int kvmft_run(struct kvmft_session *s, struct kvm_ft_run *run);

/* Record: after KVM_FT_EXIT_LANDMARK; @size: at most KVM_FT_DATA_MAX. */
int kvmft_put_event(struct kvmft_session *s, uint32_t tag, const void *data, uint32_t size);

/* Replay: after KVM_FT_EXIT_EVENT.  @size: in: room at @data, out: bytes. */
int kvmft_get_event(struct kvmft_session *s, uint32_t *tag, void *data, uint32_t *size);

/**
 * kvmft_value() - declare a value, or get it back
 * @s: the session
 * @tag: what it is
 * @data: record: the value; replay: becomes the one that was recorded
 * @size: its bytes, at most KVM_FT_DATA_MAX
 *
 * Return: -ENODATA if the log ends before it, -EILSEQ if the replay has diverged.
 */
int kvmft_value(struct kvmft_session *s, uint32_t tag, void *data, uint32_t size);

/* Any thread. */
int kvmft_kick(struct kvmft_session *s);

/* Called again while a signal interrupts it: the log is complete when it returns 0. */
int kvmft_stop(struct kvmft_session *s);

/* Any thread. */
int kvmft_status(struct kvmft_session *s, struct kvm_ft_status *status);

/**
 * kvmft_report() - for people: how a session has ended
 * @status: of a session that has diverged or failed
 * @line: called with each line of it, without a newline
 * @data: for @line
 *
 * After a divergence: the log's side and the guest's, with all registers known.
 */
void kvmft_report(const struct kvm_ft_status *status, void (*line)(void *data, const char *text),
		  void *data);

/**
 * struct kvmft_refusal - why a guest cannot be recorded
 * @name: of the reason, such as "RDRAND"
 * @text: what is in the way
 * @remedy: what to do about it
 */
struct kvmft_refusal {
	const char *name;
	const char *text;
	const char *remedy;
};

/**
 * kvmft_refusal() - a reason for people
 * @reason: KVM_FT_REFUSED_*
 *
 * Return: its static description; one named "UNKNOWN" for a newer module's reasons.
 */
const struct kvmft_refusal *kvmft_refusal(uint32_t reason);

/**
 * kvmft_differences() - the names of differences
 * @differs: KVM_FT_DIFFERS_* bits
 * @text: becomes their names, separated by ", "
 * @size: of @text
 */
void kvmft_differences(uint32_t differs, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
