/* SPDX-License-Identifier: GPL-2.0-only */
/* The lab PMU's event through perf_event_open(2), and its module parameters. */
#ifndef SELFTESTS_COUNTER_H
#define SELFTESTS_COUNTER_H

#include <linux/perf_event.h>
#include <stdint.h>

/* What counts guest instructions of the calling thread. */
struct perf_event_attr counter_attr(void);

/* perf_event_open() for the calling thread on any CPU; -1 and errno on error. */
int counter_try_open(struct perf_event_attr *attr);

/* The same with counter_attr(); ends the test program on error. */
int counter_open(void);

uint64_t counter_read(int fd);

/**
 * struct sampler - an event with a period, and where its samples go
 * @fd: the event
 * @ring: perf's mapped ring buffer
 * @tail: how far it was read
 */
struct sampler {
	int fd;
	void *ring;
	uint64_t tail;
};

void sampler_open(struct sampler *s, uint64_t period);
void sampler_close(struct sampler *s);

/*
 * Takes the next sample; @value is the count when it was taken.  Returns 0
 * when there is none.  A lost or throttled sample ends the test program.
 */
int sampler_next(struct sampler *s, uint64_t *value);

/* Writes or reads a parameter of the lab PMU's module. */
void lab_pmu_set(const char *parameter, uint64_t value);
uint64_t lab_pmu_get(const char *parameter);

#endif
