// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "memory.h"
#include "message.h"

#define SECTION		"memory"
#define SECTION_MAX	0x100000	/* bytes */
#define PAGE		4096u

int memory_open(struct memory *m, uint64_t size)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return complain_with_remedy("lower --memory",
					    "cannot map %llu MiB for the guest's memory (%s)",
					    (unsigned long long)size >> 20, strerror(errno));
	*m = (struct memory){
		.base = base,
		.size = size,
		.low = size < MEMORY_GAP ? size : MEMORY_GAP,
	};
	return 0;
}

/* It is not tried: before it fails the kernel would end programs to make room. */
static int check_size(const struct memory *m)
{
	struct sysinfo host;

	if (sysinfo(&host) || m->size <= (uint64_t)host.totalram * host.mem_unit)
		return 0;
	return complain_with_remedy("lower --memory",
				    "the guest's memory, %llu MiB, is more than this host has",
				    (unsigned long long)m->size >> 20);
}

int memory_lock(struct memory *m, bool in_place)
{
	if (check_size(m))
		return -1;
	/* A kernel that has no huge pages refuses. */
	if (in_place && madvise(m->base, m->size, MADV_NOHUGEPAGE) && errno != EINVAL)
		return complain("cannot keep huge pages out of the guest's memory: %s",
				strerror(errno));
	if (!mlock2(m->base, m->size, in_place ? 0 : MLOCK_ONFAULT))
		return 0;
	return complain_with_remedy("be root, raise ulimit -l, or lower --memory",
				    "cannot lock the guest's memory (%s)", strerror(errno));
}

void memory_close(struct memory *m)
{
	if (m->base)
		munmap(m->base, m->size);
	m->base = NULL;
}

static void *within(uint8_t *base, uint64_t room, uint64_t offset, uint64_t size)
{
	return offset <= room && size <= room - offset ? base + offset : NULL;
}

void *memory_at(const struct memory *m, uint64_t gpa, uint64_t size)
{
	if (gpa < MEMORY_HIGH)
		return within(m->base, m->low, gpa, size);
	return within(m->base + m->low, m->size - m->low, gpa - MEMORY_HIGH, size);
}

static bool is_zero(const uint8_t *page)
{
	return !page[0] && !memcmp(page, page + 1, PAGE - 1);
}

int memory_save(const struct memory *m, struct snapshot_writer *to)
{
	uint64_t start, end;

	for (start = 0; start < m->size; start = end) {
		bool zero = is_zero(m->base + start);

		end = start + PAGE;
		while (end < m->size && end - start < SECTION_MAX && is_zero(m->base + end) == zero)
			end += PAGE;
		if (!zero && snapshot_write(to, SECTION, 1, start, m->base + start, end - start))
			return -1;
		__atomic_store_n(&to->memory, end, __ATOMIC_RELAXED);
	}
	return 0;
}

int memory_take(struct memory *m, struct snapshot_reader *from)
{
	const struct snapshot_section *s = &from->section;
	void *to;

	if (strcmp(s->name, SECTION))
		return 0;
	to = within(m->base, m->size, s->at, s->size);
	if (s->version != 1 || s->at % PAGE || s->size % PAGE || s->size > SECTION_MAX || !to)
		return complain("%s is damaged: it has memory where the guest has none",
				from->name);
	return snapshot_read(from, to) ? -1 : 1;
}
