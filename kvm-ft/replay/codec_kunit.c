// SPDX-License-Identifier: GPL-2.0-only
/* Tests of the entry codec: what goes in comes out, and nothing else gets in. */
#include "kunit.h"

#define BUF_SIZE	(KVM_FT_ENTRY_MAX + 64)

/* An encoder and a decoder, which must always agree. */
struct codec_test {
	struct kvm_ft_codec enc;
	struct kvm_ft_codec dec;
	struct kvm_ft_codec saved;	/* by the function that compares with it */
	struct kvm_ft_codec before;
	struct test_guest guest;
	u8 payload[KVM_FT_PAYLOAD_MAX];
	u8 buf[BUF_SIZE];
	u8 again[BUF_SIZE];
};

static int codec_test_init(struct kunit *test)
{
	u64 seed = 1;
	struct codec_test *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, t);
	random_bytes(&seed, t->payload, sizeof(t->payload));
	kvm_ft_codec_init(&t->enc, 0, false);
	kvm_ft_codec_init(&t->dec, 0, false);
	test->priv = t;
	return 0;
}

static void set_checking(struct codec_test *t, bool checking)
{
	kvm_ft_codec_init(&t->enc, 0, checking);
	kvm_ft_codec_init(&t->dec, 0, checking);
}

/* Encode, decode, compare; returns the length. */
static int round_trip(struct kunit *test, const struct kvm_ft_entry *e)
{
	struct codec_test *t = test->priv;
	u64 ordinal = t->dec.ordinal;
	struct kvm_ft_entry out;
	int len;

	len = kvm_ft_codec_encode(&t->enc, e, t->buf, sizeof(t->buf));
	KUNIT_ASSERT_GT(test, len, 0);
	KUNIT_ASSERT_LE(test, len, (int)(KVM_FT_ENTRY_FIXED_MAX + e->payload_len));
	KUNIT_ASSERT_EQ(test, kvm_ft_codec_decode(&t->dec, t->buf, len, &out), len);
	expect_same_entry(test, e, &out);
	KUNIT_EXPECT_EQ(test, out.ordinal, ordinal);
	KUNIT_ASSERT_MEMEQ(test, &t->enc, &t->dec, sizeof(t->enc));
	return len;
}

/* Edge values, one entry each from a fresh codec */

struct entry_case {
	const char *name;
	struct kvm_ft_entry e;
	bool checking;
};

#define FIELDS(...)	{ __VA_ARGS__ }
#define KIND(k)		.kind = KVM_FT_KIND_##k
#define REGS(value)	{ [0 ... KVM_FT_NR_REGS - 1] = (value) }

static const struct entry_case valid_cases[] = {
	{ "rdtsc zero", FIELDS(KIND(RDTSC)) },
	{ "rdtsc max", FIELDS(KIND(RDTSC), .value = U64_MAX, .rip = U64_MAX,
			      .progress = U64_MAX) },
	{ "rdtscp", FIELDS(KIND(RDTSCP), .value = 1, .rip = 2, .progress = 3) },
	{ "msr tsc", FIELDS(KIND(MSR_TSC), .value = 1ULL << 63) },
	{ "tsc deadline zero", FIELDS(KIND(MSR_TSC_DEADLINE)) },
	{ "tsc deadline max", FIELDS(KIND(MSR_TSC_DEADLINE), .value = U64_MAX) },
	{ "tmcct max", FIELDS(KIND(LAPIC_TMCCT), .value = U32_MAX) },
	{ "value empty", FIELDS(KIND(VALUE)) },
	{ "value byte", FIELDS(KIND(VALUE), .tag = 1, .payload_len = 1) },
	{ "value longest", FIELDS(KIND(VALUE), .tag = U32_MAX,
				  .payload_len = KVM_FT_PAYLOAD_MAX) },
	{ "exit zero", FIELDS(KIND(EXIT)) },
	{ "exit max", FIELDS(KIND(EXIT), .value = U32_MAX, .rip = 1ULL << 63) },
	{ "breakpoint", FIELDS(KIND(BREAKPOINT), .value = 0xf, .rip = U64_MAX) },
	{ "event empty", FIELDS(KIND(EVENT)) },
	{ "event longest", FIELDS(KIND(EVENT), .tag = U32_MAX, .rip = U64_MAX,
				  .flags = KVM_FT_ENTRY_RCX, .rcx = U64_MAX,
				  .progress = U64_MAX,
				  .payload_len = KVM_FT_PAYLOAD_MAX) },
	{ "timer", FIELDS(KIND(TIMER), .rip = 0xffffffff81000000) },
	{ "timer rcx zero", FIELDS(KIND(TIMER), .flags = KVM_FT_ENTRY_RCX) },
	{ "timer rcx max", FIELDS(KIND(TIMER), .flags = KVM_FT_ENTRY_RCX,
				  .rcx = U64_MAX) },
	{ "mark zero", FIELDS(KIND(MARK)) },
	{ "mark max", FIELDS(KIND(MARK), .progress = U64_MAX) },
	{ "ram hash page", FIELDS(KIND(RAM_HASH), .npages = 1) },
	{ "ram hash last page", FIELDS(KIND(RAM_HASH), .value = U64_MAX, .npages = 1,
				       .gfn = KVM_FT_GFN_LIMIT - 1) },
	{ "ram hash all", FIELDS(KIND(RAM_HASH), .npages = KVM_FT_GFN_LIMIT) },
	{ "ram hash rcx", FIELDS(KIND(RAM_HASH), .npages = 1, .flags = KVM_FT_ENTRY_RCX,
				 .rcx = 7) },
	{ "stop zero", FIELDS(KIND(STOP)) },
	{ "stop rcx", FIELDS(KIND(STOP), .flags = KVM_FT_ENTRY_RCX, .rcx = U64_MAX) },
	{ "stop max", FIELDS(KIND(STOP), .value = U32_MAX, .progress = U64_MAX) },
	{ "checking zero", FIELDS(KIND(RDTSC)), true },
	{ "checking max", FIELDS(KIND(TIMER), .regs = REGS(U64_MAX)), true },
	{ "checking far", FIELDS(KIND(RDTSC), .regs = REGS(1ULL << 63)), true },
	{ "checking one", FIELDS(KIND(RDTSC), .regs = { [5] = 1 }), true },
	{ "checking rip", FIELDS(KIND(RDTSC), .rip = 9, .regs = { [KVM_FT_REG_RIP] = 9 }), true },
	{ "checking rflags", FIELDS(KIND(RDTSC), .regs = { [KVM_FT_REG_RFLAGS] = 2 }), true },
	{ "checking longest", FIELDS(KIND(EVENT), .regs = REGS(1), .tag = U32_MAX,
				     .payload_len = KVM_FT_PAYLOAD_MAX), true },
	{ "checking mark", FIELDS(KIND(MARK)), true },
};

KUNIT_ARRAY_PARAM_DESC(valid, valid_cases, name);

static struct kvm_ft_entry prepare(struct kunit *test)
{
	const struct entry_case *p = test->param_value;
	struct codec_test *t = test->priv;
	struct kvm_ft_entry e = p->e;

	set_checking(t, p->checking);
	if (e.payload_len)
		e.payload = t->payload;
	return e;
}

static void codec_edge_values(struct kunit *test)
{
	struct kvm_ft_entry e = prepare(test);

	round_trip(test, &e);
	/* Once more at the same place: predicted, where there is prediction. */
	round_trip(test, &e);
	round_trip(test, &e);
}

/* Any shorter input or output is refused, and changes nothing. */
static void codec_truncation(struct kunit *test)
{
	struct codec_test *t = test->priv;
	struct kvm_ft_entry e = prepare(test), out;
	int len, cut, pass;

	for (pass = 0; pass < 2; pass++) {
		t->saved = t->enc;
		len = kvm_ft_codec_encode(&t->enc, &e, t->buf, sizeof(t->buf));
		KUNIT_ASSERT_GT(test, len, 0);
		for (cut = 0; cut < len; cut++) {
			KUNIT_ASSERT_EQ(test, kvm_ft_codec_decode(&t->dec, t->buf, cut, &out),
					-ENODATA);
			KUNIT_ASSERT_EQ(test, kvm_ft_codec_encode(&t->dec, &e, t->again, cut),
					-EMSGSIZE);
			KUNIT_ASSERT_MEMEQ(test, &t->dec, &t->saved, sizeof(t->dec));
		}
		KUNIT_EXPECT_EQ(test, t->again[0], 0);
		KUNIT_ASSERT_EQ(test, kvm_ft_codec_decode(&t->dec, t->buf, len, &out), len);
	}
}

/* Entries that break one rule each */

static const struct entry_case invalid_cases[] = {
	{ "kind 0", FIELDS(.kind = 0) },
	{ "kind 7", FIELDS(.kind = 7) },
	{ "kind 18", FIELDS(.kind = 18) },
	{ "kind 40", FIELDS(.kind = 40) },
	{ "kind 63", FIELDS(.kind = 63) },
	{ "kind 64", FIELDS(.kind = 64) },
	{ "kind 255", FIELDS(.kind = 255) },
	{ "unknown flag", FIELDS(KIND(TIMER), .flags = 0x02) },
	{ "rcx flag in rdtsc", FIELDS(KIND(RDTSC), .flags = KVM_FT_ENTRY_RCX) },
	{ "rcx flag in mark", FIELDS(KIND(MARK), .flags = KVM_FT_ENTRY_RCX) },
	{ "rcx without flag", FIELDS(KIND(TIMER), .rcx = 1) },
	{ "rip in mark", FIELDS(KIND(MARK), .rip = 1) },
	{ "tmcct of 33 bits", FIELDS(KIND(LAPIC_TMCCT), .value = 1ULL << 32) },
	{ "exit of 33 bits", FIELDS(KIND(EXIT), .value = 1ULL << 32) },
	{ "breakpoint of 5 bits", FIELDS(KIND(BREAKPOINT), .value = 0x10) },
	{ "stop of 33 bits", FIELDS(KIND(STOP), .value = 1ULL << 32) },
	{ "value in timer", FIELDS(KIND(TIMER), .value = 1) },
	{ "value in event", FIELDS(KIND(EVENT), .value = 1) },
	{ "value in mark", FIELDS(KIND(MARK), .value = 1) },
	{ "tag in rdtsc", FIELDS(KIND(RDTSC), .tag = 1) },
	{ "payload in timer", FIELDS(KIND(TIMER), .payload_len = 1) },
	{ "payload too long", FIELDS(KIND(EVENT), .payload_len = KVM_FT_PAYLOAD_MAX + 1) },
	{ "range in rdtsc", FIELDS(KIND(RDTSC), .gfn = 1) },
	{ "pages in timer", FIELDS(KIND(TIMER), .npages = 1) },
	{ "ram hash of nothing", FIELDS(KIND(RAM_HASH)) },
	{ "ram hash too long", FIELDS(KIND(RAM_HASH), .npages = KVM_FT_GFN_LIMIT + 1) },
	{ "ram hash beyond end", FIELDS(KIND(RAM_HASH), .gfn = KVM_FT_GFN_LIMIT - 1,
					.npages = 2) },
	{ "ram hash wraps", FIELDS(KIND(RAM_HASH), .gfn = U64_MAX, .npages = 1) },
};

KUNIT_ARRAY_PARAM_DESC(invalid, invalid_cases, name);

static void expect_refused(struct kunit *test, const struct kvm_ft_entry *e)
{
	struct codec_test *t = test->priv;

	t->saved = t->enc;
	KUNIT_EXPECT_EQ(test, kvm_ft_codec_encode(&t->enc, e, t->buf, sizeof(t->buf)),
			-EINVAL);
	KUNIT_EXPECT_MEMEQ(test, &t->enc, &t->saved, sizeof(t->enc));
}

static void codec_refuses(struct kunit *test)
{
	struct kvm_ft_entry e = prepare(test);

	expect_refused(test, &e);
}

static void codec_refuses_missing_payload(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(EVENT), .payload_len = 1 };

	expect_refused(test, &e);
}

static void codec_refuses_going_back(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(RDTSC), .progress = 100 };

	round_trip(test, &e);
	e.progress = 99;
	expect_refused(test, &e);
}

/* Long random sequences */

static const struct {
	const char *name;
	u64 seed;
	bool checking;
} seeds[] = {
	{ "seed 1", 1, false }, { "seed 2", 2, false }, { "seed 3", 3, false },
	{ "seed 4 checking", 4, true }, { "seed 5 checking", 5, true },
};

KUNIT_ARRAY_PARAM_DESC(seed, seeds, name);

static void codec_random_entries(struct kunit *test)
{
	const typeof(seeds[0]) *p = test->param_value;
	struct codec_test *t = test->priv;
	struct kvm_ft_entry e;
	int i;

	set_checking(t, p->checking);
	test_guest_init(&t->guest, p->seed, p->checking);
	for (i = 0; i < 5000; i++) {
		if (!random_below(&t->guest.seed, 1000)) {
			kvm_ft_codec_reset(&t->enc);
			kvm_ft_codec_reset(&t->dec);
		}
		test_guest_any(&t->guest, &e);
		round_trip(test, &e);
	}
	KUNIT_EXPECT_EQ(test, t->dec.ordinal, 5000ULL);
}

/* What decodes encodes to the same bytes; what does not changes nothing. */
static bool check_bytes(struct kunit *test, const u8 *buf, size_t len)
{
	struct codec_test *t = test->priv;
	struct kvm_ft_entry e;
	int used, again;

	t->saved = t->dec;
	used = kvm_ft_codec_decode(&t->dec, buf, len, &e);
	if (used < 0) {
		KUNIT_EXPECT_TRUE(test, used == -ENODATA || used == -EBADMSG);
		KUNIT_EXPECT_MEMEQ(test, &t->dec, &t->saved, sizeof(t->dec));
		return false;
	}
	KUNIT_ASSERT_LE(test, (size_t)used, len);
	again = kvm_ft_codec_encode(&t->saved, &e, t->again, sizeof(t->again));
	KUNIT_ASSERT_EQ(test, again, used);
	KUNIT_EXPECT_MEMEQ(test, t->again, buf, used);
	KUNIT_EXPECT_MEMEQ(test, &t->dec, &t->saved, sizeof(t->dec));
	return true;
}

static void codec_random_bytes(struct kunit *test)
{
	const typeof(seeds[0]) *p = test->param_value;
	struct codec_test *t = test->priv;
	int i, decoded = 0;
	u64 seed = p->seed;

	set_checking(t, p->checking);
	for (i = 0; i < 20000; i++) {
		u8 buf[48];

		random_bytes(&seed, buf, sizeof(buf));
		if (random_below(&seed, 2))	/* not only predicted ones */
			buf[0] &= 0x3f;
		decoded += check_bytes(test, buf, sizeof(buf));
		if (t->dec.progress > U64_MAX / 2)
			set_checking(t, p->checking);
	}
	KUNIT_EXPECT_GT(test, decoded, 1000);
}

/* Every changed bit gives another entry with its own encoding, or is refused. */
static void codec_changed_bits(struct kunit *test)
{
	const typeof(seeds[0]) *p = test->param_value;
	struct codec_test *t = test->priv;
	struct kvm_ft_entry e;
	int i, bit, len;

	set_checking(t, p->checking);
	test_guest_init(&t->guest, p->seed, p->checking);
	for (i = 0; i < 300; i++) {
		test_guest_any(&t->guest, &e);
		len = kvm_ft_codec_encode(&t->enc, &e, t->buf, sizeof(t->buf));
		KUNIT_ASSERT_GT(test, len, 0);
		t->before = t->dec;
		for (bit = 0; bit < 8 * (len - (int)e.payload_len); bit++) {
			t->buf[bit / 8] ^= 1 << bit % 8;
			if (check_bytes(test, t->buf, len))
				t->dec = t->before;
			t->buf[bit / 8] ^= 1 << bit % 8;
		}
		t->dec = t->enc;
	}
}

/* Other encodings of what has one already, made by hand */

static void expect_bad_bytes(struct kunit *test, const u8 *buf, size_t len)
{
	struct codec_test *t = test->priv;
	struct kvm_ft_entry e;

	t->saved = t->dec;
	KUNIT_EXPECT_EQ(test, kvm_ft_codec_decode(&t->dec, buf, len, &e), -EBADMSG);
	KUNIT_EXPECT_MEMEQ(test, &t->dec, &t->saved, sizeof(t->dec));
}

#define EXPECT_BAD(test, ...) \
	expect_bad_bytes(test, (const u8 []){ __VA_ARGS__ }, \
			 sizeof((const u8 []){ __VA_ARGS__ }))

static void codec_nothing_predicted(struct kunit *test)
{
	EXPECT_BAD(test, 0x80);
	EXPECT_BAD(test, 0x40, 0);
}

static void codec_unknown_heads(struct kunit *test)
{
	u8 buf[32] = {};

	for (buf[0] = 0; buf[0] < KVM_FT_KIND_LIMIT; buf[0]++)
		if (!kvm_ft_kind_name(buf[0]))
			expect_bad_bytes(test, buf, sizeof(buf));
}

/* Refused at once, not when so many bytes have arrived. */
static void codec_payload_too_long(struct kunit *test)
{
	EXPECT_BAD(test, KVM_FT_KIND_EVENT, 0, 0, 0, 0x81, 0x80, 0x04);
}

/* The same RIP and distance each time: predicted when it was seen three times. */
static void codec_form_is_unique(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(RDTSC), .rip = 2, .value = 7 };
	int i;

	for (i = 0; i < 3; i++) {
		e.progress += 5;
		KUNIT_EXPECT_EQ(test, round_trip(test, &e), 4);
	}
	EXPECT_BAD(test, KVM_FT_KIND_RDTSC, 0, 5, 0);	/* should be SHORT */
	EXPECT_BAD(test, KVM_FT_KIND_RDTSC, 0, 4, 0);	/* should be MEDIUM */
	EXPECT_BAD(test, 0x45, 0);			/* should be SHORT */
	e.progress += 5;
	KUNIT_EXPECT_EQ(test, round_trip(test, &e), 1);
}

/* The nearest region, the first of those equally near. */
static void codec_region_is_unique(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(TIMER), .rip = 0x40 };

	EXPECT_BAD(test, KVM_FT_KIND_TIMER, 0x20, 0);	/* region 1, the same as 0 */
	round_trip(test, &e);
	EXPECT_BAD(test, KVM_FT_KIND_TIMER, 0x40, 0);	/* 2, the same as 1 */
	EXPECT_BAD(test, KVM_FT_KIND_TIMER, 0x30, 0x08, 0); /* 1, but 0 is nearer */
	e.rip = 0xffffffff81000000;
	round_trip(test, &e);
	e.rip = 0x41;
	KUNIT_EXPECT_EQ(test, round_trip(test, &e), 3);
}

/* A register that is not in the map has not changed; one that is, has. */
static void codec_register_map_is_unique(struct kunit *test)
{
	struct kvm_ft_entry e = { KIND(TIMER), .rip = 0x40, .regs = { 5, 6 } };

	set_checking(test->priv, true);
	e.regs[KVM_FT_REG_RIP] = e.rip;
	/* Kind, RIP (2), progress, map, two differences. */
	KUNIT_EXPECT_EQ(test, round_trip(test, &e), 7);
	e.regs[KVM_FT_REG_RFLAGS] = 0x246;
	/* RIP takes one byte now; one difference, of two bytes. */
	KUNIT_EXPECT_EQ(test, round_trip(test, &e), 6);
	EXPECT_BAD(test, KVM_FT_KIND_TIMER, 0, 0, 0x02, 0);	/* RAX, by 0 */
	EXPECT_BAD(test, KVM_FT_KIND_TIMER, 0, 0, 0x80, 0x80, 0x10, 2); /* an 19th */
	KUNIT_EXPECT_EQ(test, round_trip(test, &e), 4);
}

static void codec_wraps(struct kunit *test)
{
	static const u8 back[] = { KVM_FT_KIND_MARK, 0xff, 0xff, 0xff, 0xff, 0xff,
				   0xff, 0xff, 0xff, 0xff, 0x01 };
	struct kvm_ft_entry e = { KIND(MARK), .progress = 1 };

	round_trip(test, &e);
	expect_bad_bytes(test, back, sizeof(back));
}

static struct kunit_case codec_cases[] = {
	KUNIT_CASE_PARAM(codec_edge_values, valid_gen_params),
	KUNIT_CASE_PARAM(codec_truncation, valid_gen_params),
	KUNIT_CASE_PARAM(codec_refuses, invalid_gen_params),
	KUNIT_CASE(codec_refuses_missing_payload),
	KUNIT_CASE(codec_refuses_going_back),
	KUNIT_CASE(codec_nothing_predicted),
	KUNIT_CASE(codec_unknown_heads),
	KUNIT_CASE(codec_payload_too_long),
	KUNIT_CASE(codec_form_is_unique),
	KUNIT_CASE(codec_region_is_unique),
	KUNIT_CASE(codec_register_map_is_unique),
	KUNIT_CASE(codec_wraps),
	KUNIT_CASE_PARAM(codec_random_entries, seed_gen_params),
	KUNIT_CASE_PARAM(codec_random_bytes, seed_gen_params),
	KUNIT_CASE_PARAM(codec_changed_bits, seed_gen_params),
	{}
};

static struct kunit_suite codec_suite = {
	.name = "kvm_ft_codec",
	.init = codec_test_init,
	.test_cases = codec_cases,
};

kunit_test_suite(codec_suite);
