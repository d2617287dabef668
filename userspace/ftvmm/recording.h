/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Recording the guest, and replaying a recording: the session of kvm-ft.
 *
 * A recording is a folder. "state" has the machine as it was when recording began (a
 * snapshot, see snapshot.h), "log" everything that happened to it since (see
 * Documentation/replay-log.rst). A replay makes the same machine, without a network
 * and without disks, and has the log drive it.
 */
#ifndef FTVMM_RECORDING_H
#define FTVMM_RECORDING_H

#include <stdbool.h>
#include <stdint.h>

#include "../libkvmft/session.h"
#include "boot.h"
#include "inputs.h"
#include "options.h"
#include "vcpu.h"

struct lockstep;

/* What recording_run() came back for. */
enum recording_step {
	RECORDING_EXIT,		/* handle kvm_run, as after KVM_RUN */
	RECORDING_INTERRUPTED,	/* by a signal or immediate_exit */
	RECORDING_LANDMARK,	/* events may be applied now */
	RECORDING_AGAIN,	/* nothing: an event was replayed */
	RECORDING_END,		/* replay: all of it was played */
	RECORDING_FAILED,	/* the reason was told; the session has ended */
	RECORDING_ALONE,	/* the link to the other host is lost */
};

/**
 * struct recording - a recording that is being made or played
 * @options: of the machine; @hash_interval changes with what a protection is told
 * @folder: that is recorded to or replayed from
 * @verify: record: with registers and hashes
 * @vcpu: the vCPU
 * @boot: what the guest boots again when it is reset
 * @session: of kvm-ft
 * @state: replay: the snapshot, open from recording_open() to recording_load()
 * @replays: it is a replay, or a secondary
 * @lockstep: the log goes to or comes from another host; NULL if not
 * @log_size: replay: bytes of the log
 * @diverged: the replay has left the recording
 * @event: room for an event that is replayed
 */
struct recording {
	struct options *options;
	const char *folder;
	bool verify;
	struct vcpu *vcpu;
	struct boot *boot;
	struct kvmft_session session;
	struct snapshot_reader state;
	bool replays;
	struct lockstep *lockstep;
	uint64_t log_size;
	bool diverged;
	uint8_t event[INPUT_MAX];
};

/*
 * Functions that return int: 0, or -1 with the reason told.  They are called before
 * the vCPU's thread is there, or by it.
 */

/**
 * recording_open() - replay: what machine is it?
 * @r: the recording
 * @options: @replay is the folder; memory, disks and so on become those of the machine
 *
 * Return: see above.
 */
int recording_open(struct recording *r, struct options *options);

/* Replay: the machine, which has its devices, becomes that of the recording's start. */
int recording_load(struct recording *r);

/**
 * recording_start() - record from now on
 * @r: the recording; none is being made
 * @path: of a folder, new or without a recording; the name must stay
 * @verify: with registers and hashes
 *
 * What cannot be begun leaves no trace, and nothing that was in the folder is touched. The
 * guest stands between two instructions. The last recording's session, if there was one,
 * is closed.
 *
 * Return: see above.
 */
int recording_start(struct recording *r, const char *path, bool verify);

/* Record: complete the log.  Replay: end it. */
int recording_stop(struct recording *r);

bool recording_is_replay(const struct recording *r);

/* For lockstep.c, which has another log: the guest's memory is locked, and its session there. */
int recording_open_session(struct recording *r);
/* The whole machine to a snapshot. */
int recording_save(struct recording *r, struct snapshot_writer *to);
/* The rest of the snapshot @state. */
int recording_load_state(struct recording *r);

/* Run the guest on. */
enum recording_step recording_run(struct recording *r);

/* Record: have recording_run() return RECORDING_LANDMARK soon.  Any thread. */
void recording_kick(struct recording *r);

/* Replay: tell how far it has come.  Any thread. */
void recording_progress(struct recording *r);

#endif
