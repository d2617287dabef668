// SPDX-License-Identifier: GPL-2.0-only
#include <linux/serial_reg.h>
#include <string.h>

#include "inputs.h"
#include "output.h"
#include "serial.h"

#define PORT		0x3f8
#define PORTS		8
#define FIFO_ON		0xc0	/* in IIR */

static bool has_input(const struct serial_state *s)
{
	return s->read < s->received;
}

/* The reason to interrupt, the most urgent one. */
static uint8_t reason(const struct serial_state *s)
{
	if ((s->ier & UART_IER_RDI) && has_input(s))
		return UART_IIR_RDI;
	if ((s->ier & UART_IER_THRI) && s->thri)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

static void update_interrupt(struct serial *serial)
{
	bool raise = reason(&serial->state) != UART_IIR_NO_INT;

	if (raise && !serial->state.raised)
		vm_irq_edge(serial->vm, IRQ_SERIAL);
	serial->state.raised = raise;
}

static void forget_input(struct serial *serial)
{
	bool taken = serial->state.received;

	serial->state.received = 0;
	serial->state.read = 0;
	if (taken && serial->terminal)
		terminal_taken(serial->terminal);
}

static uint8_t read_data(struct serial *serial)
{
	struct serial_state *s = &serial->state;
	uint8_t byte = 0;

	if (has_input(s))
		byte = s->fifo[s->read++];
	if (!has_input(s))
		forget_input(serial);
	return byte;
}

static uint8_t read_iir(struct serial_state *s)
{
	uint8_t iir = reason(s);

	if (iir == UART_IIR_THRI)
		s->thri = 0;
	return iir | (s->fcr & UART_FCR_ENABLE_FIFO ? FIFO_ON : 0);
}

/* Modem status: connected; or in a loop, where it shows modem control. */
static uint8_t read_msr(const struct serial_state *s)
{
	uint8_t msr = 0;

	if (!(s->mcr & UART_MCR_LOOP))
		return UART_MSR_CTS | UART_MSR_DSR | UART_MSR_DCD;
	if (s->mcr & UART_MCR_RTS)
		msr |= UART_MSR_CTS;
	if (s->mcr & UART_MCR_DTR)
		msr |= UART_MSR_DSR;
	if (s->mcr & UART_MCR_OUT1)
		msr |= UART_MSR_RI;
	if (s->mcr & UART_MCR_OUT2)
		msr |= UART_MSR_DCD;
	return msr;
}

static uint64_t read_register(void *device, uint64_t offset, unsigned int size)
{
	struct serial *serial = device;
	struct serial_state *s = &serial->state;
	uint8_t value = 0;

	(void)size;
	switch (offset) {
	case UART_RX:
		value = s->lcr & UART_LCR_DLAB ? s->dll : read_data(serial);
		break;
	case UART_IER:
		value = s->lcr & UART_LCR_DLAB ? s->dlm : s->ier;
		break;
	case UART_IIR:
		value = read_iir(s);
		break;
	case UART_LCR:
		value = s->lcr;
		break;
	case UART_MCR:
		value = s->mcr;
		break;
	case UART_LSR:
		value = UART_LSR_TEMT | UART_LSR_THRE | (has_input(s) ? UART_LSR_DR : 0);
		break;
	case UART_MSR:
		value = read_msr(s);
		break;
	case UART_SCR:
		value = s->scr;
		break;
	}
	update_interrupt(serial);
	return value;
}

static void transmit(struct serial *serial, uint8_t byte)
{
	struct serial_state *s = &serial->state;

	if (serial->terminal && !(s->mcr & UART_MCR_LOOP))
		output_write(&byte, 1);
	/* Gone at once. */
	s->thri = 1;
}

static void write_ier(struct serial_state *s, uint8_t value)
{
	if ((value & UART_IER_THRI) && !(s->ier & UART_IER_THRI))
		s->thri = 1;
	s->ier = value & 0xf;
}

static void write_fcr(struct serial *serial, uint8_t value)
{
	if (value & UART_FCR_CLEAR_RCVR)
		forget_input(serial);
	serial->state.fcr = value & UART_FCR_ENABLE_FIFO;
}

static void write_register(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	struct serial *serial = device;
	struct serial_state *s = &serial->state;
	uint8_t byte = value;

	(void)size;
	switch (offset) {
	case UART_TX:
		if (s->lcr & UART_LCR_DLAB)
			s->dll = byte;
		else
			transmit(serial, byte);
		break;
	case UART_IER:
		if (s->lcr & UART_LCR_DLAB)
			s->dlm = byte;
		else
			write_ier(s, byte);
		break;
	case UART_FCR:
		write_fcr(serial, byte);
		break;
	case UART_LCR:
		s->lcr = byte;
		break;
	case UART_MCR:
		s->mcr = byte & 0x1f;
		break;
	case UART_SCR:
		s->scr = byte;
		break;
	}
	update_interrupt(serial);
}

/* INPUT_SERIAL: bytes that were typed. */
static void receive(void *device, const void *data, uint32_t size)
{
	struct serial *serial = device;
	struct serial_state *s = &serial->state;

	if (size > sizeof(s->fifo) - s->received)
		size = sizeof(s->fifo) - s->received;
	memcpy(s->fifo + s->received, data, size);
	s->received += size;
	update_interrupt(serial);
}

static int restored(void *device)
{
	struct serial *serial = device;

	if (serial->terminal && !serial->state.received)
		terminal_taken(serial->terminal);
	return 0;
}

static bool valid(const void *data)
{
	const struct serial_state *s = data;

	return s->received <= sizeof(s->fifo) && s->read <= s->received;
}

void serial_open(struct serial *serial, struct vm *vm, struct terminal *terminal)
{
	*serial = (struct serial){
		.vm = vm,
		.terminal = terminal,
		.range = {
			.start = PORT,
			.size = PORTS,
			.enabled = true,
			.device = serial,
			.read = read_register,
			.write = write_register,
		},
		.saved = {
			.name = "serial",
			.data = &serial->state,
			.size = sizeof(serial->state),
			.restored = restored,
			.valid = valid,
			.device = serial,
		},
	};
	bus_add(&vm->ports, &serial->range);
	state_add(&serial->saved);
	if (terminal)
		inputs_handle(INPUT_TAG(INPUT_SERIAL, 0), receive, serial);
}
