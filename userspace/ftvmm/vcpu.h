/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The vCPU and its thread.
 *
 * All that the guest can see belongs to this thread: it alone touches guest memory
 * and the state of devices, and only while the guest stands still.  The main loop
 * has the host's side: it posts events (inputs.h) and kicks.
 */
#ifndef FTVMM_VCPU_H
#define FTVMM_VCPU_H

#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "pause.h"
#include "vcpu_state.h"
#include "vm.h"

/* How the guest's run has ended. */
enum vcpu_end {
	VCPU_RUNS,
	VCPU_POWERED_OFF,
	VCPU_STOPPED,		/* by vcpu_stop() */
	VCPU_REPLAYED,		/* the recording was played to its end */
	VCPU_ELSEWHERE,		/* another host runs the guest */
	VCPU_FAILED,		/* the reason was told */
};

struct recording;

/**
 * struct vcpu_task - what the vCPU's thread is to do between two instructions
 * @run: does it; returns 0, or -1 with the reason told
 * @data: for @run
 * @anywhere: a recorded guest, too, need not be at a landmark for it
 * @result: what it returned
 * @done: it was run
 */
struct vcpu_task {
	int (*run)(void *data);
	void *data;
	bool anywhere;
	int result;
	bool done;
};

/**
 * struct vcpu - the vCPU
 * @vm: its machine
 * @fd: descriptor
 * @run: shared with KVM
 * @run_size: its size
 * @thread: that runs it
 * @started: there is a thread
 * @stop: asked to end
 * @reset: the guest has asked for a reset
 * @resets: how many there were
 * @since: the thread runs, by CLOCK_MONOTONIC
 * @pause: whether it stands still
 * @end: how it has ended; set before @ended
 * @ended: eventfd, readable when the thread has ended
 * @boot: sets registers and memory up for the first instruction
 * @boot_data: for @boot
 * @state: saved
 * @saved: its place in the list
 * @recording: that is made or played; NULL if there is none
 * @task: to be done; NULL if there is none
 */

struct vcpu {
	struct vm *vm;
	int fd;
	struct kvm_run *run;
	int run_size;
	pthread_t thread;
	bool started;
	bool stop;
	bool reset;
	unsigned int resets;
	struct timespec since;
	struct pause pause;
	enum vcpu_end end;
	int ended;
	int (*boot)(void *data);
	void *boot_data;
	struct vcpu_state state;
	struct state saved;
	struct recording *recording;
	struct vcpu_task *task;
};

/**
 * vcpu_open() - create the vCPU
 * @vcpu: the vCPU
 * @vm: its machine
 * @boot: sets registers and memory up for the first instruction, at start and
 *	at each reset; returns 0, or -1 with the reason told
 * @boot_data: for @boot
 *
 * Return: 0, or -1 with the reason told; vcpu_close() is to be called in both cases.
 */
int vcpu_open(struct vcpu *vcpu, struct vm *vm, int (*boot)(void *data), void *boot_data);

/* Its thread must have ended. */
void vcpu_close(struct vcpu *vcpu);

/* Hosts of one kind differ by a little.  Returns 0, or -1 with the reason told. */
int vcpu_set_tsc_khz(struct vcpu *vcpu, unsigned int khz);

/* The guest's TSC frequency in kHz, or 0 if it is not known. */
unsigned int vcpu_tsc_khz(const struct vcpu *vcpu);

/**
 * vcpu_boot() - the guest stands before its first instruction
 * @vcpu: the vCPU; all devices are there
 *
 * Return: 0, or -1 with the reason told.
 */
int vcpu_boot(struct vcpu *vcpu);

/**
 * vcpu_start() - run the guest in a thread of its own
 * @vcpu: the vCPU
 *
 * Return: 0, or -1 with the reason told.
 */
int vcpu_start(struct vcpu *vcpu);

/*
 * NULL if there is a thread, which vcpu_pause() and vcpu_do() need; otherwise why not, as in a
 * secondary that waits for its primary.  The main loop.
 */
const char *vcpu_obstacle(const struct vcpu *vcpu);

/* End the thread and wait for it.  Nothing if there is none.  The main loop. */
enum vcpu_end vcpu_stop(struct vcpu *vcpu);

/*
 * Have the guest stand still between two instructions, or run on.  It does stand when
 * pause_is_standing(); what comes from outside waits meanwhile, its clock goes on.
 * The main loop, while the thread is there.
 */
void vcpu_pause(struct vcpu *vcpu, bool wanted);

/**
 * vcpu_do() - have something done while the guest stands between two instructions
 * @vcpu: the vCPU
 * @task: must stay until it is done
 *
 * The main loop; one at a time. What is told when the guest has stopped (@pause) is
 * told when it is done, too. A guest that ends before never does it. One that stands still
 * does it at once, unless it is recorded and the task needs a landmark: when it runs on, then.
 */
void vcpu_do(struct vcpu *vcpu, struct vcpu_task *task);

/* The main loop: was it done? */
bool vcpu_did(const struct vcpu_task *task);

/**
 * vcpu_record() - the guest is recorded from now on
 * @vcpu: the vCPU
 * @recording: that was started
 *
 * The vCPU's thread, or before there is one.
 */
void vcpu_record(struct vcpu *vcpu, struct recording *recording);

/* Record, at a landmark: who waits for the log gets what there is of it.  The vCPU's thread. */
void vcpu_flush(struct vcpu *vcpu);

/* It is not any more: the recording is completed.  Returns 0, or -1 with the reason told. */
int vcpu_end_recording(struct vcpu *vcpu);

/* The guest has switched itself off.  The vCPU's thread, in a device. */
void vcpu_power_off(struct vcpu *vcpu);

/* The guest wants to be reset.  The vCPU's thread, in a device. */
void vcpu_reset(struct vcpu *vcpu);

#endif
