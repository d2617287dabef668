// SPDX-License-Identifier: GPL-2.0-only
/* Tests of whole logs: written, read back, damaged in every way. */
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

static void write_block(struct kunit *test, struct log_test *t, int n)
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

static void write_log(struct kunit *test, struct log_test *t)
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

static int log_test_init(struct kunit *test)
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
static bool read_entries(struct kunit *test, struct log_test *t)
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
static enum kvm_ft_log_state read_log(struct kunit *test, const u8 *log, size_t len)
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
static void expect_ends(struct kunit *test, size_t len, enum kvm_ft_log_state state,
			enum kvm_ft_log_reason reason, int n)
{
	struct log_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, read_log(test, t->damaged, len), state);
	KUNIT_EXPECT_EQ(test, t->reader.reason, reason);
	KUNIT_EXPECT_EQ(test, t->reader.offset, (u64)t->at[n]);
	KUNIT_EXPECT_EQ(test, t->reader.codec.ordinal,
			t->header.first_ordinal + (u64)n * ENTRIES / BLOCKS);
}

static struct log_test *damage(struct kunit *test)
{
	struct log_test *t = test->priv;

	memcpy(t->damaged, t->log, t->len);
	return t;
}

/* Make the checksum of the block at @at right again, as an enemy would. */
static void fix_crc(struct log_test *t, size_t at)
{
	u8 *block = t->damaged + at;
	u32 crc = kvm_ft_crc32c(t->header.crc, block, OFF_CRC);

	crc = kvm_ft_crc32c(crc, block + KVM_FT_BLOCK_HEADER,
			    kvm_ft_get_le32(block + OFF_LENGTH));
	kvm_ft_put_le32(block + OFF_CRC, crc);
}

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

static void log_bad_entry(struct kunit *test)
{
	struct log_test *t = damage(test);

	t->damaged[t->at[1] + KVM_FT_BLOCK_HEADER] = 0;
	fix_crc(t, t->at[1]);
	KUNIT_EXPECT_EQ(test, read_log(test, t->damaged, t->len), KVM_FT_LOG_CORRUPT);
	KUNIT_EXPECT_EQ(test, t->reader.reason, KVM_FT_LOG_ENTRY);
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

/* The longest entry there is fits into an empty block. */
static void log_longest_entry(struct kunit *test)
{
	struct log_test *t = test->priv;
	u8 *payload = kunit_kzalloc(test, KVM_FT_PAYLOAD_MAX, GFP_KERNEL);
	u8 *block = kunit_kzalloc(test, KVM_FT_BLOCK_MAX, GFP_KERNEL);
	struct kvm_ft_entry e = {
		.kind = KVM_FT_KIND_EVENT, .flags = KVM_FT_ENTRY_RCX, .rcx = U64_MAX,
		.rip = 1ULL << 63, .progress = U64_MAX, .tag = U32_MAX,
		.payload = payload, .payload_len = KVM_FT_PAYLOAD_MAX,
	};
	struct kvm_ft_entry out;
	int len;

	KUNIT_ASSERT_TRUE(test, payload && block);
	t->header.flags = KVM_FT_LOG_CHECKING;
	e.reg_hash = U64_MAX;
	len = kvm_ft_log_writer_init(&t->writer, &t->header, t->log, LOG_SIZE);
	KUNIT_ASSERT_GT(test, kvm_ft_log_reader_init(&t->reader, t->log, len), 0);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_begin(&t->writer, block, KVM_FT_BLOCK_MAX,
						      false), 0);
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
	KUNIT_CASE(log_bad_entry),
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
