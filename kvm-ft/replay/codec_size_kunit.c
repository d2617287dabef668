// SPDX-License-Identifier: GPL-2.0-only
/*
 * How many bytes the log takes for what guests do most: the limits are those
 * that the project promises. Blocks' headers count.
 */
#include "kunit.h"

#define KERNEL_TEXT	0xffffffff81000000ULL
#define USER_TEXT	0x000055d0c0de0000ULL
#define ENTRIES		10000

struct size_test {
	struct kvm_ft_log_header header;
	struct kvm_ft_log_writer writer;
	struct kvm_ft_entry e;
	u64 start;	/* bytes at the last size_start() */
	u64 seed;
	u8 payload[KVM_FT_PAYLOAD_MAX];
	u8 block[KVM_FT_BLOCK_MAX];
};

static int size_test_init(struct kunit *test)
{
	struct size_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test_header(&t->header);
	KUNIT_ASSERT_GT(test, kvm_ft_log_writer_init(&t->writer, &t->header, t->block,
						     sizeof(t->block)), 0);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_begin(&t->writer, t->block,
						      sizeof(t->block), false), 0);
	t->start = t->writer.offset;
	t->e.progress = 1000;
	t->e.value = 1ULL << 50;
	test->priv = t;
	return 0;
}

/* End the block and begin another, as a primary does when it must commit. */
static void commit(struct kunit *test, struct size_test *t)
{
	KUNIT_ASSERT_GT(test, kvm_ft_log_writer_finish(&t->writer), 0);
	KUNIT_ASSERT_EQ(test, kvm_ft_log_writer_begin(&t->writer, t->block,
						      sizeof(t->block), false), 0);
}

static void add(struct kunit *test, struct size_test *t)
{
	int err = kvm_ft_log_writer_append(&t->writer, &t->e);

	if (err == -EMSGSIZE) {
		commit(test, t);
		err = kvm_ft_log_writer_append(&t->writer, &t->e);
	}
	KUNIT_ASSERT_EQ(test, err, 0);
}

/* Bytes of log since the start, in thousandths per entry of @entries. */
static u64 per_thousand(struct kunit *test, struct size_test *t, u64 entries)
{
	u64 bytes;

	commit(test, t);
	bytes = t->writer.offset - t->start;
	kunit_info(test, "%llu bytes for %llu entries", bytes, entries);
	return bytes * 1000 / entries;
}

/* An RDTSC in a loop, the TSC advancing by @base and up to @jitter more. */
static u64 rdtsc_loop(struct kunit *test, u32 base, u32 jitter, u32 interrupt_each)
{
	struct size_test *t = test->priv;
	int i;

	for (i = 1; i <= ENTRIES; i++) {
		t->e.kind = KVM_FT_KIND_RDTSC;
		t->e.rip = USER_TEXT;
		t->e.progress += 3;
		t->e.value += base + (jitter ? random_below(&t->seed, jitter) : 0);
		if (interrupt_each && i % interrupt_each == 0)
			t->e.value += 1000000;
		add(test, t);
	}
	return per_thousand(test, t, ENTRIES);
}

static void size_rdtsc_steady(struct kunit *test)
{
	KUNIT_EXPECT_LE(test, rdtsc_loop(test, 2400, 0, 0), 1020ULL);
}

static void size_rdtsc_jitter(struct kunit *test)
{
	KUNIT_EXPECT_LE(test, rdtsc_loop(test, 2400, 1000, 0), 2020ULL);
}

/* As irregular as it gets, and the host takes the CPU away every 100 times. */
static void size_rdtsc_wild(struct kunit *test)
{
	KUNIT_EXPECT_LE(test, rdtsc_loop(test, 1000, 15000, 100), 3000ULL);
}

/* The guest's loop has RDTSCs at several places: A, A, B, A, C. */
static void size_rdtsc_sites(struct kunit *test)
{
	static const u64 rips[] = { USER_TEXT, USER_TEXT, USER_TEXT + 100, USER_TEXT,
				    KERNEL_TEXT };
	struct size_test *t = test->priv;
	int i;

	for (i = 0; i < ENTRIES; i++) {
		t->e.kind = KVM_FT_KIND_RDTSC;
		t->e.rip = rips[i % ARRAY_SIZE(rips)];
		t->e.progress += 3 * (i % ARRAY_SIZE(rips));
		t->e.value += 2000 + random_below(&t->seed, 500);
		add(test, t);
	}
	KUNIT_EXPECT_LE(test, per_thousand(test, t, ENTRIES), 3000ULL);
}

/* Other work between them takes a different time each time. */
static void size_rdtsc_irregular_progress(struct kunit *test)
{
	struct size_test *t = test->priv;
	int i;

	for (i = 0; i < ENTRIES; i++) {
		t->e.kind = KVM_FT_KIND_RDTSC;
		t->e.rip = KERNEL_TEXT;
		t->e.progress += random_below(&t->seed, 4000);
		t->e.value += 20000 + random_below(&t->seed, 1000);
		add(test, t);
	}
	KUNIT_EXPECT_LE(test, per_thousand(test, t, ENTRIES), 4000ULL);
}

/* Exits that are only checked, in a loop. */
static void size_exits(struct kunit *test)
{
	struct size_test *t = test->priv;
	int i;

	for (i = 0; i < ENTRIES; i++) {
		t->e.kind = KVM_FT_KIND_EXIT;
		t->e.rip = KERNEL_TEXT + 16 * (i % 3);
		t->e.value = 0x72 + i % 3;
		t->e.progress += 7;
		add(test, t);
	}
	KUNIT_EXPECT_LE(test, per_thousand(test, t, ENTRIES), 1020ULL);
}

/* LAPIC timer interrupts of a program of @text bytes, one in four in the kernel. */
static u64 timers(struct kunit *test, u32 text, u32 progress)
{
	struct size_test *t = test->priv;
	u64 base;
	int i;

	t->e.value = 0;
	for (i = 0; i < ENTRIES; i++) {
		base = random_below(&t->seed, 4) ? USER_TEXT : KERNEL_TEXT;
		t->e.kind = KVM_FT_KIND_TIMER;
		t->e.rip = base + random_below(&t->seed, text);
		t->e.progress += random_below(&t->seed, progress);
		if (t->e.flags)
			t->e.rcx = random_below(&t->seed, 1 << 20);
		add(test, t);
	}
	return per_thousand(test, t, ENTRIES);
}

static void size_timer_loop(struct kunit *test)
{
	KUNIT_EXPECT_LE(test, timers(test, 32, 1 << 20), 6000ULL);
}

static void size_timer_large_program(struct kunit *test)
{
	KUNIT_EXPECT_LE(test, timers(test, 1 << 20, 1 << 30), 10000ULL);
}

static void size_timer_in_rep(struct kunit *test)
{
	struct size_test *t = test->priv;

	t->e.flags = KVM_FT_ENTRY_RCX;
	KUNIT_EXPECT_LE(test, timers(test, 4096, 1 << 20), 10000ULL);
}

static void size_marks(struct kunit *test)
{
	struct size_test *t = test->priv;
	int i;

	t->e.kind = KVM_FT_KIND_MARK;
	t->e.value = 0;
	for (i = 0; i < ENTRIES; i++) {
		t->e.progress += random_below(&t->seed, 1 << 28);
		add(test, t);
	}
	KUNIT_EXPECT_LE(test, per_thousand(test, t, ENTRIES), 5050ULL);
}

/* Received data, each piece committed by itself. */
static void size_events(struct kunit *test)
{
	static const u32 lengths[] = { 1514, 9014, KVM_FT_PAYLOAD_MAX };
	struct size_test *t = test->priv;
	u64 payload;
	size_t i;
	int n;

	t->e.kind = KVM_FT_KIND_EVENT;
	t->e.value = 0;
	t->e.tag = 1;
	t->e.payload = t->payload;
	for (i = 0; i < ARRAY_SIZE(lengths); i++) {
		t->e.payload_len = lengths[i];
		payload = 0;
		t->start = t->writer.offset;
		for (n = 0; n < 100; n++) {
			t->e.rip = KERNEL_TEXT + random_below(&t->seed, 1 << 20);
			t->e.progress += random_below(&t->seed, 1 << 20);
			payload += lengths[i];
			add(test, t);
			commit(test, t);
		}
		/* At most 3 % more than the payload. */
		KUNIT_EXPECT_LE(test, (t->writer.offset - t->start) * 100, payload * 103);
		KUNIT_EXPECT_GT(test, t->writer.offset - t->start, payload);
	}
}

/* With the registers, of which an RDTSC in a loop changes three. */
static void size_rdtsc_checking(struct kunit *test)
{
	struct size_test *t = test->priv;
	int i;

	kvm_ft_codec_init(&t->writer.codec, 0, true);
	for (i = 0; i < KVM_FT_NR_REGS; i++)
		t->e.regs[i] = random_u64(&t->seed);
	for (i = 0; i < ENTRIES; i++) {
		t->e.kind = KVM_FT_KIND_RDTSC;
		t->e.rip = USER_TEXT;
		t->e.progress += 3;
		t->e.value += 2400;
		t->e.regs[0] += 2400;
		t->e.regs[1]--;
		t->e.regs[KVM_FT_REG_RIP] = t->e.rip;
		t->e.regs[KVM_FT_REG_RFLAGS] ^= i % 2 ? 0x40 : 0x4;
		add(test, t);
	}
	KUNIT_EXPECT_LE(test, per_thousand(test, t, ENTRIES), 7100ULL);
}

static struct kunit_case size_cases[] = {
	KUNIT_CASE(size_rdtsc_steady),
	KUNIT_CASE(size_rdtsc_jitter),
	KUNIT_CASE(size_rdtsc_wild),
	KUNIT_CASE(size_rdtsc_sites),
	KUNIT_CASE(size_rdtsc_irregular_progress),
	KUNIT_CASE(size_exits),
	KUNIT_CASE(size_timer_loop),
	KUNIT_CASE(size_timer_large_program),
	KUNIT_CASE(size_timer_in_rep),
	KUNIT_CASE(size_marks),
	KUNIT_CASE(size_events),
	KUNIT_CASE(size_rdtsc_checking),
	{}
};

static struct kunit_suite size_suite = {
	.name = "kvm_ft_codec_size",
	.init = size_test_init,
	.test_cases = size_cases,
};

kunit_test_suite(size_suite);
