// SPDX-License-Identifier: GPL-2.0-only
/* Tests of logs that were damaged: by accident, by a crash, by an enemy. */
#include "log_kunit.h"

/* Cut anywhere: torn, and every whole block before the cut is read. */
static void log_truncation(struct kunit *test)
{
	struct log_test *t = damage(test);
	size_t cut;
	int n = 0;

	for (cut = 0; cut < t->at[0]; cut++) {
		KUNIT_EXPECT_EQ(test, read_log(test, t->damaged, cut), KVM_FT_LOG_TORN);
		KUNIT_EXPECT_EQ(test, t->reader.reason, KVM_FT_LOG_TRUNCATED);
	}
	for (; cut < t->len; cut++) {
		if (cut == t->at[n + 1])
			n++;
		expect_ends(test, cut, KVM_FT_LOG_TORN,
			    cut == t->at[n] ? KVM_FT_LOG_NOT_CLOSED : KVM_FT_LOG_TRUNCATED, n);
	}
}

/* Every bit of every block: never complete, and nothing wrong is read. */
static void log_changed_bits(struct kunit *test)
{
	struct log_test *t = damage(test);
	size_t bit;
	int n = 0;

	for (bit = 8 * t->at[0]; bit < 8 * t->len; bit++) {
		if (bit == 8 * t->at[n + 1])
			n++;
		t->damaged[bit / 8] ^= 1 << bit % 8;
		KUNIT_EXPECT_EQ(test, read_log(test, t->damaged, t->len),
				n == BLOCKS ? KVM_FT_LOG_TORN : KVM_FT_LOG_CORRUPT);
		KUNIT_EXPECT_EQ(test, t->reader.offset, (u64)t->at[n]);
		t->damaged[bit / 8] ^= 1 << bit % 8;
	}
}

static void log_tail_of_zeros(struct kunit *test)
{
	struct log_test *t = damage(test);

	memset(t->damaged + t->at[4], 0, 4096);
	expect_ends(test, t->at[4] + 4096, KVM_FT_LOG_TORN, KVM_FT_LOG_UNWRITTEN, 4);
	expect_ends(test, t->at[4] + 1, KVM_FT_LOG_TORN, KVM_FT_LOG_UNWRITTEN, 4);
	/* The last block's end was not written. */
	damage(test);
	memset(t->damaged + t->at[5] - 3, 0, 4096);
	expect_ends(test, t->at[5] + 4096, KVM_FT_LOG_TORN, KVM_FT_LOG_CHECKSUM, 4);
}

static void log_tail_of_garbage(struct kunit *test)
{
	struct log_test *t = damage(test);
	u64 seed = 1;

	random_bytes(&seed, t->damaged + t->at[4], 4096);
	expect_ends(test, t->at[4] + 4096, KVM_FT_LOG_TORN, KVM_FT_LOG_MAGIC, 4);
	damage(test);
	random_bytes(&seed, t->damaged + t->at[5] - 3, 4096);
	expect_ends(test, t->at[5] + 4096, KVM_FT_LOG_TORN, KVM_FT_LOG_CHECKSUM, 4);
	damage(test);
	kvm_ft_put_le32(t->damaged + t->at[4] + OFF_LENGTH,
			KVM_FT_BLOCK_MAX - KVM_FT_BLOCK_HEADER + 1);
	expect_ends(test, t->at[5], KVM_FT_LOG_TORN, KVM_FT_LOG_LENGTH, 4);
}

static void log_more_after_close(struct kunit *test)
{
	struct log_test *t = damage(test);

	t->damaged[t->len] = 0;
	KUNIT_EXPECT_EQ(test, read_log(test, t->damaged, t->len + 1), KVM_FT_LOG_CORRUPT);
	KUNIT_EXPECT_EQ(test, t->reader.reason, KVM_FT_LOG_AFTER_CLOSE);
}

/* Remove the block @from, or repeat it, or swap it with the next. */
static void log_dropped_block(struct kunit *test)
{
	struct log_test *t = damage(test);

	memcpy(t->damaged + t->at[2], t->log + t->at[3], t->len - t->at[3]);
	expect_ends(test, t->len - (t->at[3] - t->at[2]), KVM_FT_LOG_CORRUPT,
		    KVM_FT_LOG_SEQUENCE, 2);
}

static void log_repeated_block(struct kunit *test)
{
	struct log_test *t = damage(test);

	memcpy(t->damaged + t->at[2], t->log + t->at[1], t->len - t->at[1]);
	expect_ends(test, t->len + (t->at[2] - t->at[1]), KVM_FT_LOG_CORRUPT,
		    KVM_FT_LOG_SEQUENCE, 2);
}

static void log_swapped_blocks(struct kunit *test)
{
	struct log_test *t = damage(test);
	size_t second = t->at[3] - t->at[2];

	memcpy(t->damaged + t->at[1], t->log + t->at[2], second);
	memcpy(t->damaged + t->at[1] + second, t->log + t->at[1], t->at[2] - t->at[1]);
	expect_ends(test, t->len, KVM_FT_LOG_CORRUPT, KVM_FT_LOG_SEQUENCE, 1);
}

/* The same contents, but another session's log. */
static void log_foreign_block(struct kunit *test)
{
	struct log_test *t = damage(test);

	t->header.session_id[0] ^= 1;
	write_log(test, t);
	memcpy(t->damaged + t->at[2], t->log + t->at[2], t->at[3] - t->at[2]);
	expect_ends(test, t->len, KVM_FT_LOG_CORRUPT, KVM_FT_LOG_CHECKSUM, 2);
}

/* Fields that no writer writes, in a block whose checksum is right */

static const struct hostile {
	const char *name;
	u8 at;
	u8 size;
	int add;
	enum kvm_ft_log_reason reason;
} hostile_cases[] = {
	{ "unknown flag", OFF_FLAGS, 1, 4, KVM_FT_LOG_BLOCK_FLAGS },
	{ "close with entries", OFF_FLAGS, 1, KVM_FT_BLOCK_CLOSE, KVM_FT_LOG_BLOCK_FLAGS },
	{ "both flags", OFF_FLAGS, 1, 3, KVM_FT_LOG_BLOCK_FLAGS },
	{ "next sequence", OFF_SEQ, 8, 1, KVM_FT_LOG_SEQUENCE },
	{ "previous sequence", OFF_SEQ, 8, -1, KVM_FT_LOG_SEQUENCE },
	{ "ordinal", 16, 8, 1, KVM_FT_LOG_SEQUENCE },
	{ "no entries", OFF_ENTRIES, 1, -(2 * ENTRIES / BLOCKS - ENTRIES / BLOCKS),
	  KVM_FT_LOG_COUNT },
};

KUNIT_ARRAY_PARAM_DESC(hostile, hostile_cases, name);

static void log_hostile_block(struct kunit *test)
{
	const struct hostile *p = test->param_value;
	struct log_test *t = damage(test);
	u8 *field = t->damaged + t->at[1] + p->at;

	if (p->size == 1)
		*field += p->add;
	else
		kvm_ft_put_le64(field, kvm_ft_get_le64(field) + p->add);
	fix_crc(t, t->at[1]);
	expect_ends(test, t->len, KVM_FT_LOG_CORRUPT, p->reason, 1);
}

static void log_wrong_count(struct kunit *test)
{
	struct log_test *t = damage(test);

	t->damaged[t->at[1] + OFF_ENTRIES]++;
	fix_crc(t, t->at[1]);
	KUNIT_EXPECT_EQ(test, read_log(test, t->damaged, t->len), KVM_FT_LOG_CORRUPT);
	KUNIT_EXPECT_EQ(test, t->reader.reason, KVM_FT_LOG_COUNT);
	t->damaged[t->at[1] + OFF_ENTRIES] -= 2;
	fix_crc(t, t->at[1]);
	KUNIT_EXPECT_EQ(test, read_log(test, t->damaged, t->len), KVM_FT_LOG_CORRUPT);
	KUNIT_EXPECT_EQ(test, t->reader.reason, KVM_FT_LOG_COUNT);
}

/* A closing block has nothing in it, whatever the rest of it says. */
static void log_close_not_empty(struct kunit *test)
{
	struct log_test *t = damage(test);

	t->damaged[t->at[BLOCKS] + OFF_ENTRIES] = 1;
	fix_crc(t, t->at[BLOCKS]);
	expect_ends(test, t->len, KVM_FT_LOG_CORRUPT, KVM_FT_LOG_BLOCK_FLAGS, BLOCKS);
	t->damaged[t->at[BLOCKS] + OFF_ENTRIES] = 0;
	t->damaged[t->at[BLOCKS] + OFF_LENGTH] = 1;
	fix_crc(t, t->at[BLOCKS]);
	expect_ends(test, t->len + 1, KVM_FT_LOG_CORRUPT, KVM_FT_LOG_BLOCK_FLAGS, BLOCKS);
}

static void log_bad_entry(struct kunit *test)
{
	struct log_test *t = damage(test);

	t->damaged[t->at[1] + KVM_FT_BLOCK_HEADER] = 0;
	fix_crc(t, t->at[1]);
	KUNIT_EXPECT_EQ(test, read_log(test, t->damaged, t->len), KVM_FT_LOG_CORRUPT);
	KUNIT_EXPECT_EQ(test, t->reader.reason, KVM_FT_LOG_ENTRY);
}

static struct kunit_case damage_cases[] = {
	KUNIT_CASE(log_truncation),
	KUNIT_CASE(log_changed_bits),
	KUNIT_CASE(log_tail_of_zeros),
	KUNIT_CASE(log_tail_of_garbage),
	KUNIT_CASE(log_more_after_close),
	KUNIT_CASE(log_dropped_block),
	KUNIT_CASE(log_repeated_block),
	KUNIT_CASE(log_swapped_blocks),
	KUNIT_CASE(log_foreign_block),
	KUNIT_CASE_PARAM(log_hostile_block, hostile_gen_params),
	KUNIT_CASE(log_wrong_count),
	KUNIT_CASE(log_close_not_empty),
	KUNIT_CASE(log_bad_entry),
	{}
};

static struct kunit_suite damage_suite = {
	.name = "kvm_ft_log_damage",
	.init = log_test_init,
	.test_cases = damage_cases,
};

kunit_test_suite(damage_suite);
