/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is this host's counter exact?
 *
 * Record and replay rests on a counter of guest progress that counts the same
 * for the same instructions, whatever the host does meanwhile, and whose
 * overflow arrives no further from where it was due than is known.  CPUs,
 * firmware and hypervisors have broken either.  This is a short test of both,
 * with a small guest of its own; kvm-ft.ko is not needed.
 *
 * The caller needs access to /dev/kvm, and perf_event_open(2) of guest events:
 * CAP_PERFMON, or kernel.perf_event_paranoid at 1 or less.
 */
#ifndef KVMFT_QUALIFY_H
#define KVMFT_QUALIFY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * enum kvmft_counts - what a counter is said to count
 * @KVMFT_COUNTS_UNKNOWN: anything that is the same each time, and not nothing
 * @KVMFT_COUNTS_COND_BRANCHES: conditional branches retired
 * @KVMFT_COUNTS_INSTRUCTIONS: instructions retired
 */
enum kvmft_counts {
	KVMFT_COUNTS_UNKNOWN,
	KVMFT_COUNTS_COND_BRANCHES,
	KVMFT_COUNTS_INSTRUCTIONS,
};

/**
 * struct kvmft_counter - a perf event, and what is expected of it
 * @name: for people
 * @advice: what the host must be set up with for it, for people; may be empty
 * @type: as in struct perf_event_attr
 * @config: likewise
 * @skid: an overflow arrives at most this many events from where it was due,
 *	before or behind; at most KVMFT_MAX_SKID
 * @counts: of what
 */
struct kvmft_counter {
	const char *name;
	const char *advice;
	uint32_t type;
	uint64_t config;
	uint32_t skid;
	enum kvmft_counts counts;
};

#define KVMFT_MAX_SKID	100000

/**
 * enum kvmft_verdict - of a qualification; numbers are never reused
 * @KVMFT_OK: the counter is exact, as far as a short test can tell
 * @KVMFT_NO_KVM: there is no KVM to run the test's guest with
 * @KVMFT_NO_COUNTER: perf does not offer the event, or had no counter free
 * @KVMFT_COUNTS_HOST: it also counts what the host does
 * @KVMFT_NOT_REPEATABLE: the same guest code was counted differently
 * @KVMFT_WRONG_COUNT: always the same, but not what @counts says
 * @KVMFT_LATE_OVERFLOW: an overflow arrived outside the skid, or not at all
 * @KVMFT_GUEST_FAILED: the test's guest did not get to its end in time
 */
enum kvmft_verdict {
	KVMFT_OK		= 0,
	KVMFT_NO_KVM		= 1,
	KVMFT_NO_COUNTER	= 2,
	KVMFT_COUNTS_HOST	= 3,
	KVMFT_NOT_REPEATABLE	= 4,
	KVMFT_WRONG_COUNT	= 5,
	KVMFT_LATE_OVERFLOW	= 6,
	KVMFT_GUEST_FAILED	= 7,
};

/**
 * struct kvmft_qualification - a verdict and the figures behind it
 * @verdict: enum kvmft_verdict
 * @runs: of the guest, in which events were counted
 * @interruptions: of these runs, by a signal
 * @lowest: events counted in a run
 * @highest: likewise
 * @expected: the right number; 0 if not known
 * @overflows: that arrived
 * @earliest: of them, in events from where it was due; negative if before
 * @latest: likewise
 * @text: one line for people, without a newline
 */
struct kvmft_qualification {
	enum kvmft_verdict verdict;
	unsigned int runs;
	unsigned int interruptions;
	uint64_t lowest;
	uint64_t highest;
	uint64_t expected;
	unsigned int overflows;
	int64_t earliest;
	int64_t latest;
	char text[512];
};

/**
 * kvmft_counter_of_cpu() - the counter that kvm-ft uses on this CPU
 * @counter: the result; its strings are static
 *
 * Return: 0, or -ENODEV if the CPU model's counters are not known.
 */
int kvmft_counter_of_cpu(struct kvmft_counter *counter);

/**
 * kvmft_counter_of_lab() - the counter of an emulated host with kvm-ft-lab-pmu
 * @counter: the result; its strings are static
 *
 * Return: 0, or -ENODEV if that module is not loaded.
 */
int kvmft_counter_of_lab(struct kvmft_counter *counter);

/**
 * kvmft_qualify_counter() - test a counter on this host
 * @counter: the counter
 * @result: verdict and figures; always filled in
 *
 * Takes about a second, and at most KVMFT_QUALIFY_SECONDS.  The calling thread
 * runs a guest; meanwhile SIGRTMAX is blocked in it and used.  Everything is
 * as before when the call returns.
 *
 * Return: 0 if the counter is exact; otherwise the verdict, not 0.
 */
int kvmft_qualify_counter(const struct kvmft_counter *counter,
			  struct kvmft_qualification *result);

#define KVMFT_QUALIFY_SECONDS	60

/**
 * kvmft_verdict_name() - a verdict's name
 * @verdict: enum kvmft_verdict
 *
 * Return: a static string such as "NOT_REPEATABLE"; "UNKNOWN" for no verdict.
 */
const char *kvmft_verdict_name(enum kvmft_verdict verdict);

#ifdef __cplusplus
}
#endif

#endif
