// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>
#include <sys/mman.h>

#include "memory.h"
#include "message.h"

int memory_open(struct memory *m, uint64_t size)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (base == MAP_FAILED)
		return complain("cannot map %llu MiB for the guest's memory (%s): see --memory",
				(unsigned long long)size >> 20, strerror(errno));
	*m = (struct memory){
		.base = base,
		.size = size,
		.low = size < MEMORY_GAP ? size : MEMORY_GAP,
	};
	return 0;
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
