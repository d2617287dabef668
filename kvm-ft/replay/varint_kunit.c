// SPDX-License-Identifier: GPL-2.0-only
/* Tests of the log's variable-length integers. */
#include <kunit/test.h>

#include "varint.h"

static const u64 edges[] = {
	0, 1, 15, 16, 31, 32, 63, 64, 127, 128, 129, 2047, 2048, 16383, 16384,
	0x1fffff, 0x200000, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
	0x8000000000000000, 0xfffffffffffffffe, 0xffffffffffffffff,
};

/* Bytes that V(@bits) takes: one, and another for each 7 bits beyond @bits. */
static long expected_length(u64 value, unsigned int bits)
{
	long len = 1;

	for (value >>= bits; value; value >>= 7)
		len++;
	return len;
}

/* Decode V(bits) from all of @buf; what the cursor thinks of it. */
static int get(const u8 *buf, size_t len, unsigned int bits, u64 *value, size_t *used)
{
	struct kvm_ft_cursor cur = { .p = buf, .end = buf + len };
	u8 first = kvm_ft_cursor_u8(&cur);

	*value = kvm_ft_varint_rest(&cur, first, bits);
	*used = cur.p - buf;
	return cur.err;
}

static void varint_round_trip(struct kunit *test)
{
	u8 buf[KVM_FT_VARINT_MAX];
	unsigned int bits;
	size_t i, used;
	long len;
	u64 value;

	for (bits = 4; bits <= 7; bits++) {
		u8 head = 0xff << (bits + 1);

		for (i = 0; i < ARRAY_SIZE(edges); i++) {
			len = kvm_ft_varint_put(buf, edges[i], bits, head) - buf;
			KUNIT_EXPECT_EQ(test, len, expected_length(edges[i], bits));
			KUNIT_EXPECT_EQ(test, buf[0] & head, head);
			KUNIT_EXPECT_EQ(test, get(buf, len, bits, &value, &used), 0);
			KUNIT_EXPECT_EQ(test, value, edges[i]);
			KUNIT_EXPECT_EQ(test, (long)used, len);
		}
	}
}

static void varint_truncation(struct kunit *test)
{
	u8 buf[KVM_FT_VARINT_MAX];
	unsigned int bits;
	size_t i, len, cut, used;
	u64 value;

	for (bits = 4; bits <= 7; bits++) {
		for (i = 0; i < ARRAY_SIZE(edges); i++) {
			len = kvm_ft_varint_put(buf, edges[i], bits, 0) - buf;
			for (cut = 0; cut < len; cut++)
				KUNIT_EXPECT_EQ(test, get(buf, cut, bits, &value, &used),
						-ENODATA);
		}
	}
}

/* A last byte of 0 would give a value a second encoding. */
static void varint_not_canonical(struct kunit *test)
{
	static const u8 two[] = { 0x80, 0x00 };
	static const u8 three[] = { 0xff, 0x80, 0x00 };
	size_t used;
	u64 value;

	KUNIT_EXPECT_EQ(test, get(two, sizeof(two), 7, &value, &used), -EBADMSG);
	KUNIT_EXPECT_EQ(test, get(three, sizeof(three), 7, &value, &used), -EBADMSG);
}

/* One bit more than 64, and one byte more than any value takes. */
static void varint_overflow(struct kunit *test)
{
	u8 buf[KVM_FT_VARINT_MAX + 1];
	unsigned int bits;
	size_t len, used;
	u64 value;

	for (bits = 4; bits <= 7; bits++) {
		len = kvm_ft_varint_put(buf, U64_MAX, bits, 0) - buf;
		buf[len - 1] = buf[len - 1] << 1 | 1;
		KUNIT_EXPECT_EQ(test, get(buf, len, bits, &value, &used), -EBADMSG);

		len = kvm_ft_varint_put(buf, U64_MAX, bits, 0) - buf;
		buf[len - 1] |= 0x80;
		buf[len] = 0x01;
		KUNIT_EXPECT_EQ(test, get(buf, len + 1, bits, &value, &used), -EBADMSG);
	}
}

static void varint_zigzag(struct kunit *test)
{
	size_t i;

	KUNIT_EXPECT_EQ(test, kvm_ft_zigzag(0), 0ULL);
	KUNIT_EXPECT_EQ(test, kvm_ft_zigzag(-1ULL), 1ULL);
	KUNIT_EXPECT_EQ(test, kvm_ft_zigzag(1), 2ULL);
	KUNIT_EXPECT_EQ(test, kvm_ft_zigzag(-2ULL), 3ULL);
	KUNIT_EXPECT_EQ(test, kvm_ft_zigzag(1ULL << 63), U64_MAX);
	for (i = 0; i < ARRAY_SIZE(edges); i++)
		KUNIT_EXPECT_EQ(test, kvm_ft_unzigzag(kvm_ft_zigzag(edges[i])), edges[i]);
}

/* The standard check value; and that a CRC can be continued. */
static void varint_crc32c(struct kunit *test)
{
	static const u8 digits[] = "123456789";
	u32 crc = kvm_ft_crc32c(0, digits, 9);

	KUNIT_EXPECT_EQ(test, crc, 0xe3069283U);
	KUNIT_EXPECT_EQ(test, kvm_ft_crc32c(kvm_ft_crc32c(0, digits, 4), digits + 4, 5), crc);
}

static struct kunit_case varint_cases[] = {
	KUNIT_CASE(varint_round_trip),
	KUNIT_CASE(varint_truncation),
	KUNIT_CASE(varint_not_canonical),
	KUNIT_CASE(varint_overflow),
	KUNIT_CASE(varint_zigzag),
	KUNIT_CASE(varint_crc32c),
	{}
};

static struct kunit_suite varint_suite = {
	.name = "kvm_ft_varint",
	.test_cases = varint_cases,
};

kunit_test_suite(varint_suite);
