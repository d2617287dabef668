/* SPDX-License-Identifier: GPL-2.0-only */
/* The serial port: a 16550A at 0x3f8, ttyS0 in Linux. */
#ifndef FTVMM_SERIAL_H
#define FTVMM_SERIAL_H

#include <stdint.h>

#include "bus.h"
#include "state.h"
#include "terminal.h"
#include "vm.h"

/**
 * struct serial_state - registers, and what was received
 * @ier: interrupt enable
 * @fcr: FIFO control
 * @lcr: line control
 * @mcr: modem control
 * @scr: scratch
 * @dll: divisor, low
 * @dlm: divisor, high
 * @thri: the transmitter has become empty, and the driver was not told yet
 * @raised: there was a reason to interrupt when we last looked
 * @received: bytes in @fifo
 * @read: of them, by the driver
 * @fifo: longer than that of the real one
 */
struct serial_state {
	uint8_t ier;
	uint8_t fcr;
	uint8_t lcr;
	uint8_t mcr;
	uint8_t scr;
	uint8_t dll;
	uint8_t dlm;
	uint8_t thri;
	uint8_t raised;
	uint8_t received;
	uint8_t read;
	uint8_t fifo[TERMINAL_BATCH];
};

/**
 * struct serial - the serial port
 * @vm: the machine
 * @terminal: where it leads; NULL for nowhere
 * @range: where it answers
 * @state: saved
 * @saved: its place in the list
 */
struct serial {
	struct vm *vm;
	struct terminal *terminal;
	struct bus_range range;
	struct serial_state state;
	struct state saved;
};

/* Input comes as events of INPUT_SERIAL, if there is a terminal. */
void serial_open(struct serial *serial, struct vm *vm, struct terminal *terminal);

#endif
