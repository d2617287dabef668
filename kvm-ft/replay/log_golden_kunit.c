// SPDX-License-Identifier: GPL-2.0-only
/*
 * A log of format 2.1, byte by byte. As long as the major version is 2, it is
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
	{ KIND(BREAKPOINT), .progress = 1151, .rip = 0xffffffff81000301, .value = 5 },
	{ KIND(MARK), .progress = 500000 },
	{ KIND(TIMER), .progress = 700123, .rip = 0x4011fe },
	{ KIND(TIMER), .progress = 900123, .rip = 0xffffffff81000310,
	  .flags = KVM_FT_ENTRY_RCX, .rcx = 4096 },
	{ KIND(EVENT), .progress = 900200, .rip = 0x00007f0000001234, .tag = 300,
	  .payload = payload, .payload_len = 4 },
	{ KIND(RAM_HASH), .progress = 900200, .rip = 0x00007f0000001234,
	  .value = 0x99aabbccddeeff00, .gfn = 0x100, .npages = 1024 },
	{ KIND(STOP), .progress = 900201, .rip = 0x00007f0000001236, .value = 1 },
};

/* In checking mode: what has changed of the registers. */
static const struct kvm_ft_entry checking_entries[] = {
	{ KIND(RDTSC), .progress = 1000, .rip = 0x401000, .value = 5000000000,
	  .regs = { 1, [6] = 0x7ffe0000, [KVM_FT_REG_RIP] = 0x401000,
		    [KVM_FT_REG_RFLAGS] = 0x246 } },
	{ KIND(TIMER), .progress = 1010, .rip = 0x401010,
	  .regs = { 0, [6] = 0x7ffe0000, [15] = 1, [KVM_FT_REG_RIP] = 0x401000,
		    [KVM_FT_REG_RFLAGS] = 0x246 } },
	{ KIND(STOP), .progress = 1010, .rip = 0x401010, .flags = KVM_FT_ENTRY_RCX, .rcx = 9,
	  .regs = { 0, [2] = 9, [6] = 0x7ffe0000, [15] = 1, [KVM_FT_REG_RIP] = 0x401010,
		    [KVM_FT_REG_RFLAGS] = 0x246 } },
};

static const u8 blocks[] = {
	0x6b, 0x46, 0x42, 0x01, 0x7f, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x13, 0x00, 0x00, 0x00, 0x47, 0x06, 0xe3, 0x46,
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
	/* breakpoint */
	0x11, 0x02, 0x01, 0x0a,
	/* mark */
	0x1a, 0xa1, 0xb9, 0x1e,
	/* timer */
	0x19, 0x38, 0x3b, 0xbb, 0x9b, 0x0c,
	/* timer */
	0x19, 0xbe, 0x01, 0xc0, 0x9a, 0x0c, 0x80, 0x20,
	/* event */
	0x18, 0x3c, 0x86, 0x80, 0xe0, 0xff, 0xff, 0xfb, 0x03, 0x4d, 0xac, 0x02,
	0x04, 0x70, 0x69, 0x6e, 0x67,
	/* ram_hash */
	0x29, 0x00, 0x00, 0x00, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99, 0x80,
	0x02, 0x80, 0x08,
	/* stop */
	0x38, 0x04, 0x01, 0x01,
	/* the closing block */
	0x6b, 0x46, 0x42, 0x02, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x13, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x8e, 0x78, 0x81, 0x71,
};

static const u8 checking_blocks[] = {
	0x6b, 0x46, 0x42, 0x01, 0x27, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x03, 0x00, 0x00, 0x00, 0xf1, 0x1c, 0x7a, 0x21,
	/* rdtsc */
	0x01, 0x10, 0x80, 0x84, 0x20, 0xe8, 0x07, 0x80, 0xc8, 0xaf, 0xa0, 0x25,
	0x83, 0x01, 0x02, 0x80, 0x80, 0xf0, 0xff, 0x0f, 0x8c, 0x09,
	/* timer */
	0x19, 0x10, 0x02, 0x0a, 0x82, 0x80, 0x0c, 0x01, 0x02, 0x1f,
	/* stop */
	0x38, 0x80, 0x00, 0x09, 0x00, 0x08, 0x12,
	/* the closing block */
	0x6b, 0x46, 0x42, 0x02, 0x00, 0x00, 0x00, 0x00,
	0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x03, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x44, 0x67, 0x28, 0xf2,
};

/**
 * struct golden - a log
 * @name: of the case
 * @flags: of its header
 * @header_crc: of the header; stands for all its bytes
 * @entries: in its one block
 * @nr_entries: how many
 * @blocks: that block's bytes, then the closing block's
 * @closing: where that begins
 */
struct golden {
	const char *name;
	u32 flags;
	u32 header_crc;
	const struct kvm_ft_entry *entries;
	size_t nr_entries;
	const u8 *blocks;
	size_t closing;
};

static const struct golden logs[] = {
	{ "plain", 0, 0xa836cc63, entries, ARRAY_SIZE(entries),
	  blocks, sizeof(blocks) - KVM_FT_BLOCK_HEADER },
	{ "checking", KVM_FT_LOG_CHECKING, 0xedd2157c,
	  checking_entries, ARRAY_SIZE(checking_entries),
	  checking_blocks, sizeof(checking_blocks) - KVM_FT_BLOCK_HEADER },
};

KUNIT_ARRAY_PARAM_DESC(log, logs, name);

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
	const struct golden *g = test->param_value;

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	test_header(&t->header);
	t->header.flags = g->flags;
	KUNIT_ASSERT_GT(test, kvm_ft_log_writer_init(&t->writer, &t->header, t->header_bytes,
						     sizeof(t->header_bytes)), 0);
	return 0;
}

static void golden_write(struct kunit *test)
{
	const struct golden *g = test->param_value;
	struct golden_test *t = test->priv;
	struct kvm_ft_log_writer *w = &t->writer;
	size_t i;

	KUNIT_EXPECT_EQ(test, t->header.crc, g->header_crc);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_begin(w, t->buf, sizeof(t->buf), false), 0);
	for (i = 0; i < g->nr_entries; i++)
		KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_append(w, &g->entries[i]), 0);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_finish(w), (int)g->closing);
	KUNIT_EXPECT_MEMEQ(test, t->buf, g->blocks, g->closing);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_close(w, t->buf, sizeof(t->buf)),
			KVM_FT_BLOCK_HEADER);
	KUNIT_EXPECT_MEMEQ(test, t->buf, g->blocks + g->closing, KVM_FT_BLOCK_HEADER);
}

static void golden_read(struct kunit *test)
{
	const struct golden *g = test->param_value;
	struct golden_test *t = test->priv;
	struct kvm_ft_log_reader *r = &t->reader;
	struct kvm_ft_entry e;
	size_t i;

	KUNIT_ASSERT_GT(test, kvm_ft_log_reader_init(r, t->header_bytes,
						     sizeof(t->header_bytes)), 0);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_reader_block(r, g->blocks,
						      g->closing + KVM_FT_BLOCK_HEADER),
			(int)g->closing);
	for (i = 0; i < g->nr_entries; i++) {
		KUNIT_ASSERT_EQ(test, kvm_ft_log_reader_next(r, &e), 1);
		expect_same_entry(test, &g->entries[i], &e);
	}
	KUNIT_EXPECT_EQ(test, kvm_ft_log_reader_next(r, &e), 0);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_reader_block(r, g->blocks + g->closing,
						      KVM_FT_BLOCK_HEADER),
			KVM_FT_BLOCK_HEADER);
	KUNIT_EXPECT_TRUE(test, r->closed);
}

static struct kunit_case golden_cases[] = {
	KUNIT_CASE_PARAM(golden_write, log_gen_params),
	KUNIT_CASE_PARAM(golden_read, log_gen_params),
	{}
};

static struct kunit_suite golden_suite = {
	.name = "kvm_ft_log_golden",
	.init = golden_test_init,
	.test_cases = golden_cases,
};

kunit_test_suite(golden_suite);
