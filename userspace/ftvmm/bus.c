// SPDX-License-Identifier: GPL-2.0-only
#include <stddef.h>

#include "bus.h"

void bus_add(struct bus *bus, struct bus_range *range)
{
	struct bus_range **at = &bus->first;

	while (*at)
		at = &(*at)->next;
	range->next = NULL;
	*at = range;
}

static struct bus_range *find(struct bus *bus, uint64_t address, unsigned int size)
{
	struct bus_range *range;

	for (range = bus->first; range; range = range->next) {
		if (range->enabled && address >= range->start &&
		    address - range->start < range->size &&
		    size <= range->size - (address - range->start))
			return range;
	}
	return NULL;
}

uint64_t bus_read(struct bus *bus, uint64_t address, unsigned int size)
{
	struct bus_range *range = find(bus, address, size);

	if (!range || !range->read)
		return bus->nobody;
	return range->read(range->device, address - range->start, size);
}

void bus_write(struct bus *bus, uint64_t address, unsigned int size, uint64_t value)
{
	struct bus_range *range = find(bus, address, size);

	if (range && range->write)
		range->write(range->device, address - range->start, size, value);
}
