/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Variable-length integers of the log, and a cursor that cannot leave its
 * buffer.
 *
 * V(n): the first byte holds the n lowest bits of the value and, in bit n,
 * whether more bytes follow; its bits above that belong to somebody else. Each
 * further byte holds 7 bits and, in bit 7, whether more follow. V(7) is the
 * common LEB128. The last byte of several is never 0, so that a value has one
 * encoding only.
 */
#ifndef KVM_FT_REPLAY_VARINT_H
#define KVM_FT_REPLAY_VARINT_H

#include "env.h"

#define KVM_FT_VARINT_MAX	10	/* bytes, for any n from 4 to 7 */

/**
 * kvm_ft_varint_put - write V(bits)
 * @p: where to, at least %KVM_FT_VARINT_MAX bytes
 * @value: what
 * @bits: n, 4 to 7
 * @head: what goes into the first byte above bit n
 *
 * Return: the byte behind it.
 */
static inline u8 *kvm_ft_varint_put(u8 *p, u64 value, unsigned int bits, u8 head)
{
	u8 more = 1 << bits;

	*p = head | (value & (more - 1));
	for (value >>= bits; value; value >>= 7) {
		*p++ |= more;
		*p = value & 0x7f;
		more = 0x80;
	}
	return p + 1;
}

/* Signed differences as unsigned: 0, -1, 1, -2, 2 become 0, 1, 2, 3, 4. */
static inline u64 kvm_ft_zigzag(u64 diff)
{
	return diff << 1 ^ -(diff >> 63);
}

static inline u64 kvm_ft_unzigzag(u64 value)
{
	return value >> 1 ^ -(value & 1);
}

/**
 * struct kvm_ft_cursor - a place in bytes that are not trusted
 * @p: next byte
 * @end: behind the last one
 * @err: 0, or the first error; from then on reads give 0 and do not move
 */
struct kvm_ft_cursor {
	const u8 *p;
	const u8 *end;
	int err;
};

static inline u64 kvm_ft_cursor_fail(struct kvm_ft_cursor *cur, int err)
{
	if (!cur->err)
		cur->err = err;
	return 0;
}

static inline u8 kvm_ft_cursor_u8(struct kvm_ft_cursor *cur)
{
	if (cur->err || cur->p == cur->end)
		return kvm_ft_cursor_fail(cur, -ENODATA);
	return *cur->p++;
}

/* The next @len bytes, or NULL. */
static inline const u8 *kvm_ft_cursor_bytes(struct kvm_ft_cursor *cur, size_t len)
{
	const u8 *p = cur->p;

	if (cur->err || len > (size_t)(cur->end - cur->p)) {
		kvm_ft_cursor_fail(cur, -ENODATA);
		return NULL;
	}
	cur->p += len;
	return p;
}

static inline u64 kvm_ft_cursor_le64(struct kvm_ft_cursor *cur)
{
	const u8 *p = kvm_ft_cursor_bytes(cur, sizeof(u64));

	return p ? kvm_ft_get_le64(p) : 0;
}

/**
 * kvm_ft_varint_rest - read V(bits) whose first byte is known
 * @cur: behind that byte; on overflow or a needless last byte it fails with
 *	-EBADMSG
 * @byte: the first byte
 * @bits: n, 4 to 7
 *
 * Return: the value.
 */
static inline u64 kvm_ft_varint_rest(struct kvm_ft_cursor *cur, u8 byte,
				     unsigned int bits)
{
	u8 more = 1 << bits;
	u64 value = byte & (more - 1);
	unsigned int shift;

	for (shift = bits; byte & more; shift += 7) {
		byte = kvm_ft_cursor_u8(cur);
		more = 0x80;
		if (!byte || shift > 63 || (u64)(byte & 0x7f) << shift >> shift != (byte & 0x7f))
			return kvm_ft_cursor_fail(cur, -EBADMSG);
		value |= (u64)(byte & 0x7f) << shift;
	}
	return value;
}

static inline u64 kvm_ft_varint_get(struct kvm_ft_cursor *cur)
{
	return kvm_ft_varint_rest(cur, kvm_ft_cursor_u8(cur), 7);
}

#endif /* KVM_FT_REPLAY_VARINT_H */
