/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest whose events are counted to qualify a counter. */
#ifndef KVMFT_PROBE_H
#define KVMFT_PROBE_H

#include <linux/kvm.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

/* Guest RAM: a page of code, then what the guest writes to. */
#define PROBE_CODE	0x1000
#define PROBE_DATA	0x10000
#define PROBE_DATA_SIZE	0x40000
#define PROBE_RAM	(PROBE_DATA + PROBE_DATA_SIZE)

/* Its code, padded. */
#define PROBE_CODE_SIZE	64
extern const uint8_t kvmft_probe_code[PROBE_CODE_SIZE];

/* Conditional branches in each round of its loop. */
#define PROBE_BRANCHES	2

/* Instructions in each round, if the branch that is hard to predict is taken; else one more. */
#define PROBE_FEWEST	14

/**
 * struct probe - the guest
 * @vm: descriptor
 * @vcpu: descriptor
 * @ram: its memory; MAP_FAILED if there is none
 * @run: the vCPU's kvm_run; MAP_FAILED if there is none
 * @run_size: its size
 * @deadline: of CLOCK_MONOTONIC: then it is given up
 * @timer: sends the signal
 * @interrupt_us: how often, for now
 * @interruptions: of it by a signal
 */
struct probe {
	int vm;
	int vcpu;
	uint8_t *ram;
	struct kvm_run *run;
	long run_size;
	struct timespec deadline;
	timer_t timer;
	unsigned int interrupt_us;
	unsigned int interruptions;
};

/**
 * kvmft_probe_open() - create the guest
 * @p: the guest
 * @seconds: how long its runs may take together
 * @interrupt: the signal that interrupts it, blocked in the calling thread
 * @timer: a timer that sends this signal
 *
 * Return: 0, or -1 and errno; kvmft_probe_close() is to be called in both cases.
 */
int kvmft_probe_open(struct probe *p, int seconds, int interrupt, timer_t timer);

void kvmft_probe_close(struct probe *p);

/**
 * kvmft_probe_interrupt_every() - interrupt the guest periodically from now on
 * @p: the guest
 * @us: the period in microseconds; 1 to 999999
 *
 * A host that needs longer than that to get into the guest and back would never
 * get on; so where interruptions are a great many, the period becomes longer.
 *
 * Return: 0, or -1 and errno.
 */
int kvmft_probe_interrupt_every(struct probe *p, unsigned int us);

/**
 * kvmft_probe_chill() - make the host map what the guest writes to anew
 * @p: the guest
 *
 * Return: 0, or -1 and errno.
 */
int kvmft_probe_chill(struct probe *p);

/**
 * kvmft_probe_run() - run the guest from its beginning to its end
 * @p: the guest
 * @rounds: of its loop, 1 to 2^32 - 1
 * @interrupt: the signal that may interrupt it
 * @instructions: that the guest retires from the first to the last
 *
 * Return: 0, or -1 and errno; ETIME if the time is over.
 */
int kvmft_probe_run(struct probe *p, uint32_t rounds, int interrupt, uint64_t *instructions);

#endif
