/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records a guest, replays it in a fresh VM, and compares.
 *
 * A guest of these tests ends with an OUT to PORT_DONE.  It gets KVM's
 * interrupt controllers.  What it does with other ports is up to the test.
 */
#ifndef SELFTESTS_REPLAY_H
#define SELFTESTS_REPLAY_H

#include <linux/kvm_ft.h>
#include <stdint.h>

#include "machine.h"

#define PORT_DONE	0x10

/**
 * struct replay - one guest, recorded and replayed
 * @mem_size: of guest RAM
 * @set_up: loads program and data; called for a fresh guest on both sides
 * @on_exit: called for exits that do not end the guest, on both sides; NULL if
 *	there are none
 * @on_landmark: called when the guest stands at a landmark (record), or for an
 *	event's payload (replay: @event is what was given to replay_event())
 * @after_record: called when the session has stopped and the VM is still there;
 *	NULL for nothing
 * @context: for these functions
 * @unchecked: record without checking mode
 * @ram_hash_interval: of the recording, as in struct kvm_ft_start
 * @mark_interval: likewise
 * @until: of the replay, likewise
 * @may_fail: the replay may fail: then replay_replay() returns 0
 * @meanwhile: called over and over on both sides while the guest runs, in a
 *	thread of its own; NULL for nothing
 * @every_us: mean of the random time between two such calls
 * @seed: of these times
 * @warm_record: touch all guest RAM before recording
 * @warm_replay: touch all guest RAM before replay
 * @threads_record: each call of KVM_FT_RUN is made by another thread
 * @threads_replay: likewise
 * @role: KVM_FT_RECORD or KVM_FT_REPLAY, the side that runs
 * @log: file of the log; 0 for a temporary one
 * @session: descriptor while one is running
 * @guest: the VM, recorded first, then replayed
 * @machine: at the end of the recording
 * @ram: at the end of the recording
 * @recorded: status at the end of the recording
 * @status: at the end of the last session
 */
struct replay {
	size_t mem_size;
	void (*set_up)(struct replay *r);
	void (*on_exit)(struct replay *r);
	void (*on_landmark)(struct replay *r, const struct kvm_ft_data *event);
	void (*after_record)(struct replay *r);
	void *context;
	int unchecked;
	uint64_t ram_hash_interval;
	uint64_t mark_interval;
	uint64_t until;
	int may_fail;
	void (*meanwhile)(struct replay *r);
	unsigned int every_us;
	uint64_t seed;
	int warm_record;
	int warm_replay;
	int threads_record;
	int threads_replay;
	uint32_t role;
	int log;
	int session;
	struct guest guest;
	struct machine machine;
	uint8_t *ram;
	struct kvm_ft_status recorded;
	struct kvm_ft_status status;
};

/* Ends the test program if the recording does not come to its end. */
void replay_record(struct replay *r);

/*
 * Replays the log.  Returns the last KVM_FT_EXIT_*: KVM_FT_EXIT_END if the
 * replay came to the end of the log.
 */
uint32_t replay_replay(struct replay *r);

/* After replay_replay(): what differs from the recording's end, NULL if nothing. */
const char *replay_difference(struct replay *r);

/* Both, and releases everything; the test's single assertion. */
const char *replay_check(struct replay *r);

/*
 * The same with counters of different skid: none, and up to 100 events.
 * Each begins with @r as it was given.
 */
const char *replay_check_skids(struct replay *r);

void replay_release(struct replay *r);

/* In on_landmark: an event with @size bytes of @data. */
void replay_event(struct replay *r, uint32_t tag, const void *data, uint32_t size);

/*
 * In on_exit: on record logs @size bytes of @data, on replay overwrites them with
 * what was logged.
 */
void replay_value(struct replay *r, uint32_t tag, void *data, uint32_t size);

/* As @meanwhile: asks for landmarks. */
void replay_kick(struct replay *r);

/* As @meanwhile: drops the host's mappings of guest RAM, not its contents. */
void replay_zap(struct replay *r);

/* The module's parameter: what a session expects of the counter; -1 is its default. */
void replay_set_skid(int skid);

void replay_keep_hooks(void);

/*
 * KVM's functions are hooked while there is a session, and to hook them takes
 * the host longer than most guests run.  A session of the test program itself,
 * whose guest never runs, saves that for its cases.  Once, outside functions.
 */
#define REPLAY_KEEP_HOOKS						\
	__attribute__((constructor)) static void keep_hooks(void)	\
	{								\
		replay_keep_hooks();					\
	}

#endif
