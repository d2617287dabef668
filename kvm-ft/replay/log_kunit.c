// SPDX-License-Identifier: GPL-2.0-only
/* Tests of whole logs: what is written is read, from the start or from within. */
#include "log_kunit.h"

static void log_complete(struct kunit *test)
{
	struct log_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, read_log(test, t->log, t->len), KVM_FT_LOG_COMPLETE);
	KUNIT_EXPECT_EQ(test, t->reader.codec.ordinal, 1000000ULL + ENTRIES);
	KUNIT_EXPECT_EQ(test, t->reader.reason, KVM_FT_LOG_OK);
}

static void log_checking(struct kunit *test)
{
	struct log_test *t = test->priv;

	t->header.flags = KVM_FT_LOG_CHECKING | KVM_FT_LOG_NESTED;
	write_log(test, t);
	KUNIT_EXPECT_EQ(test, read_log(test, t->log, t->len), KVM_FT_LOG_COMPLETE);
	KUNIT_EXPECT_EQ(test, t->reader.codec.ordinal, 1000000ULL + ENTRIES);
}

static void log_empty(struct kunit *test)
{
	struct log_test *t = test->priv;
	int len;

	len = kvm_ft_log_writer_init(&t->writer, &t->header, t->log, LOG_SIZE);
	KUNIT_EXPECT_EQ(test, read_log(test, t->log, len), KVM_FT_LOG_TORN);
	KUNIT_EXPECT_EQ(test, t->reader.reason, KVM_FT_LOG_NOT_CLOSED);
	len += kvm_ft_log_writer_close(&t->writer, t->log + len, LOG_SIZE - len);
	KUNIT_EXPECT_EQ(test, read_log(test, t->log, len), KVM_FT_LOG_COMPLETE);
}

/* The first block must begin afresh; so must one that was jumped to. */
static void log_needs_reset(struct kunit *test)
{
	struct log_test *t = damage(test);

	KUNIT_EXPECT_EQ(test, t->damaged[t->at[0] + OFF_FLAGS], KVM_FT_BLOCK_RESET);
	t->damaged[t->at[0] + OFF_FLAGS] = 0;
	fix_crc(t, t->at[0]);
	expect_ends(test, t->len, KVM_FT_LOG_CORRUPT, KVM_FT_LOG_BLOCK_FLAGS, 0);

	kvm_ft_log_reader_seek(&t->reader, t->at[2], 2, t->ordinal);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_reader_block(&t->reader, t->log + t->at[2],
						      t->len - t->at[2]), -EBADMSG);
	KUNIT_EXPECT_EQ(test, t->reader.reason, KVM_FT_LOG_BLOCK_FLAGS);
}

static void log_seek(struct kunit *test)
{
	struct log_test *t = test->priv;
	size_t at = t->at[RESET_BLOCK];
	struct kvm_ft_entry e;
	int ret, i;

	KUNIT_ASSERT_EQ(test, t->ordinal, 1000000ULL + ENTRIES / 2);
	test_guest_init(&t->replayed, 1, false);
	for (i = 0; i < ENTRIES / 2; i++)
		test_guest_any(&t->replayed, &e);

	KUNIT_ASSERT_GT(test, kvm_ft_log_reader_init(&t->reader, t->log, t->len), 0);
	kvm_ft_log_reader_seek(&t->reader, at, RESET_BLOCK, t->ordinal);
	while (at < t->len) {
		ret = kvm_ft_log_reader_block(&t->reader, t->log + at, t->len - at);
		KUNIT_ASSERT_GT(test, ret, 0);
		KUNIT_EXPECT_TRUE(test, read_entries(test, t));
		at += ret;
	}
	KUNIT_EXPECT_TRUE(test, t->reader.closed);
	KUNIT_EXPECT_EQ(test, t->reader.codec.ordinal, 1000000ULL + ENTRIES);
}

static void log_block_size(struct kunit *test)
{
	struct log_test *t = damage(test);
	u8 *block = t->damaged + t->at[0];

	KUNIT_EXPECT_EQ(test, kvm_ft_block_size(block), (int)(t->at[1] - t->at[0]));
	kvm_ft_put_le32(block + OFF_LENGTH, KVM_FT_BLOCK_MAX - KVM_FT_BLOCK_HEADER);
	KUNIT_EXPECT_EQ(test, kvm_ft_block_size(block), KVM_FT_BLOCK_MAX);
	kvm_ft_put_le32(block + OFF_LENGTH, KVM_FT_BLOCK_MAX - KVM_FT_BLOCK_HEADER + 1);
	KUNIT_EXPECT_EQ(test, kvm_ft_block_size(block), -EBADMSG);
	kvm_ft_put_le32(block + OFF_LENGTH, U32_MAX);
	KUNIT_EXPECT_EQ(test, kvm_ft_block_size(block), -EBADMSG);
	kvm_ft_put_le32(block + OFF_LENGTH, 0);
	block[0]++;
	KUNIT_EXPECT_EQ(test, kvm_ft_block_size(block), -EBADMSG);
}

/* Calls that are out of order are refused and do no harm. */
static void log_writer_misuse(struct kunit *test)
{
	struct log_test *t = test->priv;
	struct kvm_ft_log_writer *w = &t->writer;
	struct kvm_ft_entry e = { .kind = KVM_FT_KIND_MARK };
	u8 *buf = t->damaged;

	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_begin(w, buf, 100, false), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_close(w, buf, 100), -EINVAL);

	KUNIT_ASSERT_GT(test, kvm_ft_log_writer_init(w, &t->header, t->log, LOG_SIZE), 0);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_append(w, &e), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_finish(w), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_begin(w, buf, KVM_FT_BLOCK_HEADER, false),
			-EINVAL);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_begin(w, buf, KVM_FT_BLOCK_HEADER + 3, false),
			0);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_begin(w, buf, 100, false), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_finish(w), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_append(w, &e), 0);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_append(w, &e), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_close(w, buf, 100), -EINVAL);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_finish(w), KVM_FT_BLOCK_HEADER + 2);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_close(w, buf, 31), -EMSGSIZE);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_close(w, buf, 32), 32);
}

/* The longest entry there is fits into an empty block; and no block is longer. */
static void log_longest_entry(struct kunit *test)
{
	struct log_test *t = test->priv;
	u8 *payload = kunit_kzalloc(test, KVM_FT_PAYLOAD_MAX, GFP_KERNEL);
	u8 *block = kunit_kzalloc(test, 2 * KVM_FT_BLOCK_MAX, GFP_KERNEL);
	struct kvm_ft_entry e = {
		.kind = KVM_FT_KIND_EVENT, .flags = KVM_FT_ENTRY_RCX, .rcx = U64_MAX,
		.rip = 1ULL << 63, .progress = U64_MAX, .tag = U32_MAX,
		.payload = payload, .payload_len = KVM_FT_PAYLOAD_MAX,
	};
	struct kvm_ft_entry out;
	int len, i;

	KUNIT_ASSERT_TRUE(test, payload && block);
	t->header.flags = KVM_FT_LOG_CHECKING;
	for (i = 0; i < KVM_FT_NR_REGS; i++)
		e.regs[i] = i == KVM_FT_REG_RIP ? 0 : 1ULL << 63;
	len = kvm_ft_log_writer_init(&t->writer, &t->header, t->log, LOG_SIZE);
	KUNIT_ASSERT_GT(test, kvm_ft_log_reader_init(&t->reader, t->log, len), 0);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_begin(&t->writer, block,
						      2 * KVM_FT_BLOCK_MAX, false), 0);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_append(&t->writer, &e), 0);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_writer_append(&t->writer, &e), -EMSGSIZE);
	len = kvm_ft_log_writer_finish(&t->writer);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_reader_block(&t->reader, block, len), len);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_reader_block(&t->reader, block, len), -EINVAL);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_reader_next(&t->reader, &out), 1);
	expect_same_entry(test, &e, &out);
	KUNIT_EXPECT_EQ(test, kvm_ft_log_reader_next(&t->reader, &out), 0);
}

static struct kunit_case log_cases[] = {
	KUNIT_CASE(log_complete),
	KUNIT_CASE(log_checking),
	KUNIT_CASE(log_empty),
	KUNIT_CASE(log_needs_reset),
	KUNIT_CASE(log_seek),
	KUNIT_CASE(log_block_size),
	KUNIT_CASE(log_writer_misuse),
	KUNIT_CASE(log_longest_entry),
	{}
};

static struct kunit_suite log_suite = {
	.name = "kvm_ft_log",
	.init = log_test_init,
	.test_cases = log_cases,
};

kunit_test_suite(log_suite);
