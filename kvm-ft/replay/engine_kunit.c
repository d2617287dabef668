// SPDX-License-Identifier: GPL-2.0-only
/* Tests of recorder and replayer: what agrees, what differs, how far marks let run. */
#include "engine.h"
#include "kunit.h"

#define KIND(k)	.kind = KVM_FT_KIND_##k

struct engine_test {
	struct kvm_ft_log_header header;
	struct kvm_ft_recorder recorder;
	struct kvm_ft_replayer replayer;
	u8 block[KVM_FT_BLOCK_MAX];
};

static int engine_test_init(struct kunit *test)
{
	struct engine_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	test->priv = t;
	test_header(&t->header);
	t->header.flags = KVM_FT_LOG_CHECKING;
	KUNIT_ASSERT_GT(test, kvm_ft_recorder_init(&t->recorder, &t->header, t->block), 0);
	KUNIT_ASSERT_GT(test, kvm_ft_replayer_init(&t->replayer, t->block, sizeof(t->block)), 0);
	KUNIT_EXPECT_TRUE(test, kvm_ft_recorder_full(&t->recorder, 0));
	KUNIT_ASSERT_EQ(test, kvm_ft_recorder_begin(&t->recorder), 0);
	KUNIT_EXPECT_FALSE(test, kvm_ft_recorder_full(&t->recorder, 0));
	return 0;
}

static void record(struct kunit *test, struct kvm_ft_entry e)
{
	struct engine_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, kvm_ft_recorder_add(&t->recorder, &e), 0);
}

/* The block goes from the recorder to the replayer. */
static void pass_block(struct kunit *test)
{
	struct engine_test *t = test->priv;
	int len = kvm_ft_log_writer_finish(&t->recorder.writer);

	KUNIT_ASSERT_GT(test, len, 0);
	KUNIT_ASSERT_EQ(test, kvm_ft_replayer_load(&t->replayer, t->block, len), len);
}

static int take(struct kunit *test, struct kvm_ft_entry found)
{
	struct engine_test *t = test->priv;

	return kvm_ft_replayer_take(&t->replayer, &found);
}

static void expect_diverged(struct kunit *test, struct kvm_ft_entry found, const char *what)
{
	struct engine_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, take(test, found), -EILSEQ);
	KUNIT_EXPECT_STREQ(test, t->replayer.divergence.what, what);
}

static void engine_registers(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(RDTSC), .progress = 5, .rip = 7, .regs = { 1, 2, 3 } };
	struct engine_test *t = test->priv;

	record(test, e);
	pass_block(test);
	e.regs[1] = 9;
	expect_diverged(test, e, "registers");
	KUNIT_EXPECT_EQ(test, kvm_ft_different_registers(t->replayer.divergence.logged.regs,
							 t->replayer.divergence.found.regs), 2U);
	e.regs[1] = 2;
	KUNIT_EXPECT_EQ(test, take(test, e), 0);
	KUNIT_EXPECT_EQ(test, take(test, e), -ENODATA);
}

static void engine_ram_hash(struct kunit *test)
{
	struct kvm_ft_entry e = {
		KIND(RAM_HASH), .progress = 5, .value = 77, .gfn = 16, .npages = 4,
	};
	struct engine_test *t = test->priv;

	record(test, e);
	pass_block(test);
	KUNIT_EXPECT_TRUE(test, kvm_ft_replayer_stops(&t->replayer));
	e.value++;
	expect_diverged(test, e, "RAM hash");
	KUNIT_EXPECT_EQ(test, t->replayer.divergence.logged.value, 77ULL);
	KUNIT_EXPECT_EQ(test, t->replayer.divergence.found.value, 78ULL);
	e.value--;
	e.npages++;
	expect_diverged(test, e, "range of RAM");
	e.npages--;
	KUNIT_EXPECT_EQ(test, take(test, e), 0);
}

static void engine_exit_reason(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(EXIT), .progress = 5, .rip = 7, .value = 8 };

	record(test, e);
	pass_block(test);
	e.value = 17;
	expect_diverged(test, e, "reason of an exit");
	e.value = 8;
	KUNIT_EXPECT_EQ(test, take(test, e), 0);
}

static void engine_breakpoints(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(BREAKPOINT), .progress = 5, .rip = 7, .value = 9 };
	struct engine_test *t = test->priv;

	record(test, e);
	pass_block(test);
	KUNIT_EXPECT_FALSE(test, kvm_ft_replayer_stops(&t->replayer));
	e.value = 1;
	expect_diverged(test, e, "reason of an exit");
	e.value = 9;
	KUNIT_EXPECT_EQ(test, take(test, e), 0);
}

/* Where in a REP instruction the guest stands is part of the landmark. */
static void engine_rcx(struct kunit *test)
{
	struct kvm_ft_entry e = {
		KIND(STOP), .progress = 5, .rip = 7, .flags = KVM_FT_ENTRY_RCX, .rcx = 3,
	};
	struct engine_test *t = test->priv;

	record(test, e);
	pass_block(test);
	KUNIT_EXPECT_EQ(test, kvm_ft_replayer_at(&t->replayer, 5, 7, 4), 0);
	KUNIT_EXPECT_EQ(test, kvm_ft_replayer_at(&t->replayer, 5, 7, 3), 1);
	KUNIT_EXPECT_EQ(test, kvm_ft_replayer_at(&t->replayer, 6, 7, 3), -EILSEQ);
}

/* Marks are not entries to stop at; the last of them says how far to run. */
static void engine_marks(struct kunit *test)
{
	struct engine_test *t = test->priv;

	KUNIT_EXPECT_EQ(test, t->replayer.free_until, 0ULL);
	record(test, (struct kvm_ft_entry){ KIND(MARK), .progress = 100 });
	record(test, (struct kvm_ft_entry){ KIND(TIMER), .progress = 150 });
	record(test, (struct kvm_ft_entry){ KIND(MARK), .progress = 200 });
	record(test, (struct kvm_ft_entry){ KIND(MARK), .progress = 300 });
	pass_block(test);
	KUNIT_EXPECT_TRUE(test, t->replayer.have);
	KUNIT_EXPECT_EQ(test, t->replayer.next.kind, KVM_FT_KIND_TIMER);
	KUNIT_EXPECT_EQ(test, t->replayer.free_until, 100ULL);
	KUNIT_EXPECT_EQ(test, take(test, (struct kvm_ft_entry){ KIND(TIMER), .progress = 150 }), 0);
	KUNIT_EXPECT_FALSE(test, t->replayer.have);
	KUNIT_EXPECT_EQ(test, t->replayer.free_until, 300ULL);

	/* Nothing was to happen before the last mark; from there on, who knows. */
	expect_diverged(test, (struct kvm_ft_entry){ KIND(RDTSC), .progress = 299 },
			"kind of exit");
	KUNIT_EXPECT_EQ(test, t->replayer.divergence.logged.kind, KVM_FT_KIND_MARK);
	KUNIT_EXPECT_EQ(test, take(test, (struct kvm_ft_entry){ KIND(RDTSC), .progress = 300 }),
			-ENODATA);
}

/* As many entries as asked for, whatever follows. */
static void engine_limit(struct kunit *test)
{
	struct engine_test *t = test->priv;

	t->replayer.limit = 3;
	record(test, (struct kvm_ft_entry){ KIND(TIMER), .progress = 100 });
	record(test, (struct kvm_ft_entry){ KIND(MARK), .progress = 200 });
	record(test, (struct kvm_ft_entry){ KIND(TIMER), .progress = 300 });
	record(test, (struct kvm_ft_entry){ KIND(TIMER), .progress = 400 });
	pass_block(test);
	KUNIT_EXPECT_EQ(test, take(test, (struct kvm_ft_entry){ KIND(TIMER), .progress = 100 }), 0);
	KUNIT_EXPECT_FALSE(test, kvm_ft_replayer_limited(&t->replayer));
	KUNIT_EXPECT_EQ(test, take(test, (struct kvm_ft_entry){ KIND(TIMER), .progress = 300 }), 0);
	KUNIT_EXPECT_TRUE(test, kvm_ft_replayer_limited(&t->replayer));
	KUNIT_EXPECT_FALSE(test, t->replayer.have);
	KUNIT_EXPECT_EQ(test, take(test, (struct kvm_ft_entry){ KIND(TIMER), .progress = 400 }),
			-ENODATA);
}

static void load_closing_block(struct kunit *test, int expected)
{
	struct engine_test *t = test->priv;
	int len = kvm_ft_log_writer_close(&t->recorder.writer, t->block, sizeof(t->block));

	KUNIT_ASSERT_EQ(test, len, KVM_FT_BLOCK_HEADER);
	KUNIT_EXPECT_EQ(test, kvm_ft_replayer_load(&t->replayer, t->block, len), expected);
}

static void engine_stop(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(STOP), .progress = 5, .rip = 7 };
	struct engine_test *t = test->priv;

	record(test, e);
	pass_block(test);
	KUNIT_EXPECT_FALSE(test, t->replayer.stopped);
	KUNIT_EXPECT_EQ(test, take(test, e), 0);
	KUNIT_EXPECT_TRUE(test, t->replayer.stopped);
	load_closing_block(test, KVM_FT_BLOCK_HEADER);
}

static void engine_closed_without_stop(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(RDTSC), .progress = 5, .rip = 7 };
	struct engine_test *t = test->priv;

	record(test, e);
	pass_block(test);
	KUNIT_EXPECT_EQ(test, take(test, e), 0);
	load_closing_block(test, -EBADMSG);
	KUNIT_EXPECT_EQ(test, t->replayer.reader.reason, KVM_FT_LOG_STOP);
}

/* A recording that ended where no replay can: its stop is not waited for. */
static void engine_stop_before(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(RDTSC), .progress = 5, .rip = 7 };
	struct engine_test *t = test->priv;

	record(test, e);
	record(test, (struct kvm_ft_entry){
		KIND(STOP), .progress = 9, .rip = 8, .value = KVM_FT_STOP_BEFORE,
	});
	pass_block(test);
	KUNIT_EXPECT_FALSE(test, t->replayer.stopped);
	KUNIT_EXPECT_EQ(test, take(test, e), 0);
	KUNIT_EXPECT_TRUE(test, t->replayer.stopped);
	KUNIT_EXPECT_FALSE(test, t->replayer.have);
	load_closing_block(test, KVM_FT_BLOCK_HEADER);
}

static void engine_stop_of_unknown_value(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(RDTSC), .progress = 5, .rip = 7 };
	struct engine_test *t = test->priv;

	record(test, e);
	record(test, (struct kvm_ft_entry){
		KIND(STOP), .progress = 5, .rip = 7, .value = KVM_FT_STOP_BEFORE + 1,
	});
	pass_block(test);
	KUNIT_EXPECT_EQ(test, take(test, e), -EBADMSG);
	KUNIT_EXPECT_EQ(test, t->replayer.reader.reason, KVM_FT_LOG_STOP);
}

static void engine_entry_behind_stop(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(STOP), .progress = 5, .rip = 7 };
	struct engine_test *t = test->priv;

	record(test, e);
	record(test, (struct kvm_ft_entry){ KIND(MARK), .progress = 5 });
	pass_block(test);
	KUNIT_EXPECT_EQ(test, take(test, e), -EBADMSG);
	KUNIT_EXPECT_EQ(test, t->replayer.reader.reason, KVM_FT_LOG_STOP);
}

/* However full the block is, what an emulated instruction adds fits: entries of any size. */
static void engine_reserve(struct kunit *test)
{
	struct engine_test *t = test->priv;
	struct kvm_ft_entry e = { KIND(LAPIC_TMCCT) };
	int i, more = 0;

	while (more < KVM_FT_RECORDER_RESERVE) {
		more += kvm_ft_recorder_full(&t->recorder, 0);
		e.progress += 1ULL << 50;
		e.rip = ~e.rip;
		e.value = ~e.value & U32_MAX;
		for (i = 0; i < KVM_FT_NR_REGS; i++)
			e.regs[i] = ~e.regs[i];
		record(test, e);
	}
	pass_block(test);
}

static struct kunit_case engine_cases[] = {
	KUNIT_CASE(engine_registers),
	KUNIT_CASE(engine_ram_hash),
	KUNIT_CASE(engine_exit_reason),
	KUNIT_CASE(engine_breakpoints),
	KUNIT_CASE(engine_rcx),
	KUNIT_CASE(engine_marks),
	KUNIT_CASE(engine_limit),
	KUNIT_CASE(engine_stop),
	KUNIT_CASE(engine_closed_without_stop),
	KUNIT_CASE(engine_stop_before),
	KUNIT_CASE(engine_stop_of_unknown_value),
	KUNIT_CASE(engine_entry_behind_stop),
	KUNIT_CASE(engine_reserve),
	{}
};

static struct kunit_suite engine_suite = {
	.name = "kvm_ft_engine",
	.init = engine_test_init,
	.test_cases = engine_cases,
};

kunit_test_suite(engine_suite);
