// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "probe.h"
#include "qualify.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id	_sigev_un._tid
#endif

#define RUNS		40	/* in each condition */
#define ROUNDS		50000	/* of the guest's loop in each run */
#define OVERFLOWS	60
#define OFTEN_US	100
#define RARELY_US	100000	/* only so that a guest that hangs is given up */
#define HOST_ROUNDS	100000
#define RING_PAGES	1

/**
 * struct condition - what the host does while the guest runs
 * @name: for people
 * @interrupt_us: how often the guest is interrupted
 * @cold: what the guest writes to is mapped anew in each run
 */
struct condition {
	const char *name;
	unsigned int interrupt_us;
	int cold;
};

static const struct condition conditions[] = {
	{ "undisturbed", RARELY_US, 0 },
	{ "often interrupted", OFTEN_US, 0 },
	{ "with cold memory", RARELY_US, 1 },
	{ "often interrupted with cold memory", OFTEN_US, 1 },
};

/**
 * struct test - a qualification at work
 * @counter: what is qualified
 * @result: what is to be filled in
 * @probe: the guest
 * @timer: sends the signal
 * @interrupt: the signal
 * @old_mask: the thread's signal mask before
 */
struct test {
	const struct kvmft_counter *counter;
	struct kvmft_qualification *result;
	struct probe probe;
	timer_t timer;
	int interrupt;
	sigset_t old_mask;
};

static const char *const names[] = {
	[KVMFT_OK] = "OK",
	[KVMFT_NO_KVM] = "NO_KVM",
	[KVMFT_NO_COUNTER] = "NO_COUNTER",
	[KVMFT_COUNTS_HOST] = "COUNTS_HOST",
	[KVMFT_NOT_REPEATABLE] = "NOT_REPEATABLE",
	[KVMFT_WRONG_COUNT] = "WRONG_COUNT",
	[KVMFT_LATE_OVERFLOW] = "LATE_OVERFLOW",
	[KVMFT_GUEST_FAILED] = "GUEST_FAILED",
};

const char *kvmft_verdict_name(enum kvmft_verdict verdict)
{
	return (size_t)verdict < ARRAY_SIZE(names) ? names[verdict] : "UNKNOWN";
}

__attribute__((format(printf, 3, 4)))
static int conclude(struct test *t, enum kvmft_verdict verdict, const char *format, ...)
{
	struct kvmft_qualification *r = t->result;
	const char *advice = t->counter->advice;
	int length, size = sizeof(r->text);
	va_list arguments;

	r->verdict = verdict;
	length = snprintf(r->text, size, "%s: ", t->counter->name);
	if (length < size) {
		va_start(arguments, format);
		length += vsnprintf(r->text + length, size - length, format, arguments);
		va_end(arguments);
	}
	if (verdict > KVMFT_NO_COUNTER && advice && *advice && length < size)
		snprintf(r->text + length, size - length, " (%s)", advice);
	return verdict;
}

static int conclude_guest(struct test *t)
{
	if (errno == ETIME)
		return conclude(t, KVMFT_GUEST_FAILED, "the test was not over after %d s",
				KVMFT_QUALIFY_SECONDS);
	return conclude(t, KVMFT_GUEST_FAILED, "the test's guest did not run to its end: %s",
			strerror(errno));
}

/* Counts in the guests of the calling thread. */
static int counter_open(const struct kvmft_counter *counter, uint64_t period)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = counter->type,
		.config = counter->config,
		.sample_period = period,
		.sample_type = period ? PERF_SAMPLE_READ : 0,
		.pinned = 1,
		.exclude_host = 1,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static int no_counter(struct test *t)
{
	int error = errno;

	return conclude(t, KVMFT_NO_COUNTER,
			"perf does not count event %#lx of type %u for guests: %s%s",
			t->counter->config, t->counter->type, strerror(error),
			error == EACCES || error == EPERM ?
			"; CAP_PERFMON is needed, or a lower kernel.perf_event_paranoid" : "");
}

/* A pinned event that lost its counter reads as end of file. */
static int counter_read(struct test *t, int fd, uint64_t *value)
{
	ssize_t size = read(fd, value, sizeof(*value));

	if (size == sizeof(*value))
		return KVMFT_OK;
	if (!size)
		return conclude(t, KVMFT_NO_COUNTER, "no counter is free: %s",
				"is another user of performance counters at work, e.g. the NMI watchdog?");
	return no_counter(t);
}

/* Branches, system calls and page faults, none of them a guest's. */
static int keep_host_busy(void)
{
	size_t size = 16 * 4096, work = 0, i;
	char *fresh;

	for (i = 0; i < HOST_ROUNDS; i++)
		if (i & 4)
			asm volatile("inc %0" : "+r" (work));
	for (i = 0; i < 100; i++)
		syscall(SYS_getppid);
	fresh = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (fresh == MAP_FAILED)
		return -1;
	for (i = 0; i < size; i += 4096)
		fresh[i] = 1;
	return munmap(fresh, size);
}

static int check_host(struct test *t)
{
	int verdict, fd = counter_open(t->counter, 0);
	uint64_t count = 0;

	if (fd < 0)
		return no_counter(t);
	if (keep_host_busy())
		verdict = conclude(t, KVMFT_GUEST_FAILED, "out of memory");
	else
		verdict = counter_read(t, fd, &count);
	close(fd);
	if (!verdict && count)
		return conclude(t, KVMFT_COUNTS_HOST,
				"%lu events were counted while no guest ran", count);
	return verdict;
}

static int count_run(struct test *t, int fd, int cold, uint64_t *count, uint64_t *instructions)
{
	uint64_t before;
	int verdict;

	if (cold && kvmft_probe_chill(&t->probe))
		return conclude_guest(t);
	verdict = counter_read(t, fd, &before);
	if (verdict)
		return verdict;
	if (kvmft_probe_run(&t->probe, ROUNDS, t->interrupt, instructions))
		return conclude_guest(t);
	verdict = counter_read(t, fd, count);
	*count -= before;
	return verdict;
}

/* What the runs of the guest were counted as, one after the other. */
static int count_runs(struct test *t, int fd, const struct condition *c)
{
	struct kvmft_qualification *r = t->result;
	uint64_t count, instructions;
	int i, verdict;

	if (kvmft_probe_interrupt_every(&t->probe, c->interrupt_us))
		return conclude_guest(t);
	for (i = 0; i < RUNS; i++) {
		verdict = count_run(t, fd, c->cold, &count, &instructions);
		if (verdict)
			return verdict;
		if (!r->runs || count < r->lowest)
			r->lowest = count;
		if (!r->runs || count > r->highest)
			r->highest = count;
		r->runs++;
		if (r->lowest != r->highest)
			return conclude(t, KVMFT_NOT_REPEATABLE,
					"the same guest code was counted as %lu and as %lu events; it differed in run %u, %s",
					r->lowest, r->highest, r->runs, c->name);
	}
	if (t->counter->counts == KVMFT_COUNTS_INSTRUCTIONS)
		r->expected = instructions;
	return KVMFT_OK;
}

static int check_counts(struct test *t)
{
	struct kvmft_qualification *r = t->result;
	int verdict = KVMFT_OK, fd = counter_open(t->counter, 0);
	size_t i;

	if (fd < 0)
		return no_counter(t);
	for (i = 0; !verdict && i < ARRAY_SIZE(conditions); i++)
		verdict = count_runs(t, fd, &conditions[i]);
	close(fd);
	if (verdict)
		return verdict;
	if (t->counter->counts == KVMFT_COUNTS_COND_BRANCHES)
		r->expected = (uint64_t)ROUNDS * PROBE_BRANCHES;
	if (r->expected && r->lowest != r->expected)
		return conclude(t, KVMFT_WRONG_COUNT,
				"%lu events were counted as %lu in each of %u runs",
				r->expected, r->lowest, r->runs);
	if (!r->lowest)
		return conclude(t, KVMFT_WRONG_COUNT, "nothing was counted in %u runs", r->runs);
	return KVMFT_OK;
}

/* The count at the first overflow; 0 if there was none. */
static int first_sample(const struct perf_event_mmap_page *ring, uint64_t *value)
{
	const uint8_t *data = (const uint8_t *)ring + sysconf(_SC_PAGESIZE);
	uint64_t head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);
	uint64_t size = RING_PAGES * sysconf(_SC_PAGESIZE), at = 0;
	struct perf_event_header record;

	while (at + sizeof(record) + sizeof(*value) <= head && at + sizeof(record) < size) {
		memcpy(&record, data + at, sizeof(record));
		if (record.type == PERF_RECORD_SAMPLE) {
			memcpy(value, data + at + sizeof(record), sizeof(*value));
			return 1;
		}
		if (!record.size)
			break;
		at += record.size;
	}
	return 0;
}

/* An overflow due @period events from the guest's beginning: if it came, and where. */
static int overflow_at(struct test *t, uint64_t period, uint32_t rounds, int *came, uint64_t *at)
{
	size_t size = (1 + RING_PAGES) * sysconf(_SC_PAGESIZE);
	int fd = counter_open(t->counter, period), verdict = KVMFT_OK;
	uint64_t instructions;
	void *ring;

	if (fd < 0)
		return no_counter(t);
	ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (ring == MAP_FAILED)
		verdict = no_counter(t);
	else if (kvmft_probe_run(&t->probe, rounds, t->interrupt, &instructions))
		verdict = conclude_guest(t);
	else
		*came = first_sample(ring, at);
	if (ring != MAP_FAILED)
		munmap(ring, size);
	close(fd);
	return verdict;
}

static int check_overflow(struct test *t, uint64_t period)
{
	struct kvmft_qualification *r = t->result;
	int64_t skid = t->counter->skid, off;
	uint64_t per_round = r->lowest / ROUNDS ?: 1, at;
	uint64_t beyond = period + 2 * skid + 1000;
	int came, verdict;

	verdict = overflow_at(t, period, beyond / per_round + 1, &came, &at);
	if (verdict)
		return verdict;
	if (!came)
		return conclude(t, KVMFT_LATE_OVERFLOW,
				"an overflow due after %lu events did not arrive within %lu",
				period, beyond);
	off = at - period;
	if (!r->overflows || off < r->earliest)
		r->earliest = off;
	if (!r->overflows || off > r->latest)
		r->latest = off;
	r->overflows++;
	if (off < -skid || off > skid)
		return conclude(t, KVMFT_LATE_OVERFLOW,
				"an overflow arrived %ld events from where it was due, with a skid of %ld",
				off, skid);
	return KVMFT_OK;
}

static int check_overflows(struct test *t)
{
	uint64_t least = 5000 + 2ull * t->counter->skid;
	int i, verdict = KVMFT_OK;

	if (kvmft_probe_interrupt_every(&t->probe, RARELY_US))
		return conclude_guest(t);
	for (i = 0; !verdict && i < OVERFLOWS; i++)
		verdict = check_overflow(t, least + 733 * i);
	return verdict;
}

static int check_all(struct test *t)
{
	struct kvmft_qualification *r = t->result;
	int verdict = check_host(t);

	if (!verdict)
		verdict = check_counts(t);
	if (!verdict)
		verdict = check_overflows(t);
	r->interruptions = t->probe.interruptions;
	if (verdict)
		return verdict;
	return conclude(t, KVMFT_OK,
			"exact: %lu events in each of %u runs with %u interruptions; %u overflows, %ld to %ld events from where they were due, with a skid of %u",
			r->lowest, r->runs, r->interruptions, r->overflows, r->earliest,
			r->latest, t->counter->skid);
}

/* The signal stays blocked in this thread: the guest lets it in. */
static int signal_open(struct test *t)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID };
	sigset_t set;

	t->interrupt = SIGRTMAX;
	event.sigev_signo = t->interrupt;
	event.sigev_notify_thread_id = syscall(SYS_gettid);
	if (timer_create(CLOCK_MONOTONIC, &event, &t->timer))
		return -1;
	sigemptyset(&set);
	sigaddset(&set, t->interrupt);
	errno = pthread_sigmask(SIG_BLOCK, &set, &t->old_mask);
	if (!errno)
		return 0;
	timer_delete(t->timer);
	return -1;
}

static void signal_close(struct test *t)
{
	const struct timespec none = {};
	sigset_t set;

	timer_delete(t->timer);
	sigemptyset(&set);
	sigaddset(&set, t->interrupt);
	/* Of a timer at most one is pending. */
	sigtimedwait(&set, NULL, &none);
	pthread_sigmask(SIG_SETMASK, &t->old_mask, NULL);
}

int kvmft_qualify_counter(const struct kvmft_counter *counter,
			  struct kvmft_qualification *result)
{
	struct test t = { .counter = counter, .result = result };
	int verdict;

	memset(result, 0, sizeof(*result));
	if (counter->skid > KVMFT_MAX_SKID)
		return conclude(&t, KVMFT_LATE_OVERFLOW, "a skid of %u is more than %u",
				counter->skid, KVMFT_MAX_SKID);
	if (signal_open(&t))
		return conclude(&t, KVMFT_GUEST_FAILED, "no timer: %s", strerror(errno));
	if (kvmft_probe_open(&t.probe, KVMFT_QUALIFY_SECONDS, t.interrupt, t.timer))
		verdict = conclude(&t, KVMFT_NO_KVM, "cannot create a guest with /dev/kvm: %s",
				   strerror(errno));
	else
		verdict = check_all(&t);
	kvmft_probe_close(&t.probe);
	signal_close(&t);
	return verdict;
}
