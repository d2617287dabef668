// SPDX-License-Identifier: GPL-2.0-only
#include "acpi.h"
#include "inputs.h"
#include "message.h"
#include "power.h"

/* ACPI's sleep control register. */
#define SLEEP_ENABLE		0x20
#define SLEEP_TYPE(value)	((value) >> 2 & 7)

#define PIT		0x40
#define PIT_PORTS	4

static uint64_t read_port(void *device, uint64_t offset, unsigned int size)
{
	(void)device;
	(void)offset;
	(void)size;
	return 0;
}

static void write_port(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct power *power = device;

	(void)size;
	if (offset == ACPI_RESET - ACPI_SLEEP_CONTROL && (uint8_t)value == ACPI_RESET_VALUE)
		vcpu_reset(power->vcpu);
	if (!offset && (value & SLEEP_ENABLE) && SLEEP_TYPE(value) == ACPI_S5)
		vcpu_power_off(power->vcpu);
}

/* INPUT_BUTTON */
static void pressed(void *device, const void *data, uint32_t size)
{
	struct power *power = device;

	(void)data;
	(void)size;
	vm_irq_edge(power->vcpu->vm, IRQ_BUTTON);
}

void power_open(struct power *power, struct vcpu *vcpu)
{
	*power = (struct power){
		.vcpu = vcpu,
		.range = {
			.start = ACPI_SLEEP_CONTROL,
			.size = ACPI_RESET - ACPI_SLEEP_CONTROL + 1,
			.enabled = true,
			.device = power,
			.read = read_port,
			.write = write_port,
		},
		/*
		 * There is none.  Linux still looks for it to measure time, and gives up
		 * at once if it reads zeros, but after 50000 reads if it reads ones.
		 */
		.pit = {
			.start = PIT,
			.size = PIT_PORTS,
			.enabled = true,
			.read = read_port,
		},
	};
	bus_add(&vcpu->vm->ports, &power->range);
	bus_add(&vcpu->vm->ports, &power->pit);
	inputs_handle(INPUT_TAG(INPUT_BUTTON, 0), pressed, power);
}

void power_press_button(void)
{
	struct event *event = event_new(INPUT_TAG(INPUT_BUTTON, 0), 0);

	if (event)
		inputs_post(event);
	else
		complain("no memory to press the power button");
}
