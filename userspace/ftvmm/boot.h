/* SPDX-License-Identifier: GPL-2.0-only */
/* Loading Linux: the x86 boot protocol's 64-bit entry, without any firmware. */
#ifndef FTVMM_BOOT_H
#define FTVMM_BOOT_H

#include <stddef.h>
#include <stdint.h>

#include "vcpu.h"

/**
 * struct boot_file - a file in memory
 * @data: its content
 * @size: its size
 */
struct boot_file {
	uint8_t *data;
	size_t size;
};

/**
 * struct boot - what is booted
 * @vcpu: on which
 * @kernel: a bzImage
 * @initrd: size 0 if there is none
 * @command_line: complete
 * @rng_seed: for the guest's random numbers; used once
 */
struct boot {
	struct vcpu *vcpu;
	struct boot_file kernel;
	struct boot_file initrd;
	char *command_line;
	uint8_t rng_seed[32];
};

/* Functions that return int: 0, or -1 with the reason told, unless noted. */

/**
 * boot_open() - read the files
 * @boot: what is booted
 * @kernel: path
 * @initrd: path, or NULL
 *
 * Return: 0, or -1 with the reason told; boot_close() is to be called in both cases.
 */
int boot_open(struct boot *boot, const char *kernel, const char *initrd);

void boot_close(struct boot *boot);

/**
 * boot_set_command_line() - the kernel's command line
 * @boot: what is booted
 * @append: the user's words; may be empty
 * @console: the device for the kernel's messages, unless @append names one
 *
 * The vCPU must be there: its TSC's frequency is among what is added.
 *
 * Return: 0, or -1 with the reason told.
 */
int boot_set_command_line(struct boot *boot, const char *append, const char *console);

/**
 * boot_load() - write everything to memory and set the registers
 * @data: struct boot
 *
 * The vCPU's thread, or before there is one.
 *
 * Return: 0, or -1 with the reason told.
 */
int boot_load(void *data);

/* Write what is booted to a snapshot: a guest that resets itself needs it again. */
int boot_save(const struct boot *boot, struct snapshot_writer *to);

/**
 * boot_take() - read a section that boot_save() has written
 * @boot: what is booted: nothing yet
 * @from: the snapshot, with the section's head read
 *
 * Return: 1 if it was one of these; 0 if not, and nothing was read; -1 with the
 * reason told.
 */
int boot_take(struct boot *boot, struct snapshot_reader *from);

/* All sections were taken: are they what can be booted? */
int boot_loaded(const struct boot *boot);

#endif
