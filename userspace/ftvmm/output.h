/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the guest prints, on its way to a terminal, a pipe or a file, which may be slow.
 *
 * It goes through a queue, which a thread of its own empties.  A guest that prints
 * faster than the other side takes is slowed down, as by a serial line.  But one byte
 * has to be taken each OUTPUT_PATIENCE: if not, as when output is stopped with Ctrl-S,
 * the guest goes on, and what does not fit into the queue is lost; where that was, the
 * output says how much.
 */
#ifndef FTVMM_OUTPUT_H
#define FTVMM_OUTPUT_H

#include <stddef.h>

#define OUTPUT_QUEUE	65536	/* bytes */
#define OUTPUT_PATIENCE	1000	/* milliseconds */

/**
 * output_open() - start to write
 * @fd: to which descriptor; may block
 *
 * Return: 0, or -1 with the reason told.
 */
int output_open(int fd);

/* The vCPU's thread.  Nothing before output_open(). */
void output_write(const void *data, size_t size);

/* Wait until all is written, or the other side does not take it; then end. */
void output_close(void);

#endif
