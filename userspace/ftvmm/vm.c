// SPDX-License-Identifier: GPL-2.0-only
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "message.h"
#include "vm.h"

/* Three pages that KVM needs on Intel CPUs, where nothing else is. */
#define TSS_ADDRESS	0xfffbd000

static int collect(void *device)
{
	struct vm *vm = device;
	uint32_t i;

	for (i = 0; i < 3; i++) {
		vm->state.chip[i].chip_id = i;
		if (ioctl(vm->fd, KVM_GET_IRQCHIP, &vm->state.chip[i]))
			return complain("cannot read the interrupt controllers: %s",
					strerror(errno));
	}
	return 0;
}

static int restored(void *device)
{
	struct vm *vm = device;
	uint32_t i;

	for (i = 0; i < 3; i++)
		if (ioctl(vm->fd, KVM_SET_IRQCHIP, &vm->state.chip[i]))
			return complain("cannot set the interrupt controllers: %s",
					strerror(errno));
	return 0;
}

static int open_kvm(struct vm *vm)
{
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm >= 0)
		return 0;
	if (errno == EACCES)
		return complain_with_remedy("be root, or in the group that owns it",
					    "no access to /dev/kvm");
	return complain_with_remedy("load the module kvm_amd or kvm_intel; see dmesg",
				    "cannot open /dev/kvm (%s)", strerror(errno));
}

static int add_slot(struct vm *vm, uint32_t slot, uint64_t gpa, uint64_t size, uint8_t *at)
{
	struct kvm_userspace_memory_region region = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)at,
	};

	if (!size || !ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region))
		return 0;
	return complain("cannot give KVM the guest's memory: %s", strerror(errno));
}

static int add_memory(struct vm *vm, uint64_t size)
{
	struct memory *m = &vm->memory;

	if (memory_open(m, size) || add_slot(vm, 0, 0, m->low, m->base))
		return -1;
	return add_slot(vm, 1, MEMORY_HIGH, m->size - m->low, m->base + m->low);
}

int vm_open(struct vm *vm, uint64_t memory)
{
	*vm = (struct vm){
		.kvm = -1,
		.fd = -1,
		.ports.nobody = ~0ull,
		.addresses.nobody = ~0ull,
		.saved = {
			.name = "irqchip",
			.data = &vm->state,
			.size = sizeof(vm->state),
			.collect = collect,
			.restored = restored,
			.device = vm,
		},
	};
	if (open_kvm(vm))
		return -1;
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		return complain("cannot create a VM: %s", strerror(errno));
	/* Local APIC, I/O APIC and PICs, but not the PIT: kvm-ft refuses that. */
	if (ioctl(vm->fd, KVM_SET_TSS_ADDR, TSS_ADDRESS) || ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0))
		return complain("cannot create the interrupt controllers: %s", strerror(errno));
	if (add_memory(vm, memory))
		return -1;
	state_add(&vm->saved);
	return 0;
}

void vm_close(struct vm *vm)
{
	if (vm->fd >= 0)
		close(vm->fd);
	if (vm->kvm >= 0)
		close(vm->kvm);
	memory_close(&vm->memory);
}

void vm_irq_edge(struct vm *vm, uint32_t irq)
{
	struct kvm_irq_level line = { .irq = irq, .level = 1 };

	if (ioctl(vm->fd, KVM_IRQ_LINE, &line))
		complain_limited("cannot raise interrupt %u: %s", irq, strerror(errno));
	line.level = 0;
	if (ioctl(vm->fd, KVM_IRQ_LINE, &line))
		complain_limited("cannot lower interrupt %u: %s", irq, strerror(errno));
}

void vm_msi(struct vm *vm, uint64_t address, uint32_t data)
{
	struct kvm_msi msi = {
		.address_lo = address,
		.address_hi = address >> 32,
		.data = data,
	};

	if (ioctl(vm->fd, KVM_SIGNAL_MSI, &msi) < 0)
		complain_limited("cannot send an interrupt: %s", strerror(errno));
}
