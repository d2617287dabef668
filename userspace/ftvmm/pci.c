// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pci_regs.h>
#include <stdio.h>
#include <string.h>

#include "message.h"
#include "pci.h"

#define ADDRESS_PORT	0xcf8
#define DATA_PORT	0xcfc
#define ADDRESS_ENABLE	0x80000000

/* Windows of the host bridge; also in dsdt.asl. */
#define PORT_WINDOW		0xc000
#define PORTS_PER_DEVICE	0x40
#define BYTES_PER_DEVICE	0x10000

/* A host bridge that no driver and no quirk knows: QEMU's for plain PCIe. */
#define BRIDGE_VENDOR	0x1b36
#define BRIDGE_DEVICE	0x0008

void pci_set8(struct pci_device *device, unsigned int offset, uint8_t value)
{
	device->config[offset] = value;
}

void pci_set16(struct pci_device *device, unsigned int offset, uint16_t value)
{
	memcpy(device->config + offset, &value, sizeof(value));
}

void pci_set32(struct pci_device *device, unsigned int offset, uint32_t value)
{
	memcpy(device->config + offset, &value, sizeof(value));
}

uint16_t pci_get16(const struct pci_device *device, unsigned int offset)
{
	uint16_t value;

	memcpy(&value, device->config + offset, sizeof(value));
	return value;
}

static uint32_t get32(const struct pci_device *device, unsigned int offset)
{
	uint32_t value;

	memcpy(&value, device->config + offset, sizeof(value));
	return value;
}

void pci_allow16(struct pci_device *device, unsigned int offset, uint16_t bits)
{
	memcpy(device->writable + offset, &bits, sizeof(bits));
}

void pci_allow32(struct pci_device *device, unsigned int offset, uint32_t bits)
{
	memcpy(device->writable + offset, &bits, sizeof(bits));
}

/* BARs answer where the registers say, if they say so. */
static void place_bars(struct pci_device *device)
{
	uint16_t command = pci_get16(device, PCI_COMMAND);
	int i;

	for (i = 0; i < PCI_BARS; i++) {
		uint32_t bar = get32(device, PCI_BASE_ADDRESS_0 + 4 * i);
		uint16_t enabled = device->is_port[i] ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY;

		device->bar[i].start = bar & ~(uint32_t)(device->is_port[i] ? 0x3 : 0xf);
		device->bar[i].enabled = device->bar[i].size && (command & enabled);
	}
}

static int restored(void *owner)
{
	place_bars(owner);
	return 0;
}

/* The device that is selected, and the register; NULL if there is none. */
static struct pci_device *selected(struct pci *pci, uint64_t offset, unsigned int size,
				   unsigned int *reg)
{
	uint32_t address = pci->state.address;

	*reg = (address & 0xfc) + offset;
	/* Bus 0, function 0. */
	if (!(address & ADDRESS_ENABLE) || (address & 0x00ff0700) || *reg + size > PCI_CONFIG)
		return NULL;
	return pci->device[address >> 11 & 0x1f];
}

static uint64_t read_config(void *owner, uint64_t offset, unsigned int size)
{
	uint64_t value = 0;
	unsigned int reg;
	struct pci_device *device = selected(owner, offset, size, &reg);

	if (!device)
		return ~0ull;
	memcpy(&value, device->config + reg, size);
	return value;
}

static void write_config(void *owner, uint64_t offset, unsigned int size, uint64_t value)
{
	unsigned int reg, i;
	struct pci_device *device = selected(owner, offset, size, &reg);

	if (!device)
		return;
	for (i = 0; i < size; i++) {
		uint8_t mask = device->writable[reg + i], byte = value >> 8 * i;

		device->config[reg + i] = (device->config[reg + i] & ~mask) | (byte & mask);
	}
	place_bars(device);
	if (device->written)
		device->written(device->owner, reg, size);
}

static uint64_t read_address(void *owner, uint64_t offset, unsigned int size)
{
	struct pci *pci = owner;

	return offset || size != 4 ? ~0ull : pci->state.address;
}

static void write_address(void *owner, uint64_t offset, unsigned int size, uint64_t value)
{
	struct pci *pci = owner;

	if (!offset && size == 4)
		pci->state.address = value & (ADDRESS_ENABLE | 0x00fffffc);
}

static void assign_bars(struct pci_device *device, unsigned int slot)
{
	uint32_t port = PORT_WINDOW + slot * PORTS_PER_DEVICE;
	uint32_t address = PCI_WINDOW + slot * BYTES_PER_DEVICE;
	int i;

	for (i = 0; i < PCI_BARS; i++) {
		unsigned int at = PCI_BASE_ADDRESS_0 + 4 * i;
		uint32_t size = device->bar[i].size;

		if (!size)
			continue;
		if (device->is_port[i])
			pci_set32(device, at, port | PCI_BASE_ADDRESS_SPACE_IO);
		else
			pci_set32(device, at, address);
		pci_allow32(device, at, ~(size - 1));
		if (device->is_port[i])
			port += size;
		else
			address += size;
	}
	pci_allow16(device, PCI_COMMAND,
		    PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

int pci_add(struct pci *pci, struct pci_device *device)
{
	unsigned int slot = 0;
	int i;

	while (slot < PCI_DEVICES && pci->device[slot])
		slot++;
	if (slot == PCI_DEVICES)
		return complain("no room on the PCI bus for %s", device->name);
	pci->device[slot] = device;
	device->vm = pci->vm;
	assign_bars(device, slot);
	place_bars(device);
	for (i = 0; i < PCI_BARS; i++)
		if (device->bar[i].size)
			bus_add(device->is_port[i] ? &pci->vm->ports : &pci->vm->addresses,
				&device->bar[i]);
	snprintf(device->label, sizeof(device->label), "pci.%s", device->name);
	device->saved = (struct state){
		.name = device->label,
		.data = device->config,
		.size = sizeof(device->config),
		.restored = restored,
		.device = device,
	};
	state_add(&device->saved);
	return 0;
}

static void make_bridge(struct pci_device *bridge)
{
	bridge->name = "bridge";
	pci_set16(bridge, PCI_VENDOR_ID, BRIDGE_VENDOR);
	pci_set16(bridge, PCI_DEVICE_ID, BRIDGE_DEVICE);
	pci_set16(bridge, PCI_CLASS_DEVICE, 0x0600);
}

void pci_open(struct pci *pci, struct vm *vm)
{
	*pci = (struct pci){
		.vm = vm,
		.address = {
			.start = ADDRESS_PORT,
			.size = 4,
			.enabled = true,
			.device = pci,
			.read = read_address,
			.write = write_address,
		},
		.data = {
			.start = DATA_PORT,
			.size = 4,
			.enabled = true,
			.device = pci,
			.read = read_config,
			.write = write_config,
		},
		.saved = {
			.name = "pci",
			.data = &pci->state,
			.size = sizeof(pci->state),
		},
	};
	bus_add(&vm->ports, &pci->address);
	bus_add(&vm->ports, &pci->data);
	state_add(&pci->saved);
	make_bridge(&pci->bridge);
	pci_add(pci, &pci->bridge);
}
