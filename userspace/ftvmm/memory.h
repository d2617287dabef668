/* SPDX-License-Identifier: GPL-2.0-only */
/* The guest's RAM, and the map of its physical address space. */
#ifndef FTVMM_MEMORY_H
#define FTVMM_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "snapshot.h"

#define MEMORY_GAP	0xc0000000ull	/* no RAM from here ... */
#define MEMORY_HIGH	0x100000000ull	/* ... to here */
#define MEMORY_MIN	(32ull << 20)
#define MEMORY_MAX	0x10000000000ull
#define MEMORY_UNIT	(2ull << 20)

/* In the gap; PCI's window is also in dsdt.asl. */
#define PCI_WINDOW	0xd0000000ull
#define PCI_WINDOW_END	0xe0000000ull
#define IOAPIC_ADDRESS	0xfec00000ull
#define LAPIC_ADDRESS	0xfee00000ull

/**
 * struct memory - all of the guest's RAM, one mapping
 * @base: where it is mapped
 * @size: bytes
 * @low: of them below the gap; those above it follow
 */
struct memory {
	uint8_t *base;
	uint64_t size;
	uint64_t low;
};

/**
 * memory_open() - allocate the RAM
 * @m: the memory
 * @size: bytes, a multiple of 2 MiB, MEMORY_MIN to MEMORY_MAX
 *
 * Return: 0, or -1 with the reason told.
 */
int memory_open(struct memory *m, uint64_t size);

void memory_close(struct memory *m);

/**
 * memory_lock() - have the host keep what it has given to the guest
 * @m: the memory
 * @in_place: all of it, and always in the same pages
 *
 * With shadow paging a page that is taken away and comes back takes KVM's shadow of the
 * guest's page tables with it, and so changes when accessed bits are set: such a guest
 * would not replay. The host takes pages away to swap them, to make huge pages of small ones,
 * and for one that was read before it was ever written. If it is not to be @in_place, no more
 * memory is taken than the guest uses.
 *
 * Return: 0, or -1 with the reason told.
 */
int memory_lock(struct memory *m, bool in_place);

/**
 * memory_at() - where a range of guest physical addresses is mapped
 * @m: the memory
 * @gpa: its first
 * @size: bytes
 *
 * Return: the address, or NULL if not all of the range is RAM.
 */
void *memory_at(const struct memory *m, uint64_t gpa, uint64_t size);

/* Write all that is not zero to a snapshot.  Returns 0, or -1 with the reason told. */
int memory_save(const struct memory *m, struct snapshot_writer *to);

/**
 * memory_take() - read a section that memory_save() has written
 * @m: the memory, which was zero before
 * @from: the snapshot, with the section's head read
 *
 * Return: 1 if it was one of memory; 0 if not, and nothing was read; -1 with the
 * reason told.
 */
int memory_take(struct memory *m, struct snapshot_reader *from);

#endif
