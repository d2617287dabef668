/* SPDX-License-Identifier: GPL-2.0-only */
/* A log in memory, for the test suites that read it whole or damaged. */
#ifndef KVM_FT_REPLAY_LOG_KUNIT_H
#define KVM_FT_REPLAY_LOG_KUNIT_H

#include "kunit.h"

#define LOG_SIZE	0x8000
#define BLOCKS		6
#define ENTRIES		200	/* in all of them */
#define RESET_BLOCK	3	/* reading may begin there */

/* Offsets in a block as Documentation/replay-log.rst has them. */
#define OFF_FLAGS	3
#define OFF_LENGTH	4
#define OFF_SEQ		8
#define OFF_ENTRIES	24
#define OFF_CRC		28

struct log_test {
	struct kvm_ft_log_header header;
	struct kvm_ft_log_writer writer;
	struct kvm_ft_log_reader reader;
	struct test_guest guest;
	struct test_guest replayed;	/* produces the same entries again */
	size_t len;			/* of the log, closed */
	size_t at[BLOCKS + 2];		/* where each block begins; the closing one; the end */
	u64 ordinal;			/* at RESET_BLOCK */
	u8 log[LOG_SIZE];
	u8 damaged[2 * LOG_SIZE];
};

static inline void write_block(struct kunit *test, struct log_test *t, int n)
{
	struct kvm_ft_entry e;
	int i, len;

	t->at[n] = t->len;
	if (n == RESET_BLOCK)
		t->ordinal = t->writer.codec.ordinal;
	KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_begin(&t->writer, t->log + t->len,
						      LOG_SIZE - t->len,
						      n == RESET_BLOCK), 0);
	for (i = n * ENTRIES / BLOCKS; i < (n + 1) * ENTRIES / BLOCKS; i++) {
		test_guest_any(&t->guest, &e);
		KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_append(&t->writer, &e), 0);
	}
	len = kvm_ft_log_writer_finish(&t->writer);
	KUNIT_ASSERT_GT(test, len, 0);
	t->len += len;
	KUNIT_EXPECT_EQ(test, t->writer.offset, (u64)t->len);
}

static inline void write_log(struct kunit *test, struct log_test *t)
{
	int n, len;

	test_guest_init(&t->guest, 1, t->header.flags & KVM_FT_LOG_CHECKING);
	len = kvm_ft_log_writer_init(&t->writer, &t->header, t->log, LOG_SIZE);
	KUNIT_ASSERT_GT(test, len, 0);
	t->len = len;
	for (n = 0; n < BLOCKS; n++)
		write_block(test, t, n);
	t->at[BLOCKS] = t->len;
	len = kvm_ft_log_writer_close(&t->writer, t->log + t->len, LOG_SIZE - t->len);
	KUNIT_ASSERT_EQ(test, len, KVM_FT_BLOCK_HEADER);
	t->len += len;
	t->at[BLOCKS + 1] = t->len;
}

static inline int log_test_init(struct kunit *test)
{
	struct log_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	test_header(&t->header);
	t->header.first_ordinal = 1000000;
	write_log(test, t);
	return 0;
}

/* Read the entries of the open block; false at the first that is not good. */
static inline bool read_entries(struct kunit *test, struct log_test *t)
{
	struct kvm_ft_entry e, expected;
	int ret;

	while ((ret = kvm_ft_log_reader_next(&t->reader, &e)) == 1) {
		test_guest_any(&t->replayed, &expected);
		expect_same_entry(test, &expected, &e);
		KUNIT_EXPECT_EQ(test, e.ordinal + 1, t->reader.codec.ordinal);
	}
	return !ret;
}

/* Read a log as far as it goes, comparing with what was written; its state. */
static inline enum kvm_ft_log_state read_log(struct kunit *test, const u8 *log, size_t len)
{
	struct log_test *t = test->priv;
	size_t tail = len < KVM_FT_BLOCK_HEADER ? len : KVM_FT_BLOCK_HEADER;
	size_t pos;
	int ret;

	test_guest_init(&t->replayed, 1, t->header.flags & KVM_FT_LOG_CHECKING);
	ret = kvm_ft_log_reader_init(&t->reader, log, len);
	for (pos = 0; ret > 0; ) {
		pos += ret;
		KUNIT_EXPECT_EQ(test, t->reader.offset, (u64)pos);
		if (!read_entries(test, t) || pos == len)
			break;
		ret = kvm_ft_log_reader_block(&t->reader, log + pos, len - pos);
	}
	return kvm_ft_log_reader_verdict(&t->reader, log + len - tail, tail);
}

/* Expect that @damaged, @len long, ends at block @n for @reason. */
static inline void expect_ends(struct kunit *test, size_t len,
			       enum kvm_ft_log_state state,
			       enum kvm_ft_log_reason reason, int n)
{
	struct log_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, read_log(test, t->damaged, len), state);
	KUNIT_EXPECT_EQ(test, t->reader.reason, reason);
	KUNIT_EXPECT_EQ(test, t->reader.offset, (u64)t->at[n]);
	KUNIT_EXPECT_EQ(test, t->reader.codec.ordinal,
			t->header.first_ordinal + (u64)n * ENTRIES / BLOCKS);
}

static inline struct log_test *damage(struct kunit *test)
{
	struct log_test *t = test->priv;

	memcpy(t->damaged, t->log, t->len);
	return t;
}

/* Make the checksum of the block at @at right again, as an enemy would. */
static inline void fix_crc(struct log_test *t, size_t at)
{
	u8 *block = t->damaged + at;
	u32 crc = kvm_ft_crc32c(t->header.crc, block, OFF_CRC);

	crc = kvm_ft_crc32c(crc, block + KVM_FT_BLOCK_HEADER,
			    kvm_ft_get_le32(block + OFF_LENGTH));
	kvm_ft_put_le32(block + OFF_CRC, crc);
}

#endif /* KVM_FT_REPLAY_LOG_KUNIT_H */
