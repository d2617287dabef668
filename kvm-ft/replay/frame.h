/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What goes over the wire between two hosts: frames, as
 * Documentation/wire-protocol.rst has them.  No more than the coding of a frame's head,
 * which knows nothing of sockets.
 */
#ifndef KVM_FT_REPLAY_FRAME_H
#define KVM_FT_REPLAY_FRAME_H

#include "env.h"

#define KVM_FT_WIRE_VERSION	1
#define KVM_FT_FRAME_HEAD	40	/* bytes */
#define KVM_FT_FRAME_MAX	(68 * 1024)	/* bytes behind the head; a block of the log */

enum kvm_ft_frame_type {
	KVM_FT_FRAME_HELLO = 1,	/* the first of each side; @position: role, @value: version */
	KVM_FT_FRAME_DATA,	/* source: the log's header, or a block, at @position */
	KVM_FT_FRAME_BEAT,	/* source: there is nothing to send */
	KVM_FT_FRAME_ACK,	/* sink: received up to @position, replayed up to @value */
	KVM_FT_FRAME_BYE,	/* source: the log ends at @position; sink: so it was received */
	KVM_FT_FRAME_LIMIT,
};

/**
 * struct kvm_ft_frame - a frame's head
 * @type: enum kvm_ft_frame_type
 * @length: bytes that follow; 0 but for DATA
 * @generation: number of the protection
 * @position: in the log, see above
 * @value: source, but for HELLO: the guest's TSC
 */
struct kvm_ft_frame {
	u32 type;
	u32 length;
	u64 generation;
	u64 position;
	u64 value;
};

/**
 * kvm_ft_frame_encode() - the bytes of a head
 * @frame: what it says
 * @buf: %KVM_FT_FRAME_HEAD bytes
 */
void kvm_ft_frame_encode(const struct kvm_ft_frame *frame, u8 *buf);

/**
 * kvm_ft_frame_decode() - read and check a head
 * @frame: receives what it says
 * @buf: %KVM_FT_FRAME_HEAD bytes, from anybody
 *
 * Return: 0, or -EPROTO if it is none.
 */
int kvm_ft_frame_decode(struct kvm_ft_frame *frame, const u8 *buf);

#endif
