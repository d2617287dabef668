/* SPDX-License-Identifier: GPL-2.0-only */
/* Which device answers at an I/O port, or at an address that is not RAM. */
#ifndef FTVMM_BUS_H
#define FTVMM_BUS_H

#include <stdbool.h>
#include <stdint.h>

/**
 * struct bus_range - where a device answers
 * @next: in the list of the bus
 * @start: the first port or guest physical address; may change
 * @size: how many
 * @enabled: it does answer; may change
 * @device: for the functions, which run in the vCPU's thread
 * @read: returns the 1, 2, 4 or 8 bytes at an offset from @start
 * @write: likewise
 */
struct bus_range {
	struct bus_range *next;
	uint64_t start;
	uint64_t size;
	bool enabled;
	void *device;
	uint64_t (*read)(void *device, uint64_t offset, unsigned int size);
	void (*write)(void *device, uint64_t offset, unsigned int size, uint64_t value);
};

/**
 * struct bus - ports, or addresses
 * @first: range on it
 * @nobody: what is read where nobody answers
 */
struct bus {
	struct bus_range *first;
	uint64_t nobody;
};

/* The range must stay; where two overlap, the one added first answers. */
void bus_add(struct bus *bus, struct bus_range *range);

/* Accesses of the guest: 1, 2, 4 or 8 bytes. */
uint64_t bus_read(struct bus *bus, uint64_t address, unsigned int size);
void bus_write(struct bus *bus, uint64_t address, unsigned int size, uint64_t value);

#endif
