// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sabotage of the guest and of what the log says: one bit of RAM, one register, an
 * entry dropped or two swapped.  Each is found at the first entry that it can
 * affect, the status has that entry, and the good log replays as before.
 *
 * KVM_FT_TEST_SEED and KVM_FT_TEST_CHOICES (per case) choose other sabotages,
 * and more.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 * lab-timeout: 900
 */
#include <err.h>
#include <stdlib.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "random.h"
#include "sabotage.h"

FIXTURE(sabotage) {
	struct sabotage s;
};

FIXTURE_VARIANT(sabotage) {
	int unchecked;
};

FIXTURE_VARIANT_ADD(sabotage, checking) {
};

FIXTURE_VARIANT_ADD(sabotage, not_checking) {
	.unchecked = 1,
};

FIXTURE_SETUP(sabotage)
{
	sabotage_begin(&self->s, variant->unchecked);
	ASSERT_LT(sabotage_few_entries(), self->s.log.nr);
}

FIXTURE_TEARDOWN(sabotage)
{
	const char *difference = sabotage_end(&self->s);

	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
}

/* The replay diverged from @log at one of its entries @first to @last. */
static void expect_diverged(struct __test_metadata *_metadata, struct sabotage *s,
			    const struct log_copy *log, unsigned int first,
			    unsigned int last)
{
	const struct kvm_ft_status *st = &s->r.status;
	const struct sabotage_plan *p = &s->plan;
	const struct kvm_ft_entry *e;

	ASSERT_EQ(KVM_FT_STATE_DIVERGED, st->state)
		TH_LOG("entry %llu of %u, %s; round %u, where %#lx, bit %u", st->entries,
		       log->nr, st->what, p->round, p->where, p->bit);
	EXPECT_LE(first, st->entries);
	EXPECT_GE(last, st->entries)
		TH_LOG("%s; round %u, where %#lx, bit %u", st->what, p->round, p->where, p->bit);
	ASSERT_GT(log->nr, st->entries);
	e = &log->entries[st->entries];
	EXPECT_EQ(e->kind, st->logged.kind);
	EXPECT_EQ(e->progress, st->logged.progress);
}

/* The first entry from @from on that is a hash of RAM. */
static unsigned int next_hash(const struct log_copy *log, unsigned int from)
{
	while (from < log->nr && log->entries[from].kind != KVM_FT_KIND_RAM_HASH)
		from++;
	return from;
}

static unsigned int next_sync(const struct log_copy *log, unsigned int from)
{
	while (from < log->nr && !log_entry_is_sync(&log->entries[from]))
		from++;
	return from;
}

/* With registers in each entry the next one tells; otherwise progress does. */
static unsigned int next_telling(const struct log_copy *log, unsigned int from)
{
	return log->header.flags & KVM_FT_LOG_CHECKING ? from : next_sync(log, from);
}

static void flip_ram(struct replay *r)
{
	const struct sabotage_plan *p = r->context;

	r->guest.mem[p->where] ^= 1 << p->bit;
}

static void plan_ram(struct sabotage *s, uint64_t first, uint64_t size)
{
	s->plan.act = flip_ram;
	s->plan.round = random_between(&s->random, 1, SABOTAGE_ROUNDS);
	s->plan.where = random_between(&s->random, first, first + size - 1);
	s->plan.bit = random_between(&s->random, 0, 7);
}

/* What the guest reads before its next RDTSC. */
TEST_F(sabotage, ram_in_use)
{
	unsigned int i;

	for (i = 0; i < self->s.choices; i++) {
		plan_ram(&self->s, SABOTAGE_BUFFER, SABOTAGE_BUFFER_SIZE);
		EXPECT_EQ(KVM_FT_EXIT_DIVERGED, sabotage_replay(&self->s, self->s.good));
		expect_diverged(_metadata, &self->s, &self->s.log, self->s.plan.entries,
				next_sync(&self->s.log, self->s.plan.entries));
		guest_destroy(&self->s.r.guest);
	}
}

/*
 * Page tables and code too: whatever comes of it, the next hash is not passed.
 * Without hashes only what the guest notices is found.
 */
TEST_F(sabotage, ram_anywhere)
{
	unsigned int i, unharmed = 0;

	for (i = 0; i < self->s.choices; i++) {
		uint32_t last;

		plan_ram(&self->s, i % 4 ? 0 : GUEST_PAGE_TABLES, i % 4 ? SABOTAGE_MEM : 0x20000);
		last = sabotage_replay(&self->s, self->s.good);
		if (last != KVM_FT_EXIT_END) {
			EXPECT_EQ(KVM_FT_EXIT_DIVERGED, last);
			expect_diverged(_metadata, &self->s, &self->s.log, self->s.plan.entries,
					variant->unchecked ? self->s.log.nr :
					next_hash(&self->s.log, self->s.plan.entries));
		} else if (!variant->unchecked) {
			/* The guest wrote there before it was looked at. */
			EXPECT_EQ(NULL, replay_difference(&self->s.r));
			unharmed++;
		}
		guest_destroy(&self->s.r.guest);
	}
	EXPECT_GE(self->s.choices / 4, unharmed);
}

/* In the order of kvm_ft_position.regs, which begins as struct kvm_regs does. */
static void flip_register(struct replay *r)
{
	const struct sabotage_plan *p = r->context;
	struct kvm_regs regs = guest_regs(&r->guest);

	(&regs.rax)[p->where] ^= 1ULL << p->bit;
	guest_set_regs(&r->guest, &regs);
}

/* Those that are folded. */
static const unsigned int folded[] = { 8, 9, 10, 11, 13, 14 };

/* The guest loads these anew before it comes to its next exit; but RFLAGS in part. */
static int is_dead(unsigned int reg)
{
	return reg <= 4 || reg == KVM_FT_REG_RFLAGS;
}

static void plan_register(struct sabotage *s, int unchecked)
{
	struct sabotage_plan *p = &s->plan;

	p->act = flip_register;
	p->round = random_between(&s->random, 1, SABOTAGE_ROUNDS);
	p->bit = random_between(&s->random, 0, 63);
	p->where = random_between(&s->random, 0, KVM_FT_NR_REGS - 1);
	if (unchecked)
		p->where = folded[random_next(&s->random) % ARRAY_SIZE(folded)];
}

TEST_F(sabotage, registers)
{
	unsigned int i;

	for (i = 0; i < self->s.choices; i++) {
		uint32_t last;

		plan_register(&self->s, variant->unchecked);
		last = sabotage_replay(&self->s, self->s.good);
		if (last == KVM_FT_EXIT_END && is_dead(self->s.plan.where)) {
			EXPECT_EQ(NULL, replay_difference(&self->s.r));
		} else {
			EXPECT_EQ(KVM_FT_EXIT_DIVERGED, last);
			expect_diverged(_metadata, &self->s, &self->s.log, self->s.plan.entries,
					next_telling(&self->s.log, self->s.plan.entries));
		}
		guest_destroy(&self->s.r.guest);
	}
}

/* Replays what was made of the log. */
static void expect_told(struct __test_metadata *_metadata, struct sabotage *s,
			const struct log_copy *changed, unsigned int first, unsigned int last)
{
	int file = log_copy_write(changed, 0);

	sabotage_replay(s, file);
	expect_diverged(_metadata, s, changed, first, last);
	guest_destroy(&s->r.guest);
	close(file);
}

static struct log_copy copy_of(const struct log_copy *log)
{
	struct log_copy copy = *log;

	copy.entries = calloc(log->nr, sizeof(*log->entries));
	if (!copy.entries)
		err(1, "a log's entries");
	memcpy(copy.entries, log->entries, log->nr * sizeof(*log->entries));
	return copy;
}

/* The first entry that is found somewhere else than @e. */
static unsigned int behind(const struct log_copy *log, unsigned int from,
			   const struct kvm_ft_entry *e)
{
	while (from < log->nr && log->entries[from].progress == e->progress)
		from++;
	return from;
}

TEST_F(sabotage, dropped_entries)
{
	unsigned int i, chosen;

	for (i = 0; i < self->s.choices; i++) {
		struct log_copy less = copy_of(&self->s.log);
		const struct kvm_ft_entry *e;

		/* Not the last one, an RDTSC: something has to come after it. */
		chosen = random_between(&self->s.random, 0, next_hash(&less, less.nr) - 4);
		e = &self->s.log.entries[chosen];
		if (e->kind == KVM_FT_KIND_RAM_HASH || e->kind == KVM_FT_KIND_MARK) {
			free(less.entries);
			continue;
		}
		less.nr--;
		memmove(&less.entries[chosen], &less.entries[chosen + 1],
			(less.nr - chosen) * sizeof(*less.entries));
		self->s.plan.where = chosen;
		self->s.plan.round = e->kind;
		expect_told(_metadata, &self->s, &less, chosen,
			    next_telling(&less, behind(&less, chosen, e)));
		free(less.entries);
	}
}

/* What was there, where the other was. */
static void swap(struct kvm_ft_entry *a, struct kvm_ft_entry *b)
{
	struct kvm_ft_entry saved = *a;
	uint64_t progress = b->progress;

	*a = *b;
	a->progress = saved.progress;
	*b = saved;
	b->progress = progress;
}

TEST_F(sabotage, swapped_entries)
{
	unsigned int i, chosen;

	for (i = 0; i < self->s.choices; i++) {
		struct log_copy other = copy_of(&self->s.log);
		struct kvm_ft_entry *e;

		chosen = random_between(&self->s.random, 0, other.nr - 4);
		e = &other.entries[chosen];
		if (e[0].progress != e[1].progress && !log_entries_equal(&e[0], &e[1]) &&
		    e[0].kind != KVM_FT_KIND_MARK && e[1].kind != KVM_FT_KIND_MARK) {
			swap(&e[0], &e[1]);
			self->s.plan.where = chosen;
			self->s.plan.round = e[0].kind;
			expect_told(_metadata, &self->s, &other, chosen,
				    next_telling(&other, chosen + 1));
		}
		free(other.entries);
	}
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
