/* SPDX-License-Identifier: GPL-2.0-only */
/* KVM's part of the machine, but for the vCPU: memory, interrupt controllers. */
#ifndef FTVMM_VM_H
#define FTVMM_VM_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "bus.h"
#include "memory.h"
#include "state.h"

/* Inputs of the I/O APIC. */
#define IRQ_SERIAL	4
#define IRQ_BUTTON	9

/**
 * struct vm_state - the interrupt controllers, all of them KVM's
 * @chip: both PICs (which nobody uses) and the I/O APIC
 */
struct vm_state {
	struct kvm_irqchip chip[3];
};

/**
 * struct vm - the machine
 * @kvm: descriptor of /dev/kvm
 * @fd: of the VM
 * @memory: RAM
 * @ports: I/O ports
 * @addresses: physical addresses that are not RAM
 * @state: saved
 * @saved: its place in the list
 */
struct vm {
	int kvm;
	int fd;
	struct memory memory;
	struct bus ports;
	struct bus addresses;
	struct vm_state state;
	struct state saved;
};

/**
 * vm_open() - create the machine
 * @vm: the machine
 * @memory: bytes of RAM
 *
 * Return: 0, or -1 with the reason told; vm_close() is to be called in both cases.
 */
int vm_open(struct vm *vm, uint64_t memory);

void vm_close(struct vm *vm);

/* An edge on an input of the I/O APIC.  The vCPU's thread. */
void vm_irq_edge(struct vm *vm, uint32_t irq);

/* A message-signalled interrupt.  The vCPU's thread. */
void vm_msi(struct vm *vm, uint64_t address, uint32_t data);

#endif
