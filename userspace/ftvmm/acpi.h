/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ACPI tables: as few as Linux needs, of the hardware-reduced kind, which stands
 * for a machine without PIC, PIT, HPET, PM timer, keyboard controller and VGA.
 * What devices there are is in dsdt.asl.
 */
#ifndef FTVMM_ACPI_H
#define FTVMM_ACPI_H

#include "memory.h"

#define ACPI_TABLES	0xe0000	/* up to 1 MiB; the RSDP comes first */

/* Ports; see power.c. */
#define ACPI_SLEEP_CONTROL	0x600
#define ACPI_SLEEP_STATUS	0x601
#define ACPI_RESET		0x602
#define ACPI_RESET_VALUE	0x01
#define ACPI_S5			5	/* SLP_TYP, as in dsdt.asl */

/* Write the tables to memory. */
void acpi_place(const struct memory *m);

#endif
