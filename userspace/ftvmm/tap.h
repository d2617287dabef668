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

/*
 * The longest packet that a tap device hands out, with its header: what is to be segmented
 * is below GSO_LEGACY_MAX_SIZE, no MTU is larger, and a VLAN tag may have been put in.
 */
#define TAP_PACKET	(TAP_HEADER + 65535 + 4)

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
 * tap_set_offloads() - what may be left to the guest
 * @fd: the descriptor
 * @offloads: TUN_F_*: packets whose checksum is still to be calculated, or that are still
 *	to be cut into segments; those need the former
 */
void tap_set_offloads(int fd, unsigned int offloads);

#endif
