/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TCP connections to ourselves that sessions can have for their logs.  Errors of the set-up
 * end the test program.
 */
#ifndef SELFTESTS_CONNECTION_H
#define SELFTESTS_CONNECTION_H

#include <stddef.h>
#include <stdint.h>

/* The loop-back interface is up, and the one for logs; and undo the latter. */
void connection_set_up(void);
void connection_tear_down(void);

/* Writes a parameter of kvm-ft-tcp. */
void connection_parameter(const char *name, const char *value);

int connection_socket(void);

/* Two ends of a connection; @bound: to the interface for logs. */
void connection_make(int fds[2], int bound);

/* KVM_FT_SET_LOG with one of them; returns its errno, or 0. */
int connection_try(int session, int fd, uint64_t generation);

/* The same, which has to succeed; the end is the kernel's then. */
void connection_give(int session, int fd, uint64_t generation);

/* Reads exactly so much; returns whether there was so much. */
int connection_read(int fd, uint8_t *buf, size_t size);

#endif
