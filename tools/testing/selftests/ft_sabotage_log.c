// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sabotage of the log: one byte of it, its end, the header of another machine's.
 * Each is found before anything of the damaged part is replayed, and the good log
 * replays as before.
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
#include <errno.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "random.h"
#include "sabotage.h"
#include "session.h"

FIXTURE(sabotage_log) {
	struct sabotage s;
};

FIXTURE_VARIANT(sabotage_log) {
	int unchecked;
};

FIXTURE_VARIANT_ADD(sabotage_log, checking) {
};

FIXTURE_VARIANT_ADD(sabotage_log, not_checking) {
	.unchecked = 1,
};

FIXTURE_SETUP(sabotage_log)
{
	sabotage_begin(&self->s, variant->unchecked);
	ASSERT_LT(sabotage_few_entries(), self->s.log.nr);
}

FIXTURE_TEARDOWN(sabotage_log)
{
	const char *difference = sabotage_end(&self->s);

	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
}

/* A block with its header, in a log of bytes. */
struct block {
	size_t begin;
	size_t end;
	unsigned int first;	/* entry in it */
	unsigned int entries;
};

#define PER_BLOCK	7

/* The log's blocks; the closing one comes last. */
static unsigned int find_blocks(const struct log_copy *log, struct block *blocks,
				unsigned int most)
{
	static struct kvm_ft_log_header header;
	unsigned int n = 0, first = 0;
	size_t at;

	at = kvm_ft_log_header_decode(&header, log->bytes, log->size);
	while (at < log->size && n < most) {
		struct block *b = &blocks[n++];

		b->begin = at;
		b->end = at + kvm_ft_block_size(log->bytes + at);
		b->first = first;
		b->entries = kvm_ft_get_le32(log->bytes + at + 24);
		first += b->entries;
		at = b->end;
	}
	return n;
}

/**
 * struct split - the log in small blocks
 * @log: its bytes and entries
 * @block: where they are
 * @nr: how many, with the closing one
 */
struct split {
	struct log_copy log;
	struct block block[64];
	unsigned int nr;
};

static void split_log(const struct log_copy *log, struct split *s)
{
	int file = log_copy_write(log, PER_BLOCK);

	log_copy_read(&s->log, file);
	close(file);
	s->nr = find_blocks(&s->log, s->block, ARRAY_SIZE(s->block));
}

/* The first @size bytes, one bit of them flipped, are replayed. */
static uint32_t replay_damaged(struct sabotage *sabotage, const struct split *s,
			       size_t size, size_t at)
{
	uint32_t last;
	int file;

	s->log.bytes[at] ^= 1 << sabotage->plan.bit;
	file = log_bytes_write(s->log.bytes, size);
	s->log.bytes[at] ^= 1 << sabotage->plan.bit;
	last = sabotage_replay(sabotage, file);
	close(file);
	return last;
}

/* All blocks before the damaged one are replayed, nothing of it is. */
TEST_F(sabotage_log, damaged_blocks)
{
	struct split s;
	unsigned int i;

	split_log(&self->s.log, &s);
	for (i = 0; i < self->s.choices; i++) {
		unsigned int n = random_between(&self->s.random, 0, s.nr - 1);
		const struct block *b = &s.block[n];
		size_t at = random_between(&self->s.random, b->begin, b->end - 1);
		uint32_t last;

		self->s.plan.bit = random_between(&self->s.random, 0, 7);
		last = replay_damaged(&self->s, &s, s.log.size, at);
		EXPECT_EQ(b->first, self->s.r.status.entries);
		if (n == s.nr - 1) {
			EXPECT_EQ(KVM_FT_EXIT_END, last);
			EXPECT_EQ(KVM_FT_END_TORN, self->s.r.status.log_end);
			EXPECT_EQ(NULL, replay_difference(&self->s.r));
		} else {
			EXPECT_EQ(0, last);
			EXPECT_EQ(KVM_FT_STATE_FAILED, self->s.r.status.state);
			EXPECT_EQ(EBADMSG, self->s.r.status.error);
		}
		guest_destroy(&self->s.r.guest);
	}
	log_copy_free(&s.log);
}

/* The recorder died, or its disk had not written all: replay goes as far as it can. */
TEST_F(sabotage_log, torn_log)
{
	struct split s;
	unsigned int i;

	split_log(&self->s.log, &s);
	for (i = 0; i < self->s.choices; i++) {
		unsigned int n = random_between(&self->s.random, 0, s.nr - 2);
		const struct block *b = &s.block[n];
		size_t at = random_between(&self->s.random, b->begin, b->end - 1);
		size_t size = i % 2 ? at + 1 : s.block[s.nr - 1].begin;

		self->s.plan.bit = random_between(&self->s.random, 0, 7);
		EXPECT_EQ(KVM_FT_EXIT_END, replay_damaged(&self->s, &s, size, at));
		EXPECT_EQ(KVM_FT_END_TORN, self->s.r.status.log_end);
		EXPECT_EQ(b->first, self->s.r.status.entries);
		guest_destroy(&self->s.r.guest);
	}
	log_copy_free(&s.log);
}

/* KVM_FT_START of a replay; its error. */
static int start_error(int session, int log, struct kvm_ft_start *start)
{
	struct kvm_ft_log set = { .fd = log };

	*start = (struct kvm_ft_start){ .role = KVM_FT_REPLAY };
	if (ioctl(session, KVM_FT_SET_LOG, &set))
		err(1, "KVM_FT_SET_LOG");
	return ioctl(session, KVM_FT_START, start) ? errno : 0;
}

/* Every byte of the header and of the block behind it: the guest never runs. */
TEST_F(sabotage_log, every_byte_at_the_beginning)
{
	struct kvm_ft_start start;
	struct kvm_ft_status st;
	struct kvm_ft_run run;
	struct split s;
	struct guest g;
	size_t at;

	split_log(&self->s.log, &s);
	guest_create_irqchip(&g, SABOTAGE_MEM);
	for (at = 0; at < s.block[0].end; at++) {
		int session = session_create(&g, "test"), file, error;

		s.log.bytes[at] ^= 1 << at % 8;
		file = log_bytes_write(s.log.bytes, s.log.size);
		s.log.bytes[at] ^= 1 << at % 8;
		error = start_error(session, file, &start);
		if (at < s.block[0].begin) {
			EXPECT_TRUE(error == EBADMSG || error == EPROTONOSUPPORT)
				TH_LOG("byte %zu: error %d", at, error);
		} else {
			EXPECT_EQ(0, error);
			EXPECT_EQ(-1, ioctl(session, KVM_FT_RUN, &run));
			EXPECT_EQ(EIO, errno);
			EXPECT_EQ(0, ioctl(session, KVM_FT_STATUS, &st));
			EXPECT_EQ(KVM_FT_STATE_FAILED, st.state);
			EXPECT_EQ(EBADMSG, st.error);
			EXPECT_EQ(0, st.entries);
		}
		close(session);
		close(file);
	}
	guest_destroy(&g);
	log_copy_free(&s.log);
}

static void other_version(struct kvm_ft_log_header *h)
{
	h->ft_version++;
}

static void other_paging(struct kvm_ft_log_header *h)
{
	h->flags ^= KVM_FT_LOG_NESTED;
}

static void other_counter(struct kvm_ft_log_header *h)
{
	h->counter = KVM_FT_COUNTER_COND_BRANCHES;
}

static void other_vendor(struct kvm_ft_log_header *h)
{
	memcpy(h->cpu_vendor, "GenuineIntel", 12);
}

static void other_model(struct kvm_ft_log_header *h)
{
	h->cpu_model++;
}

static void other_stepping(struct kvm_ft_log_header *h)
{
	h->cpu_stepping++;
}

static void other_features(struct kvm_ft_log_header *h)
{
	h->cpu_features ^= 1;
}

static void other_cpuid(struct kvm_ft_log_header *h)
{
	h->cpuid_hash ^= 1ULL << 63;
}

static void other_tsc(struct kvm_ft_log_header *h)
{
	h->tsc_khz++;
}

static void other_memory(struct kvm_ft_log_header *h)
{
	h->slot[0].size += 4096;
}

static void other_slot(struct kvm_ft_log_header *h)
{
	h->slot[0].slot++;
}

static void other_kernel(struct kvm_ft_log_header *h)
{
	h->kernel[0] ^= 1;
}

static void other_build(struct kvm_ft_log_header *h)
{
	h->build[0] ^= 1;
}

static const struct other {
	void (*change)(struct kvm_ft_log_header *h);
	uint32_t differs;
} others[] = {
	{ other_version, KVM_FT_DIFFERS_VERSION },
	{ other_paging, KVM_FT_DIFFERS_PAGING },
	{ other_counter, KVM_FT_DIFFERS_COUNTER },
	{ other_vendor, KVM_FT_DIFFERS_CPU_VENDOR },
	{ other_model, KVM_FT_DIFFERS_CPU_MODEL },
	{ other_stepping, KVM_FT_DIFFERS_CPU_MODEL },
	{ other_features, KVM_FT_DIFFERS_CPU_FEATURES },
	{ other_cpuid, KVM_FT_DIFFERS_CPUID },
	{ other_tsc, KVM_FT_DIFFERS_TSC },
	{ other_memory, KVM_FT_DIFFERS_MEMORY },
	{ other_slot, KVM_FT_DIFFERS_MEMORY },
	{ other_kernel, KVM_FT_DIFFERS_KERNEL },
	{ other_build, KVM_FT_DIFFERS_BUILD },
};

/* Refused by name, before anything runs; the session can then have the right one. */
TEST_F(sabotage_log, other_machines)
{
	struct kvm_ft_start start;
	struct guest g;
	size_t i;

	guest_create_irqchip(&g, SABOTAGE_MEM);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		int session = session_create(&g, "test"), file;
		struct log_copy other = self->s.log;

		others[i].change(&other.header);
		file = log_copy_write(&other, 0);
		EXPECT_EQ(EPERM, start_error(session, file, &start));
		EXPECT_EQ(KVM_FT_REFUSED_LOG, start.reason);
		EXPECT_EQ(others[i].differs, start.differs)
			TH_LOG("other machine %zu", i);
		EXPECT_EQ(0, start_error(session, self->s.good, &start));
		close(file);
		close(session);
	}
	guest_destroy(&g);
}

/* A closed log ends with a stop, and nothing else is behind that. */
TEST_F(sabotage_log, dropped_end)
{
	struct log_copy less = self->s.log;
	int file;

	less.nr--;
	file = log_copy_write(&less, 0);
	EXPECT_EQ(0, sabotage_replay(&self->s, file));
	EXPECT_EQ(KVM_FT_STATE_FAILED, self->s.r.status.state);
	EXPECT_EQ(EBADMSG, self->s.r.status.error);
	EXPECT_EQ(less.nr, self->s.r.status.entries);
	guest_destroy(&self->s.r.guest);
	close(file);
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
