/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For how long each side waits for the other one while the snapshot goes over: until the
 * connection is kvm-ft-tcp's, which has a time-out of its own.
 */
#ifndef FTVMM_PATIENCE_H
#define FTVMM_PATIENCE_H

#include <sys/types.h>

/*
 * The secondary's, in seconds.  Nobody stands still for it, and its primary may have nothing to
 * send for a while: pages that are zero are left out.
 */
#define PATIENCE_SECONDARY_S	30

/* The primary's: so many times kvm-ft-tcp's failure_timeout_ms, but so many ms at least. */
#define PATIENCE_TIMES		3
#define PATIENCE_MIN_MS		3000

#define PATIENCE_PARAMETER	"/sys/module/kvm_ft_tcp/parameters/failure_timeout_ms"

/**
 * patience_primary_ms() - for how long a guest stands still for a silent secondary
 * @parameter: PATIENCE_PARAMETER; if it cannot be read, it is as if its value was small
 *
 * The other side's ftvmm has something to do before it reads, and after that, in which its
 * kernel is not silent: so it is more than the time-out itself.
 *
 * Return: milliseconds.
 */
unsigned int patience_primary_ms(const char *parameter);

/**
 * patience_set_primary() - the connection ends if what is sent is not taken
 * @socket: the connection
 * @ms: for how long: neither acknowledged by the other side's kernel nor, once its buffers are
 *	full, read by its ftvmm
 *
 * What is written then fails with ETIMEDOUT, signals or not.
 *
 * Return: 0, or -1 with the reason told.
 */
int patience_set_primary(int socket, unsigned int ms);

/**
 * patience_set_secondary() - a read fails after PATIENCE_SECONDARY_S, and a dead host is noticed
 * @socket: the connection
 *
 * Return: 0, or -1 with the reason told.
 */
int patience_set_secondary(int socket);

/* The connection is about to be the kernel's.  Return: as above. */
int patience_lift_secondary(int socket);

/**
 * patience_receive() - one byte
 * @socket: the connection
 * @byte: the result
 * @ms: for how long, signals or not
 *
 * Return: as recv(); a time-out is ETIMEDOUT.
 */
ssize_t patience_receive(int socket, char *byte, unsigned int ms);

#endif
