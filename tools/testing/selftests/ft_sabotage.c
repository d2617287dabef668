// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sabotage: one bit of RAM, one register, one byte of the log, an entry dropped
 * or two swapped, a log of another machine.  Each is found at the first entry
 * that it can affect, the status has that entry, and the good log replays as
 * before.
 *
 * Each round of the guest folds a buffer and most of its registers, a handler's
 * traces included, into a number, and goes round a loop that often: what changes
 * one bit of them changes the progress at the RDTSC that follows.
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
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "counter.h"
#include "kselftest_harness.h"
#include "log_copy.h"
#include "program.h"
#include "random.h"
#include "replay.h"
#include "session.h"

#define MEM		0x120000UL	/* little, since each hash covers it all */
#define ROUNDS		24
#define BUFFER		0x110000
#define BUFFER_SIZE	512
#define PORT_ROUND	0x11
#define EVENT_VECTOR	0x50
#define EVENT_HANDLER	0x21000
#define HASH_INTERVAL	200000
/* Whatever a guest astray asks of the VMM, it does not go on like that for ever. */
#define MOST_EXITS	100000

/* R8 to R11, R13 and R14 are part of what is folded. */
GUEST_CODE(start, "mov $24, %ebp\n" APIC_ON APIC_ONCE(30000) "sti\n");
GUEST_CODE(rounds,
	   "1: out %al, $0x11\n"
	   "xor %ebx, %ebx; mov $0x110000, %esi; mov $64, %ecx\n"
	   "2: xor (%rsi), %rbx; add $8, %rsi; dec %ecx; jnz 2b\n"
	   "xor %r8, %rbx; xor %r9, %rbx; xor %r10, %rbx; xor %r11, %rbx\n"
	   "xor %r13, %rbx; xor %r14, %rbx\n"
	   "mov %rbx, %rax; shr $32, %rax; xor %eax, %ebx\n"
	   "mov %ebx, %ecx; shr $16, %ecx; xor %ebx, %ecx; movzwl %cx, %ecx\n"
	   "mov %ecx, %eax; shr $14, %eax; xor %eax, %ecx; and $0x3fff, %ecx\n"
	   "3: nop; nop; nop; nop; nop; dec %ecx; jns 3b\n"
	   "rdtsc; mov %eax, (%r12); add $4, %r12; xor %rax, %r8\n"
	   "dec %ebp; jnz 1b\n"
	   "rdtsc; cli; out %al, $0x10\n");
GUEST_CODE(timer,
	   "incq 0x118000; push %rax; mov 8(%rsp), %rax; rol $7, %r9; xor %rax, %r9; pop %rax\n"
	   APIC_AGAIN(30000) APIC_EOI "iretq\n");
GUEST_CODE(event, "inc %r10; push %r10; pop %r10\n" APIC_EOI "iretq\n");

/**
 * struct plan - what is done to the guest on the replay's side
 * @act: what; NULL for nothing
 * @round: when
 * @where: address, or number of a register
 * @bit: which bit of it
 * @seen: rounds so far
 * @exits: exits to the VMM so far
 * @entries: consumed when it was done
 */
struct plan {
	void (*act)(struct replay *r);
	unsigned int round;
	uint64_t where;
	unsigned int bit;
	unsigned int seen;
	unsigned int exits;
	uint64_t entries;
};

static void set_up(struct replay *r)
{
	const struct program p = {
		guest_code_of(start), guest_code_of(rounds), guest_code_of(timer),
	};

	program_load(&r->guest, &p);
	guest_put(&r->guest, EVENT_HANDLER, guest_code_of(event));
	guest_set_handler(&r->guest, EVENT_VECTOR, EVENT_HANDLER);
}

static void happen(struct replay *r, uint32_t tag, uint64_t data)
{
	uint64_t *buffer = (uint64_t *)(r->guest.mem + BUFFER);

	buffer[tag % (BUFFER_SIZE / 8)] ^= data;
	guest_interrupt(&r->guest, EVENT_VECTOR);
}

static void on_landmark(struct replay *r, const struct kvm_ft_data *event)
{
	struct plan *p = r->context;
	uint64_t random = p->seen, data;

	if (event) {
		happen(r, event->tag, *(uint64_t *)(unsigned long)event->data);
		return;
	}
	data = random_next(&random);
	replay_event(r, p->seen, &data, sizeof(data));
	happen(r, p->seen, data);
}

static uint64_t entries_so_far(struct replay *r)
{
	struct kvm_ft_status st;

	if (ioctl(r->session, KVM_FT_STATUS, &st))
		err(1, "KVM_FT_STATUS");
	return st.entries;
}

static void on_exit_to_vmm(struct replay *r)
{
	const struct kvm_run *run = r->guest.run;
	struct plan *p = r->context;

	if (++p->exits > MOST_EXITS)
		errx(1, "the guest is astray, and is not found");
	if (run->exit_reason != KVM_EXIT_IO || run->io.port != PORT_ROUND)
		return;
	p->seen++;
	if (r->role == KVM_FT_RECORD && p->seen % 4 == 2)
		replay_kick(r);
	if (r->role == KVM_FT_REPLAY && p->act && p->seen == p->round) {
		p->entries = entries_so_far(r);
		p->act(r);
	}
}

static unsigned long from_environment(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value ? strtoul(value, NULL, 0) : otherwise;
}

FIXTURE(sabotage) {
	struct replay r;
	struct plan plan;
	struct log_copy log;
	int good;
	uint64_t random;
	unsigned int choices;
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
	struct replay *r = &self->r;

	self->random = from_environment("KVM_FT_TEST_SEED", 1);
	self->choices = from_environment("KVM_FT_TEST_CHOICES", 16);
	TH_LOG("KVM_FT_TEST_SEED=%lu, %u choices", self->random, self->choices);
	*r = (struct replay){
		.mem_size = MEM, .set_up = set_up, .on_exit = on_exit_to_vmm,
		.on_landmark = on_landmark, .context = &self->plan, .may_fail = 1,
		.unchecked = variant->unchecked,
		.ram_hash_interval = variant->unchecked ? 0 : HASH_INTERVAL,
	};
	replay_set_skid(0);
	replay_record(r);
	self->good = r->log;
	log_copy_read(&self->log, self->good);
	ASSERT_LT(2 * ROUNDS, self->log.nr);
}

/* Replays a log with the plan; the VM stays. */
static uint32_t replay(FIXTURE_DATA(sabotage) * self, int log)
{
	self->plan.seen = 0;
	self->plan.exits = 0;
	self->plan.entries = 0;
	self->r.log = log;
	return replay_replay(&self->r);
}

static void expect_same(struct __test_metadata *_metadata, FIXTURE_DATA(sabotage) * self,
			uint32_t last)
{
	const char *difference = replay_difference(&self->r);

	EXPECT_EQ(KVM_FT_EXIT_END, last)
		TH_LOG("%s", self->r.status.what);
	EXPECT_EQ(KVM_FT_END_COMPLETE, self->r.status.log_end);
	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
}

/* Nothing of all that is left behind. */
FIXTURE_TEARDOWN(sabotage)
{
	uint32_t last;

	self->plan.act = NULL;
	last = replay(self, self->good);
	expect_same(_metadata, self, last);
	replay_release(&self->r);
	log_copy_free(&self->log);
	replay_set_skid(-1);
}

/* The replay diverged from @log at one of its entries @first to @last. */
static void expect_diverged(struct __test_metadata *_metadata, FIXTURE_DATA(sabotage) * self,
			    const struct log_copy *log, unsigned int first,
			    unsigned int last)
{
	const struct kvm_ft_status *st = &self->r.status;
	const struct plan *p = &self->plan;
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
	const struct plan *p = r->context;

	r->guest.mem[p->where] ^= 1 << p->bit;
}

static void plan_ram(FIXTURE_DATA(sabotage) * self, uint64_t first, uint64_t size)
{
	self->plan.act = flip_ram;
	self->plan.round = random_between(&self->random, 1, ROUNDS);
	self->plan.where = random_between(&self->random, first, first + size - 1);
	self->plan.bit = random_between(&self->random, 0, 7);
}

/* What the guest reads before its next RDTSC. */
TEST_F(sabotage, ram_in_use)
{
	unsigned int i;

	for (i = 0; i < self->choices; i++) {
		plan_ram(self, BUFFER, BUFFER_SIZE);
		EXPECT_EQ(KVM_FT_EXIT_DIVERGED, replay(self, self->good));
		expect_diverged(_metadata, self, &self->log, self->plan.entries,
				next_sync(&self->log, self->plan.entries));
		guest_destroy(&self->r.guest);
	}
}

/*
 * Page tables and code too: whatever comes of it, the next hash is not passed.
 * Without hashes only what the guest notices is found.
 */
TEST_F(sabotage, ram_anywhere)
{
	unsigned int i, unharmed = 0;

	for (i = 0; i < self->choices; i++) {
		uint32_t last;

		plan_ram(self, i % 4 ? 0 : GUEST_PAGE_TABLES, i % 4 ? MEM : 0x20000);
		last = replay(self, self->good);
		if (last != KVM_FT_EXIT_END) {
			EXPECT_EQ(KVM_FT_EXIT_DIVERGED, last);
			expect_diverged(_metadata, self, &self->log, self->plan.entries,
					variant->unchecked ? self->log.nr :
					next_hash(&self->log, self->plan.entries));
		} else if (!variant->unchecked) {
			/* The guest wrote there before it was looked at. */
			EXPECT_EQ(NULL, replay_difference(&self->r));
			unharmed++;
		}
		guest_destroy(&self->r.guest);
	}
	EXPECT_GE(self->choices / 4, unharmed);
}

/* In the order of kvm_ft_position.regs, which begins as struct kvm_regs does. */
static void flip_register(struct replay *r)
{
	const struct plan *p = r->context;
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

static void plan_register(FIXTURE_DATA(sabotage) * self, int unchecked)
{
	struct plan *p = &self->plan;

	p->act = flip_register;
	p->round = random_between(&self->random, 1, ROUNDS);
	p->bit = random_between(&self->random, 0, 63);
	p->where = random_between(&self->random, 0, KVM_FT_NR_REGS - 1);
	if (unchecked)
		p->where = folded[random_next(&self->random) % ARRAY_SIZE(folded)];
}

TEST_F(sabotage, registers)
{
	unsigned int i;

	for (i = 0; i < self->choices; i++) {
		uint32_t last;

		plan_register(self, variant->unchecked);
		last = replay(self, self->good);
		if (last == KVM_FT_EXIT_END && is_dead(self->plan.where)) {
			EXPECT_EQ(NULL, replay_difference(&self->r));
		} else {
			EXPECT_EQ(KVM_FT_EXIT_DIVERGED, last);
			expect_diverged(_metadata, self, &self->log, self->plan.entries,
					next_telling(&self->log, self->plan.entries));
		}
		guest_destroy(&self->r.guest);
	}
}

/* Replays what was made of the log. */
static void expect_told(struct __test_metadata *_metadata, FIXTURE_DATA(sabotage) * self,
			const struct log_copy *changed, unsigned int first, unsigned int last)
{
	int file = log_copy_write(changed, 0);

	replay(self, file);
	expect_diverged(_metadata, self, changed, first, last);
	guest_destroy(&self->r.guest);
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

	for (i = 0; i < self->choices; i++) {
		struct log_copy less = copy_of(&self->log);
		const struct kvm_ft_entry *e;

		/* Not the last one, an RDTSC: something has to come after it. */
		chosen = random_between(&self->random, 0, next_hash(&less, less.nr) - 4);
		e = &self->log.entries[chosen];
		if (e->kind == KVM_FT_KIND_RAM_HASH || e->kind == KVM_FT_KIND_MARK) {
			free(less.entries);
			continue;
		}
		less.nr--;
		memmove(&less.entries[chosen], &less.entries[chosen + 1],
			(less.nr - chosen) * sizeof(*less.entries));
		self->plan.where = chosen;
		self->plan.round = e->kind;
		expect_told(_metadata, self, &less, chosen,
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

	for (i = 0; i < self->choices; i++) {
		struct log_copy other = copy_of(&self->log);
		struct kvm_ft_entry *e;

		chosen = random_between(&self->random, 0, other.nr - 4);
		e = &other.entries[chosen];
		if (e[0].progress != e[1].progress && !log_entries_equal(&e[0], &e[1]) &&
		    e[0].kind != KVM_FT_KIND_MARK && e[1].kind != KVM_FT_KIND_MARK) {
			swap(&e[0], &e[1]);
			self->plan.where = chosen;
			self->plan.round = e[0].kind;
			expect_told(_metadata, self, &other, chosen,
				    next_telling(&other, chosen + 1));
		}
		free(other.entries);
	}
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
static uint32_t replay_damaged(FIXTURE_DATA(sabotage) * self, const struct split *s,
			       size_t size, size_t at)
{
	uint32_t last;
	int file;

	s->log.bytes[at] ^= 1 << self->plan.bit;
	file = log_bytes_write(s->log.bytes, size);
	s->log.bytes[at] ^= 1 << self->plan.bit;
	last = replay(self, file);
	close(file);
	return last;
}

/* All blocks before the damaged one are replayed, nothing of it is. */
TEST_F(sabotage, damaged_blocks)
{
	struct split s;
	unsigned int i;

	split_log(&self->log, &s);
	for (i = 0; i < self->choices; i++) {
		unsigned int n = random_between(&self->random, 0, s.nr - 1);
		const struct block *b = &s.block[n];
		size_t at = random_between(&self->random, b->begin, b->end - 1);
		uint32_t last;

		self->plan.bit = random_between(&self->random, 0, 7);
		last = replay_damaged(self, &s, s.log.size, at);
		EXPECT_EQ(b->first, self->r.status.entries);
		if (n == s.nr - 1) {
			EXPECT_EQ(KVM_FT_EXIT_END, last);
			EXPECT_EQ(KVM_FT_END_TORN, self->r.status.log_end);
			EXPECT_EQ(NULL, replay_difference(&self->r));
		} else {
			EXPECT_EQ(0, last);
			EXPECT_EQ(KVM_FT_STATE_FAILED, self->r.status.state);
			EXPECT_EQ(EBADMSG, self->r.status.error);
		}
		guest_destroy(&self->r.guest);
	}
	log_copy_free(&s.log);
}

/* The recorder died, or its disk had not written all: replay goes as far as it can. */
TEST_F(sabotage, torn_log)
{
	struct split s;
	unsigned int i;

	split_log(&self->log, &s);
	for (i = 0; i < self->choices; i++) {
		unsigned int n = random_between(&self->random, 0, s.nr - 2);
		const struct block *b = &s.block[n];
		size_t at = random_between(&self->random, b->begin, b->end - 1);
		size_t size = i % 2 ? at + 1 : s.block[s.nr - 1].begin;

		self->plan.bit = random_between(&self->random, 0, 7);
		EXPECT_EQ(KVM_FT_EXIT_END, replay_damaged(self, &s, size, at));
		EXPECT_EQ(KVM_FT_END_TORN, self->r.status.log_end);
		EXPECT_EQ(b->first, self->r.status.entries);
		guest_destroy(&self->r.guest);
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
TEST_F(sabotage, every_byte_at_the_beginning)
{
	struct kvm_ft_start start;
	struct kvm_ft_status st;
	struct kvm_ft_run run;
	struct split s;
	struct guest g;
	size_t at;

	split_log(&self->log, &s);
	guest_create_irqchip(&g, MEM);
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
TEST_F(sabotage, other_machines)
{
	struct kvm_ft_start start;
	struct guest g;
	size_t i;

	guest_create_irqchip(&g, MEM);
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		int session = session_create(&g, "test"), file;
		struct log_copy other = self->log;

		others[i].change(&other.header);
		file = log_copy_write(&other, 0);
		EXPECT_EQ(EPERM, start_error(session, file, &start));
		EXPECT_EQ(KVM_FT_REFUSED_LOG, start.reason);
		EXPECT_EQ(others[i].differs, start.differs)
			TH_LOG("other machine %zu", i);
		EXPECT_EQ(0, start_error(session, self->good, &start));
		close(file);
		close(session);
	}
	guest_destroy(&g);
}

/* A closed log ends with a stop, and nothing else is behind that. */
TEST_F(sabotage, dropped_end)
{
	struct log_copy less = self->log;
	int file;

	less.nr--;
	file = log_copy_write(&less, 0);
	EXPECT_EQ(0, replay(self, file));
	EXPECT_EQ(KVM_FT_STATE_FAILED, self->r.status.state);
	EXPECT_EQ(EBADMSG, self->r.status.error);
	EXPECT_EQ(less.nr, self->r.status.entries);
	guest_destroy(&self->r.guest);
	close(file);
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
