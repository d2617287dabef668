// SPDX-License-Identifier: GPL-2.0-only
/* Tests of the log's header: versions, bounds, and what an enemy may send. */
#include "kunit.h"

/* Offsets as Documentation/replay-log.rst has them, not as the code does. */
#define OFF_MAJOR	8
#define OFF_MINOR	10
#define OFF_LENGTH	12
#define OFF_CRC		16
#define OFF_RESERVED	300
#define OFF_SLOTS	304

struct header_test {
	struct kvm_ft_log_header in;
	struct kvm_ft_log_header out;
	int len;
	u8 buf[KVM_FT_LOG_HEADER_MAX + 64];
	u8 again[KVM_FT_LOG_HEADER_MAX];
};

static int header_test_init(struct kunit *test)
{
	struct header_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test_header(&t->in);
	t->len = kvm_ft_log_header_encode(&t->in, t->buf, sizeof(t->buf));
	KUNIT_ASSERT_EQ(test, t->len, OFF_SLOTS + 3 * KVM_FT_LOG_SLOT_SIZE);
	test->priv = t;
	return 0;
}

/* What an enemy can do: the checksum is right, whatever the rest is. */
static void fix_crc(struct header_test *t)
{
	u32 crc = kvm_ft_crc32c(0, t->buf, OFF_CRC);

	crc = kvm_ft_crc32c(crc, t->buf + OFF_CRC + 4, t->len - OFF_CRC - 4);
	kvm_ft_put_le32(t->buf + OFF_CRC, crc);
}

static int decode(struct header_test *t)
{
	return kvm_ft_log_header_decode(&t->out, t->buf, t->len);
}

static void header_round_trip(struct kunit *test)
{
	struct header_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, decode(t), t->len);
	KUNIT_EXPECT_MEMEQ(test, &t->in, &t->out, sizeof(t->in));
	KUNIT_EXPECT_EQ(test, t->out.major, KVM_FT_LOG_MAJOR);
	KUNIT_EXPECT_EQ(test, t->out.minor, KVM_FT_LOG_MINOR);
	KUNIT_EXPECT_EQ(test, t->out.crc, kvm_ft_get_le32(t->buf + OFF_CRC));
}

static void header_smallest_and_largest(struct kunit *test)
{
	struct header_test *t = test->priv;
	u32 i;

	t->in.nr_slots = 0;
	memset(t->in.slot, 0, sizeof(t->in.slot));
	t->len = kvm_ft_log_header_encode(&t->in, t->buf, sizeof(t->buf));
	KUNIT_EXPECT_EQ(test, t->len, OFF_SLOTS);
	KUNIT_EXPECT_EQ(test, decode(t), t->len);
	KUNIT_EXPECT_MEMEQ(test, &t->in, &t->out, sizeof(t->in));

	memset(t->in.guest, '~', sizeof(t->in.guest) - 1);
	t->in.nr_slots = KVM_FT_LOG_SLOTS_MAX;
	for (i = 0; i < t->in.nr_slots; i++) {
		t->in.slot[i].gpa = i * 0x1000ULL;
		t->in.slot[i].size = 0x1000;
	}
	t->in.slot[i - 1].size = -0x1000ULL - t->in.slot[i - 1].gpa;
	t->len = kvm_ft_log_header_encode(&t->in, t->buf, sizeof(t->buf));
	KUNIT_ASSERT_GT(test, t->len, 0);
	KUNIT_EXPECT_LE(test, t->len, KVM_FT_LOG_HEADER_MAX);
	KUNIT_EXPECT_EQ(test, decode(t), t->len);
	KUNIT_EXPECT_MEMEQ(test, &t->in, &t->out, sizeof(t->in));
}

static void header_truncation(struct kunit *test)
{
	struct header_test *t = test->priv;
	int cut;

	for (cut = 0; cut < t->len; cut++) {
		KUNIT_EXPECT_EQ(test, kvm_ft_log_header_decode(&t->out, t->buf, cut),
				-ENODATA);
		KUNIT_EXPECT_EQ(test, kvm_ft_log_header_encode(&t->in, t->again, cut),
				-EMSGSIZE);
	}
	KUNIT_EXPECT_EQ(test, t->again[0], 0);
}

static void header_changed_bits(struct kunit *test)
{
	struct header_test *t = test->priv;
	int bit, ret;

	for (bit = 0; bit < 8 * t->len; bit++) {
		t->buf[bit / 8] ^= 1 << bit % 8;
		ret = decode(t);
		if (bit / 8 == OFF_MAJOR || bit / 8 == OFF_MAJOR + 1)
			KUNIT_EXPECT_EQ(test, ret, -EPROTONOSUPPORT);
		else
			KUNIT_EXPECT_TRUE(test, ret == -EBADMSG || ret == -ENODATA);
		t->buf[bit / 8] ^= 1 << bit % 8;
	}
	KUNIT_EXPECT_EQ(test, decode(t), t->len);
}

static void header_other_major(struct kunit *test)
{
	struct header_test *t = test->priv;

	kvm_ft_put_le16(t->buf + OFF_MAJOR, KVM_FT_LOG_MAJOR + 1);
	fix_crc(t);
	KUNIT_EXPECT_EQ(test, decode(t), -EPROTONOSUPPORT);
	kvm_ft_put_le16(t->buf + OFF_MAJOR, 0);
	fix_crc(t);
	KUNIT_EXPECT_EQ(test, decode(t), -EPROTONOSUPPORT);
}

/* A later minor version may append and use what is reserved; this one may not. */
static void header_later_minor(struct kunit *test)
{
	struct header_test *t = test->priv;

	t->len += 40;
	kvm_ft_put_le32(t->buf + OFF_LENGTH, t->len);
	kvm_ft_put_le32(t->buf + OFF_RESERVED, 1);
	t->buf[t->len - 1] = 1;
	fix_crc(t);
	KUNIT_EXPECT_EQ(test, decode(t), -EBADMSG);

	kvm_ft_put_le16(t->buf + OFF_MINOR, KVM_FT_LOG_MINOR + 1);
	fix_crc(t);
	KUNIT_ASSERT_EQ(test, decode(t), t->len);
	KUNIT_EXPECT_EQ(test, t->out.minor, KVM_FT_LOG_MINOR + 1);
	KUNIT_EXPECT_EQ(test, t->out.nr_slots, t->in.nr_slots);
	KUNIT_EXPECT_STREQ(test, t->out.guest, t->in.guest);
}

/* One field each that no writer writes, in a header whose checksum is right */

static const struct hostile {
	const char *name;
	u16 at;
	u8 size;
	u64 value;
	int expect;
} hostile_cases[] = {
	{ "magic", 0, 1, 'k', -EBADMSG },
	{ "length 0", OFF_LENGTH, 4, 0, -EBADMSG },
	{ "length short", OFF_LENGTH, 4, OFF_SLOTS - 1, -EBADMSG },
	{ "length without slots", OFF_LENGTH, 4, OFF_SLOTS, -EBADMSG },
	{ "length over", OFF_LENGTH, 4, KVM_FT_LOG_HEADER_MAX + 1, -EBADMSG },
	{ "length max", OFF_LENGTH, 4, U32_MAX, -EBADMSG },
	{ "length more than there", OFF_LENGTH, 4, KVM_FT_LOG_HEADER_MAX, -ENODATA },
	{ "unknown flag", 24, 4, 0x4, -EPROTONOSUPPORT },
	{ "highest flag", 24, 4, 0x80000000, -EPROTONOSUPPORT },
	{ "counter 0", 28, 4, 0, -EPROTONOSUPPORT },
	{ "counter 3", 28, 4, 3, -EPROTONOSUPPORT },
	{ "tsc rate 0", 52, 4, 0, -EBADMSG },
	{ "vendor not printable", 64, 1, 0, -EBADMSG },
	{ "kernel empty", 104, 1, 0, -EBADMSG },
	{ "kernel control", 104, 1, '\n', -EBADMSG },
	{ "kernel high bit", 104, 1, 0xe9, -EBADMSG },
	{ "kernel after end", 104 + 62, 1, 'x', -EBADMSG },
	{ "kernel terminator", 104 + 63, 1, 'x', -EBADMSG },
	{ "build empty", 168, 1, 0, -EBADMSG },
	{ "build escape", 168, 1, 27, -EBADMSG },
	{ "guest empty", 232, 1, 0, -EBADMSG },
	{ "guest delete", 232, 1, 127, -EBADMSG },
	{ "slots missing", 296, 4, 2, -EBADMSG },
	{ "slots beyond end", 296, 4, 4, -EBADMSG },
	{ "slots too many", 296, 4, KVM_FT_LOG_SLOTS_MAX + 1, -EBADMSG },
	{ "slots overflow", 296, 4, U32_MAX, -EBADMSG },
	{ "slots overflow size", 296, 4, 0x80000003, -EBADMSG },
	{ "reserved", OFF_RESERVED, 4, 1, -EBADMSG },
	{ "slot address unaligned", OFF_SLOTS, 8, 0x800, -EBADMSG },
	{ "slot size unaligned", OFF_SLOTS + 8, 8, 0xa0001, -EBADMSG },
	{ "slot empty", OFF_SLOTS + 8, 8, 0, -EBADMSG },
	{ "slot overlaps", OFF_SLOTS + 8, 8, 0xf1000, -EBADMSG },
	{ "slot out of order", OFF_SLOTS, 8, 0x200000, -EBADMSG },
	{ "slot wraps", OFF_SLOTS + 2 * 24 + 8, 8, -0x1000ULL, -EBADMSG },
	{ "slot flag", OFF_SLOTS + 20, 4, 2, -EPROTONOSUPPORT },
};

KUNIT_ARRAY_PARAM_DESC(hostile, hostile_cases, name);

static void header_hostile(struct kunit *test)
{
	const struct hostile *p = test->param_value;
	struct header_test *t = test->priv;
	u8 value[8];

	kvm_ft_put_le64(value, p->value);
	memcpy(t->buf + p->at, value, p->size);
	fix_crc(t);
	KUNIT_EXPECT_EQ(test, decode(t), p->expect);
}

/* The same rules hold when writing. */
static void header_encode_refuses(struct kunit *test)
{
	struct header_test *t = test->priv;

#define REFUSES(change) do {							\
		test_header(&t->in);						\
		t->in.change;							\
		KUNIT_EXPECT_EQ(test, kvm_ft_log_header_encode(&t->in, t->again, \
							       sizeof(t->again)), \
				-EINVAL);					\
	} while (0)

	REFUSES(flags = 0x4);
	REFUSES(counter = 0);
	REFUSES(counter = 3);
	REFUSES(tsc_khz = 0);
	REFUSES(cpu_vendor[11] = 0);
	REFUSES(kernel[0] = 0);
	REFUSES(build[63] = 'x');
	REFUSES(guest[5] = 0);	/* more follows */
	REFUSES(nr_slots = KVM_FT_LOG_SLOTS_MAX + 1);
	REFUSES(slot[0].flags = 2);
	REFUSES(slot[1].gpa = 0);
	REFUSES(slot[1].size = 0);
	REFUSES(slot[2].size = 1);
#undef REFUSES
	KUNIT_EXPECT_EQ(test, t->again[0], 0);
}

/* A string has 1 to 63 characters. */
static void header_string_length(struct kunit *test)
{
	struct header_test *t = test->priv;

	memset(t->in.guest, 0, sizeof(t->in.guest));
	KUNIT_EXPECT_EQ(test, kvm_ft_log_header_encode(&t->in, t->again, sizeof(t->again)),
			-EINVAL);
	memset(t->in.guest, 'x', sizeof(t->in.guest));
	KUNIT_EXPECT_EQ(test, kvm_ft_log_header_encode(&t->in, t->again, sizeof(t->again)),
			-EINVAL);
	memset(t->buf + 232, 0, KVM_FT_LOG_NAME_SIZE);
	fix_crc(t);
	KUNIT_EXPECT_EQ(test, decode(t), -EBADMSG);
	memset(t->buf + 232, 'x', KVM_FT_LOG_NAME_SIZE);
	fix_crc(t);
	KUNIT_EXPECT_EQ(test, decode(t), -EBADMSG);
}

static void header_random_bytes(struct kunit *test)
{
	struct header_test *t = test->priv;
	int i, ret;
	u64 seed = 1;

	for (i = 0; i < 2000; i++) {
		random_bytes(&seed, t->buf + OFF_CRC, t->len - OFF_CRC);
		fix_crc(t);
		ret = decode(t);
		KUNIT_EXPECT_TRUE(test, ret == -EBADMSG || ret == -EPROTONOSUPPORT);
	}
}

static void header_compare(struct kunit *test)
{
	struct header_test *t = test->priv;
	u32 bit;

	KUNIT_ASSERT_EQ(test, decode(t), t->len);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_header_compare(&t->in, &t->out), 0U);

#define DIFFERS(change, bit) do {						\
		test_header(&t->in);						\
		t->in.change;							\
		KUNIT_EXPECT_EQ(test, kvm_ft_log_header_compare(&t->in, &t->out), \
				(u32)(bit));					\
	} while (0)

	DIFFERS(ft_version = 4, KVM_FT_DIFF_FT_VERSION);
	DIFFERS(flags = KVM_FT_LOG_NESTED, KVM_FT_DIFF_PAGING_MODE);
	DIFFERS(flags = KVM_FT_LOG_CHECKING, 0);
	DIFFERS(counter = KVM_FT_COUNTER_LAB_INSTRUCTIONS, KVM_FT_DIFF_COUNTER);
	DIFFERS(cpu_vendor[0] = 'G', KVM_FT_DIFF_CPU_VENDOR);
	DIFFERS(cpu_family++, KVM_FT_DIFF_CPU_MODEL);
	DIFFERS(cpu_model++, KVM_FT_DIFF_CPU_MODEL);
	DIFFERS(cpu_stepping++, KVM_FT_DIFF_CPU_MODEL);
	DIFFERS(cpu_features++, KVM_FT_DIFF_CPU_FEATURES);
	DIFFERS(cpuid_hash++, KVM_FT_DIFF_CPUID);
	DIFFERS(tsc_khz++, KVM_FT_DIFF_TSC_KHZ);
	DIFFERS(nr_slots--, KVM_FT_DIFF_MEMORY);
	DIFFERS(slot[2].size += 0x1000, KVM_FT_DIFF_MEMORY);
	DIFFERS(kernel[0]++, KVM_FT_DIFF_KERNEL);
	DIFFERS(build[0]++, KVM_FT_DIFF_BUILD);
	DIFFERS(guest[0]++, 0);
	DIFFERS(generation++, 0);
#undef DIFFERS

	for (bit = 1; bit <= KVM_FT_DIFF_BUILD; bit <<= 1)
		KUNIT_EXPECT_NOT_NULL(test, kvm_ft_log_diff_name(bit));
	KUNIT_EXPECT_NULL(test, kvm_ft_log_diff_name(0));
	KUNIT_EXPECT_NULL(test, kvm_ft_log_diff_name(bit));
}

static struct kunit_case header_cases[] = {
	KUNIT_CASE(header_round_trip),
	KUNIT_CASE(header_smallest_and_largest),
	KUNIT_CASE(header_truncation),
	KUNIT_CASE(header_changed_bits),
	KUNIT_CASE(header_other_major),
	KUNIT_CASE(header_later_minor),
	KUNIT_CASE_PARAM(header_hostile, hostile_gen_params),
	KUNIT_CASE(header_encode_refuses),
	KUNIT_CASE(header_string_length),
	KUNIT_CASE(header_random_bytes),
	KUNIT_CASE(header_compare),
	{}
};

static struct kunit_suite header_suite = {
	.name = "kvm_ft_log_header",
	.init = header_test_init,
	.test_cases = header_cases,
};

kunit_test_suite(header_suite);
