/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the log code needs of its surroundings: integer types, byte order,
 * memcpy and a CRC-32C. The same sources build into the module, into KUnit
 * under UML and into user space (tests, fuzzers, tools); this is the only
 * file that knows which of them it is in.
 */
#ifndef KVM_FT_REPLAY_ENV_H
#define KVM_FT_REPLAY_ENV_H

#ifdef __KERNEL__

#include <linux/array_size.h>
#include <linux/build_bug.h>
#include <linux/crc32.h>
#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/byteorder.h>
#include <asm/cpufeature.h>

/*
 * By the CPU's own instruction, which needs no FPU state: all that a guest receives passes
 * here, and the tables of __crc32c_le() take some 30 instructions for 8 bytes.  That one is
 * built into the kernel image (CONFIG_CRC32=y). crc32c() of libcrc32c would pull in two more
 * modules and dies by BUG_ON() on an error.
 */
static inline u32 kvm_ft_crc32c_raw(u32 crc, const u8 *data, size_t len)
{
	u64 sum = crc, word;

	if (!boot_cpu_has(X86_FEATURE_XMM4_2))
		return __crc32c_le(crc, data, len);
	for (; len >= sizeof(word); len -= sizeof(word), data += sizeof(word)) {
		memcpy(&word, data, sizeof(word));
		asm("crc32q %1, %0" : "+r" (sum) : "rm" (word));
	}
	for (; len; len--, data++)
		asm("crc32b %1, %0" : "+r" (sum) : "rm" (*data));
	return sum;
}

#else /* user space */

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;

#define U32_MAX		UINT32_MAX
#define U64_MAX		UINT64_MAX

#ifndef ARRAY_SIZE	/* tests may have one */
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#endif

#define cpu_to_le16(v)	htole16(v)
#define cpu_to_le32(v)	htole32(v)
#define cpu_to_le64(v)	htole64(v)
#define le16_to_cpu(v)	le16toh(v)
#define le32_to_cpu(v)	le32toh(v)
#define le64_to_cpu(v)	le64toh(v)

/* Four bits at a time: small, and fast enough for tests and tools. */
static inline u32 kvm_ft_crc32c_raw(u32 crc, const u8 *data, size_t len)
{
	static const u32 table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	while (len--) {
		crc ^= *data++;
		crc = crc >> 4 ^ table[crc & 0xf];
		crc = crc >> 4 ^ table[crc & 0xf];
	}
	return crc;
}

#endif

/**
 * kvm_ft_crc32c - continue a CRC-32C over more bytes
 * @crc: the CRC of what came before, 0 at the start
 * @data: the bytes
 * @len: how many
 *
 * Return: the CRC-32C (Castagnoli, reflected, inverted at both ends) of
 * everything so far: crc(crc(0, a), b) is the CRC-32C of a followed by b.
 */
static inline u32 kvm_ft_crc32c(u32 crc, const u8 *data, size_t len)
{
	return ~kvm_ft_crc32c_raw(~crc, data, len);
}

/* Little-endian loads and stores at any alignment. */
static inline u16 kvm_ft_get_le16(const u8 *p)
{
	__le16 v;

	memcpy(&v, p, sizeof(v));
	return le16_to_cpu(v);
}

static inline u32 kvm_ft_get_le32(const u8 *p)
{
	__le32 v;

	memcpy(&v, p, sizeof(v));
	return le32_to_cpu(v);
}

static inline u64 kvm_ft_get_le64(const u8 *p)
{
	__le64 v;

	memcpy(&v, p, sizeof(v));
	return le64_to_cpu(v);
}

static inline void kvm_ft_put_le16(u8 *p, u16 value)
{
	__le16 v = cpu_to_le16(value);

	memcpy(p, &v, sizeof(v));
}

static inline void kvm_ft_put_le32(u8 *p, u32 value)
{
	__le32 v = cpu_to_le32(value);

	memcpy(p, &v, sizeof(v));
}

static inline void kvm_ft_put_le64(u8 *p, u64 value)
{
	__le64 v = cpu_to_le64(value);

	memcpy(p, &v, sizeof(v));
}

#endif /* KVM_FT_REPLAY_ENV_H */
