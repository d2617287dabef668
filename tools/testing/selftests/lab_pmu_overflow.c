// SPDX-License-Identifier: GPL-2.0-only
/*
 * Overflows of random periods arrive within the configured skid: never later,
 * never earlier, and without skid exactly.
 *
 * lab-module: kvm-ft-lab-pmu
 */
#include "counter.h"
#include "guest.h"
#include "kselftest_harness.h"
#include "random.h"

#define PERIODS		50
#define SAMPLES		20
#define SEED		7

GUEST_CODE(spin, "1: dec %rcx; jnz 1b; out %al, $0x10\n");

static void spin(struct guest *g, uint64_t instructions)
{
	struct kvm_regs regs = guest_regs(g);

	regs.rip = GUEST_ENTRY;
	regs.rcx = instructions / 2;
	guest_set_regs(g, &regs);
	guest_run_to_out(g, 0x10);
}

/* The first: nobody has written a seed since the module was loaded. */
TEST(skid_is_drawn_without_a_seed)
{
	const uint64_t period = 10000;
	int64_t first = 0;
	struct sampler s;
	int n, others = 0;
	struct guest g;

	guest_create(&g, 4 << 20);
	guest_load_code(&g, spin);
	lab_pmu_set("skid", 100);
	sampler_open(&s, period);
	spin(&g, (SAMPLES + 1) * period);
	for (n = 1; n <= SAMPLES; n++) {
		uint64_t value;
		int64_t off;

		ASSERT_EQ(1, sampler_next(&s, &value));
		off = value - n * period;
		if (n == 1)
			first = off;
		others += off != first;
	}
	EXPECT_LE(SAMPLES / 2, others);
	sampler_close(&s);
	lab_pmu_set("skid", 0);
	guest_destroy(&g);
}

FIXTURE(overflow) {
	struct guest g;
	uint64_t seed;
};

FIXTURE_VARIANT(overflow) {
	int64_t skid;
};

FIXTURE_VARIANT_ADD(overflow, skid_0) { .skid = 0 };
FIXTURE_VARIANT_ADD(overflow, skid_1) { .skid = 1 };
FIXTURE_VARIANT_ADD(overflow, skid_100) { .skid = 100 };
FIXTURE_VARIANT_ADD(overflow, skid_10000) { .skid = 10000 };

FIXTURE_SETUP(overflow)
{
	self->seed = SEED;
	guest_create(&self->g, 4 << 20);
	guest_load_code(&self->g, spin);
	lab_pmu_set("skid", variant->skid);
	lab_pmu_set("seed", SEED);
}

FIXTURE_TEARDOWN(overflow)
{
	lab_pmu_set("skid", 0);
	guest_destroy(&self->g);
}

TEST_F(overflow, arrives_within_the_skid)
{
	int64_t earliest = 0, latest = 0;
	int i, n;

	for (i = 0; i < PERIODS; i++) {
		/* A period that no skid can swallow. */
		uint64_t period = random_between(&self->seed, 1, 200000) + 2 * variant->skid;
		struct sampler s;
		uint64_t value;

		sampler_open(&s, period);
		spin(&self->g, (SAMPLES + 1) * period);
		for (n = 1; n <= SAMPLES; n++) {
			int64_t off;

			ASSERT_EQ(1, sampler_next(&s, &value))
				TH_LOG("period %lu: overflow %d is missing", period, n);
			off = value - n * period;
			ASSERT_LE(-variant->skid, off)
				TH_LOG("period %lu, overflow %d", period, n);
			ASSERT_GE(variant->skid, off)
				TH_LOG("period %lu, overflow %d", period, n);
			earliest = off < earliest ? off : earliest;
			latest = off > latest ? off : latest;
		}
		sampler_close(&s);
	}

	/* The skid is really drawn from the whole range. */
	EXPECT_GE(-variant->skid / 2, earliest);
	EXPECT_LE(variant->skid / 2, latest);
}

TEST_HARNESS_MAIN
