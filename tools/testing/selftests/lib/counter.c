// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "counter.h"

#define PMU		"/sys/bus/event_source/devices/kvm_ft_lab"
#define PARAMETERS	"/sys/module/kvm_ft_lab_pmu/parameters"
#define RING_PAGES	64
#define PAGE		4096UL

struct perf_event_attr counter_attr(void)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.config = 1,
		.exclude_host = 1,
	};
	FILE *f = fopen(PMU "/type", "r");

	if (!f || fscanf(f, "%u", &attr.type) != 1)
		err(1, PMU "/type (is kvm-ft-lab-pmu loaded?)");
	fclose(f);
	return attr;
}

int counter_try_open(struct perf_event_attr *attr)
{
	return syscall(SYS_perf_event_open, attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

static int open_checked(struct perf_event_attr *attr)
{
	int fd = counter_try_open(attr);

	if (fd < 0)
		err(1, "perf_event_open");
	return fd;
}

int counter_open(void)
{
	struct perf_event_attr attr = counter_attr();

	return open_checked(&attr);
}

uint64_t counter_read(int fd)
{
	uint64_t value;

	if (read(fd, &value, sizeof(value)) != sizeof(value))
		err(1, "reading the counter");
	return value;
}

void sampler_open(struct sampler *s, uint64_t period)
{
	struct perf_event_attr attr = counter_attr();

	attr.sample_period = period;
	attr.sample_type = PERF_SAMPLE_READ;
	s->fd = open_checked(&attr);
	s->tail = 0;
	s->ring = mmap(NULL, (1 + RING_PAGES) * PAGE, PROT_READ | PROT_WRITE,
		       MAP_SHARED, s->fd, 0);
	if (s->ring == MAP_FAILED)
		err(1, "perf ring buffer");
}

void sampler_close(struct sampler *s)
{
	munmap(s->ring, (1 + RING_PAGES) * PAGE);
	close(s->fd);
}

static void ring_read(struct sampler *s, void *to, size_t size)
{
	const uint8_t *data = (uint8_t *)s->ring + PAGE;
	size_t i;

	for (i = 0; i < size; i++)
		((uint8_t *)to)[i] = data[(s->tail + i) % (RING_PAGES * PAGE)];
}

int sampler_next(struct sampler *s, uint64_t *value)
{
	struct perf_event_mmap_page *page = s->ring;
	struct {
		struct perf_event_header head;
		uint64_t value;
	} record;

	if (__atomic_load_n(&page->data_head, __ATOMIC_ACQUIRE) == s->tail)
		return 0;
	ring_read(s, &record.head, sizeof(record.head));
	if (record.head.type != PERF_RECORD_SAMPLE)
		errx(1, "perf record of type %u instead of a sample", record.head.type);
	ring_read(s, &record, sizeof(record));
	*value = record.value;
	s->tail += record.head.size;
	__atomic_store_n(&page->data_tail, s->tail, __ATOMIC_RELEASE);
	return 1;
}

void lab_pmu_set(const char *parameter, uint64_t value)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), PARAMETERS "/%s", parameter);
	f = fopen(path, "w");
	if (!f || fprintf(f, "%lu\n", value) < 0 || fclose(f))
		err(1, "%s", path);
}

uint64_t lab_pmu_get(const char *parameter)
{
	char path[128];
	uint64_t value;
	FILE *f;

	snprintf(path, sizeof(path), PARAMETERS "/%s", parameter);
	f = fopen(path, "r");
	if (!f || fscanf(f, "%lu", &value) != 1)
		err(1, "%s", path);
	fclose(f);
	return value;
}
