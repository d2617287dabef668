/* SPDX-License-Identifier: GPL-2.0-only */
/* Logs to test with: a header, and a guest that never runs out of entries. */
#ifndef KVM_FT_REPLAY_TEST_GUEST_H
#define KVM_FT_REPLAY_TEST_GUEST_H

#include "log.h"

/* A repeatable sequence of numbers; any seed will do. */
static inline u64 random_u64(u64 *seed)
{
	u64 z = *seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ z >> 27) * 0x94d049bb133111ebULL;
	return z ^ z >> 31;
}

/* From 0 to @limit - 1. */
static inline u32 random_below(u64 *seed, u32 limit)
{
	return (u32)random_u64(seed) % limit;
}

/* Of random length: from one bit to 64. */
static inline u64 random_length(u64 *seed)
{
	return random_u64(seed) >> random_below(seed, 64);
}

static inline void random_bytes(u64 *seed, u8 *buf, size_t len)
{
	while (len--)
		*buf++ = random_u64(seed);
}

/* A header that a host might write. */
static inline void test_header(struct kvm_ft_log_header *h)
{
	static const struct kvm_ft_log_header example = {
		.ft_version = 3,
		.counter = KVM_FT_COUNTER_COND_BRANCHES,
		.session_id = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
		.generation = 2,
		.tsc_khz = 2994374,
		.cpu_vendor = { 'A', 'u', 't', 'h', 'e', 'n', 't', 'i', 'c', 'A', 'M', 'D' },
		.cpu_family = 0x19,
		.cpu_model = 0x21,
		.cpu_stepping = 2,
		.cpu_features = 0x0123456789abcdef,
		.cpuid_hash = 0xfedcba9876543210,
		.kernel = "6.12.0-test",
		.build = "da39a3ee5e6b4b0d3255bfef95601890afd80709",
		.guest = "web server 1",
		.nr_slots = 3,
		.slot = {
			{ .gpa = 0, .size = 0xa0000 },
			{ .gpa = 0xf0000, .size = 0x10000, .slot = 7,
			  .flags = KVM_FT_LOG_SLOT_READONLY },
			{ .gpa = 0x100000, .size = 0x7ff00000, .slot = 1 },
		},
	};

	*h = example;
}

/* A guest with few exiting instructions, as a source of entries. */
struct test_guest {
	u64 seed;
	u64 progress;
	u64 tsc;
	u64 regs[KVM_FT_NR_REGS];
	bool checking;
	u8 payload[256];
};

static const u64 test_rips[] = {
	0xffffffff81000000, 0xffffffff81000010, 0xffffffff81234567,
	0xffffffffc0100000, 0x00007f0012345678, 0x0000000000401000, 0, ~0ULL,
};

static inline void test_guest_init(struct test_guest *g, u64 seed, bool checking)
{
	memset(g, 0, sizeof(*g));
	g->seed = seed;
	g->checking = checking;
	random_bytes(&g->seed, g->payload, sizeof(g->payload));
}

/* A few registers have changed; at times all of them. */
static inline void test_guest_registers(struct test_guest *g, struct kvm_ft_entry *e)
{
	u64 *seed = &g->seed;
	u32 n = random_below(seed, 4), i;

	for (i = 0; i < n; i++)
		g->regs[random_below(seed, KVM_FT_NR_REGS)] += random_length(seed);
	if (!random_below(seed, 50))
		for (i = 0; i < KVM_FT_NR_REGS; i++)
			g->regs[i] = random_u64(seed);
	g->regs[KVM_FT_REG_RIP] = random_below(seed, 4) ? e->rip : random_u64(seed);
	memcpy(e->regs, g->regs, sizeof(e->regs));
}

static inline void test_guest_position(struct test_guest *g, struct kvm_ft_entry *e)
{
	u64 *seed = &g->seed;

	/* Mostly the same distance, as in a loop; at times a long one. */
	g->progress += random_below(seed, 8) ? 21 : random_below(seed, 1 << 24);
	e->progress = g->progress;
	if (e->kind == KVM_FT_KIND_MARK)
		return;
	e->rip = test_rips[random_below(seed, ARRAY_SIZE(test_rips))];
	if (kvm_ft_kind_class(e->kind) == KVM_FT_CLASS_ASYNC)
		e->rip += random_below(seed, random_below(seed, 4) ? 0x1000 : 0x400000);
	if (g->checking)
		test_guest_registers(g, e);
}

/* An entry of kind @kind that this guest might well produce. */
static inline void test_guest_entry(struct test_guest *g, u8 kind, struct kvm_ft_entry *e)
{
	u64 *seed = &g->seed;

	memset(e, 0, sizeof(*e));
	e->kind = kind;
	test_guest_position(g, e);
	switch (kind) {
	case KVM_FT_KIND_RDTSC:
	case KVM_FT_KIND_RDTSCP:
	case KVM_FT_KIND_MSR_TSC:
		g->tsc += random_below(seed, 50) ? 1000 + random_below(seed, 100) :
						   random_length(seed);
		e->value = g->tsc;
		break;
	case KVM_FT_KIND_LAPIC_TMCCT:
	case KVM_FT_KIND_EXIT:
	case KVM_FT_KIND_STOP:
		e->value = (u32)random_length(seed);
		break;
	case KVM_FT_KIND_BREAKPOINT:
		e->value = random_below(seed, 16);
		break;
	case KVM_FT_KIND_MSR_TSC_DEADLINE:
		e->value = random_length(seed);
		break;
	case KVM_FT_KIND_RAM_HASH:
		e->value = random_u64(seed);
		e->gfn = random_below(seed, 1 << 20);
		e->npages = 1 + random_below(seed, 1 << 20);
		break;
	case KVM_FT_KIND_VALUE:
	case KVM_FT_KIND_EVENT:
		e->tag = random_length(seed);
		e->payload_len = random_below(seed, sizeof(g->payload) + 1);
		e->payload = e->payload_len ? g->payload : NULL;
		break;
	}
	if (kvm_ft_kind_has_rcx(kind) && random_below(seed, 2)) {
		e->flags = KVM_FT_ENTRY_RCX;
		e->rcx = random_length(seed);
	}
}

/* An entry of any kind, the frequent ones more often. */
static inline void test_guest_any(struct test_guest *g, struct kvm_ft_entry *e)
{
	u8 kind = KVM_FT_KIND_RDTSC;

	if (random_below(&g->seed, 2)) {
		do {
			kind = random_below(&g->seed, KVM_FT_KIND_LIMIT);
		} while (!kvm_ft_kind_name(kind));
	}
	test_guest_entry(g, kind, e);
}

#endif /* KVM_FT_REPLAY_TEST_GUEST_H */
