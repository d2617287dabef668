/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * PCI: one bus behind a host bridge, devices with one function each, configuration
 * through ports 0xcf8 and 0xcfc.  BARs are placed when devices are added, as firmware
 * would do; the guest may move them.
 */
#ifndef FTVMM_PCI_H
#define FTVMM_PCI_H

#include <stdbool.h>
#include <stdint.h>

#include "bus.h"
#include "state.h"
#include "vm.h"

#define PCI_DEVICES	32
#define PCI_BARS	2	/* as many as our devices have */
#define PCI_CONFIG	256

/**
 * struct pci_device - a function in configuration space
 * @name: for messages
 * @label: for the saved state
 * @config: its registers: the saved state
 * @writable: which of their bits the guest may change
 * @bar: where its registers answer; size 0 if there is no such BAR
 * @is_port: the BAR is of ports
 * @written: called after the guest has changed registers, from @offset on; may be NULL
 * @owner: for @written
 * @vm: the machine
 * @saved: its place in the list
 */
struct pci_device {
	const char *name;
	char label[32];
	uint8_t config[PCI_CONFIG];
	uint8_t writable[PCI_CONFIG];
	struct bus_range bar[PCI_BARS];
	bool is_port[PCI_BARS];
	void (*written)(void *owner, unsigned int offset, unsigned int size);
	void *owner;
	struct vm *vm;
	struct state saved;
};

/**
 * struct pci_state - of the host bridge
 * @address: what was written to 0xcf8
 */
struct pci_state {
	uint32_t address;
};

/**
 * struct pci - the bus
 * @vm: the machine
 * @device: by number; NULL where there is none
 * @bridge: number 0
 * @address: port 0xcf8
 * @data: ports 0xcfc to 0xcff
 * @state: saved
 * @saved: its place in the list
 */
struct pci {
	struct vm *vm;
	struct pci_device *device[PCI_DEVICES];
	struct pci_device bridge;
	struct bus_range address;
	struct bus_range data;
	struct pci_state state;
	struct state saved;
};

void pci_open(struct pci *pci, struct vm *vm);

/* A register of a device that is being made; numbers are little-endian. */
void pci_set8(struct pci_device *device, unsigned int offset, uint8_t value);
void pci_set16(struct pci_device *device, unsigned int offset, uint16_t value);
void pci_set32(struct pci_device *device, unsigned int offset, uint32_t value);
uint16_t pci_get16(const struct pci_device *device, unsigned int offset);

/* The guest may change these bits of a register. */
void pci_allow16(struct pci_device *device, unsigned int offset, uint16_t bits);
void pci_allow32(struct pci_device *device, unsigned int offset, uint32_t bits);

/**
 * pci_add() - put a device into the next free slot
 * @pci: the bus
 * @device: must stay; its registers and the sizes and functions of its BARs are set;
 *	sizes are powers of 2, of ports from 4, else from 16
 *
 * Return: 0, or -1 with the reason told.
 */
int pci_add(struct pci *pci, struct pci_device *device);

#endif
