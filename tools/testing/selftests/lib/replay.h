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

#include "guest.h"

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
 * @ram_hash_interval: of the recording, as in struct kvm_ft_start
 * @mark_interval: likewise
 * @may_fail: the replay may fail: then replay_replay() returns 0
 * @role: KVM_FT_RECORD or KVM_FT_REPLAY; for set_up()
 * @zap_replay: drop the host's mappings of guest RAM over and over on replay
 * @warm_replay: touch all guest RAM before replay
 * @log: file of the log; 0 for a temporary one
 * @session: descriptor while one is running
 * @guest: the VM, recorded first, then replayed
 * @regs: at the end of the recording
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
	uint64_t ram_hash_interval;
	uint64_t mark_interval;
	int may_fail;
	uint32_t role;
	int zap_replay;
	int warm_replay;
	int log;
	int session;
	struct guest guest;
	struct kvm_regs regs;
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

void replay_release(struct replay *r);

/* In on_landmark: an event with @size bytes of @data. */
void replay_event(struct replay *r, uint32_t tag, const void *data, uint32_t size);

/* The module's parameter: what a session expects of the counter; -1 is its default. */
void replay_set_skid(int skid);

#endif
