/* SPDX-License-Identifier: GPL-2.0-only */
/* A tap device of the host: the back end of virtio-net. */
#ifndef FTVMM_TAP_H
#define FTVMM_TAP_H

#include <stdbool.h>
#include <stddef.h>

#include "loop.h"

/* The header before each packet: struct virtio_net_hdr_v1. */
#define TAP_HEADER	12

#define TAP_CONNECT_MS	100

/* The longest packet that is received, header included: no jumbo frames. */
#define TAP_PACKET	2048

/**
 * tap_open() - attach to a tap device
 * @name: of an existing device, or of one to be made
 * @carrier: whether it is connected; if not, it is as if its cable was unplugged until
 *	tap_connect()
 *
 * Return: its descriptor, not blocking; or -1 with the reason told.
 */
int tap_open(const char *name, bool carrier);

/**
 * tap_connect() - plug the cable in
 * @fd: the descriptor
 *
 * Returns when the host's network has taken note, so that what is sent now is not lost at
 * a bridge; it waits for that for TAP_CONNECT_MS at most.
 *
 * Return: 0, or -1 with the reason told.
 */
int tap_connect(int fd);

/**
 * tap_set_checksums() - what may be handed to the guest
 * @fd: the descriptor
 * @partial: packets whose checksum is still to be calculated, too
 */
void tap_set_checksums(int fd, bool partial);

#endif
