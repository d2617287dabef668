// SPDX-License-Identifier: GPL-2.0-only
/*
 * A log of format 1.0, byte by byte. As long as the major version is 1, it is
 * read to these entries, and these entries are written to these bytes: if this
 * test fails, the format has changed. Documentation/replay-log.rst explains
 * the entries' bytes one by one.
 */
#include "kunit.h"

#define KIND(k)	.kind = KVM_FT_KIND_##k
#define RDTSC_AT(p, t) \
	{ KIND(RDTSC), .progress = p, .rip = 0xffffffff81000100, .value = t }

static const u8 payload[] = { 'p', 'i', 'n', 'g' };

static const struct kvm_ft_entry entries[] = {
	RDTSC_AT(1000, 5000000000),
	RDTSC_AT(1007, 5000002000),
	RDTSC_AT(1014, 5000004010),
	RDTSC_AT(1021, 5000006010),	/* predicted from here on */
	RDTSC_AT(1028, 5000008010),
	RDTSC_AT(1128, 5000019000),	/* not at the usual distance */
	{ KIND(RDTSCP), .progress = 1130, .rip = 0x401000, .value = 5000020000 },
	{ KIND(MSR_TSC), .progress = 1130, .rip = 0x401020, .value = 5000021000 },
	{ KIND(MSR_TSC_DEADLINE), .progress = 1131, .rip = 0x401022 },
	{ KIND(LAPIC_TMCCT), .progress = 1140, .rip = 0xffffffff81000200, .value = 62500 },
	{ KIND(VALUE), .progress = 1140, .rip = 0xffffffff81000200, .tag = 7,
	  .payload = payload, .payload_len = 4 },
	{ KIND(EXIT), .progress = 1150, .rip = 0xffffffff81000300, .value = 0x72 },
	{ KIND(MARK), .progress = 500000 },
	{ KIND(TIMER), .progress = 700123, .rip = 0x4011fe },
	{ KIND(TIMER), .progress = 900123, .rip = 0xffffffff81000310,
	  .flags = KVM_FT_ENTRY_RCX, .rcx = 4096 },
	{ KIND(EVENT), .progress = 900200, .rip = 0x00007f0000001234, .tag = 300,
	  .payload = payload, .payload_len = 4 },
	{ KIND(REG_HASH), .progress = 900200, .rip = 0x00007f0000001234,
	  .value = 0x1122334455667788 },
	{ KIND(RAM_HASH), .progress = 900200, .rip = 0x00007f0000001234,
	  .value = 0x99aabbccddeeff00, .gfn = 0x100, .npages = 1024 },
	{ KIND(STOP), .progress = 900201, .rip = 0x00007f0000001236, .value = 1 },
};

/* The example header's checksum stands for all its bytes. */
#define HEADER_CRC	0x2af6a5e3

static const u8 blocks[] = {
	0x6b, 0x46, 0x42, 0x01, 0x86, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x13, 0x00, 0x00, 0x00, 0x4b, 0xc2, 0x43, 0x5f,
	/* rdtsc */
	0x01, 0x1f, 0xdf, 0xff, 0xff, 0x7e, 0xe8, 0x07, 0x80, 0xc8, 0xaf, 0xa0,
	0x25,
	/* rdtsc */
	0x01, 0x00, 0x07, 0xa0, 0x1f,
	/* rdtsc */
	0x01, 0x00, 0x07, 0x14,
	/* rdtsc */
	0x93,
	/* rdtsc */
	0x80,
	/* rdtsc */
	0x64, 0x03, 0xbc, 0x8c, 0x01,
	/* rdtscp */
	0x02, 0x30, 0x80, 0x84, 0x20, 0x02, 0xd0, 0x0f,
	/* msr_tsc */
	0x03, 0x10, 0x04, 0x00, 0xd0, 0x0f,
	/* msr_tsc_deadline */
	0x04, 0x04, 0x01, 0x00,
	/* lapic_tmcct */
	0x05, 0x30, 0x20, 0x09, 0xc8, 0xd0, 0x07,
	/* value */
	0x06, 0x00, 0x00, 0x07, 0x04, 0x70, 0x69, 0x6e, 0x67,
	/* exit */
	0x10, 0x10, 0x20, 0x0a, 0xe4, 0x01,
	/* mark */
	0x1a, 0xa2, 0xb9, 0x1e,
	/* timer */
	0x19, 0x38, 0x3b, 0xbb, 0x9b, 0x0c,
	/* timer */
	0x19, 0xb0, 0x02, 0xc0, 0x9a, 0x0c, 0x80, 0x20,
	/* event */
	0x18, 0x3c, 0x86, 0x80, 0xe0, 0xff, 0xff, 0xfb, 0x03, 0x4d, 0xac, 0x02,
	0x04, 0x70, 0x69, 0x6e, 0x67,
	/* reg_hash */
	0x28, 0x00, 0x00, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11,
	/* ram_hash */
	0x29, 0x00, 0x00, 0x00, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x80,
	0x02, 0x80, 0x08,
	/* stop */
	0x38, 0x04, 0x01, 0x01,
	/* the closing block */
	0x6b, 0x46, 0x42, 0x02, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x13, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x50, 0x23, 0xbb, 0x0a,
};

#define CLOSING	(sizeof(blocks) - KVM_FT_BLOCK_HEADER)	/* where it begins */

struct golden_test {
	struct kvm_ft_log_header header;
	struct kvm_ft_log_writer writer;
	struct kvm_ft_log_reader reader;
	u8 header_bytes[KVM_FT_LOG_HEADER_MAX];
	u8 buf[1024];
};

static int golden_test_init(struct kunit *test)
{
	struct golden_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	test_header(&t->header);
	KUNIT_ASSERT_GT(test, kvm_ft_log_writer_init(&t->writer, &t->header, t->header_bytes,
						     sizeof(t->header_bytes)), 0);
	return 0;
}

static void golden_write(struct kunit *test)
{
	struct golden_test *t = test->priv;
	struct kvm_ft_log_writer *w = &t->writer;
	size_t i;

	KUNIT_EXPECT_EQ(test, t->header.crc, HEADER_CRC);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_begin(w, t->buf, sizeof(t->buf), false), 0);
	for (i = 0; i < ARRAY_SIZE(entries); i++)
		KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_append(w, &entries[i]), 0);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_finish(w), (int)CLOSING);
	KUNIT_EXPECT_MEMEQ(test, t->buf, blocks, CLOSING);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_close(w, t->buf, sizeof(t->buf)),
			KVM_FT_BLOCK_HEADER);
	KUNIT_EXPECT_MEMEQ(test, t->buf, blocks + CLOSING, KVM_FT_BLOCK_HEADER);
}

static void golden_read(struct kunit *test)
{
	struct golden_test *t = test->priv;
	struct kvm_ft_log_reader *r = &t->reader;
	struct kvm_ft_entry e;
	size_t i;

	KUNIT_ASSERT_GT(test, kvm_ft_log_reader_init(r, t->header_bytes,
						     sizeof(t->header_bytes)), 0);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_reader_block(r, blocks, sizeof(blocks)),
			(int)CLOSING);
	for (i = 0; i < ARRAY_SIZE(entries); i++) {
		KUNIT_ASSERT_EQ(test, kvm_ft_log_reader_next(r, &e), 1);
		expect_same_entry(test, &entries[i], &e);
	}
	KUNIT_EXPECT_EQ(test, kvm_ft_log_reader_next(r, &e), 0);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_reader_block(r, blocks + CLOSING, KVM_FT_BLOCK_HEADER),
			KVM_FT_BLOCK_HEADER);
	KUNIT_EXPECT_TRUE(test, r->closed);
}

static struct kunit_case golden_cases[] = {
	KUNIT_CASE(golden_write),
	KUNIT_CASE(golden_read),
	{}
};

static struct kunit_suite golden_suite = {
	.name = "kvm_ft_log_golden",
	.init = golden_test_init,
	.test_cases = golden_cases,
};

kunit_test_suite(golden_suite);
