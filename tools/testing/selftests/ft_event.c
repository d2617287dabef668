// SPDX-License-Identifier: GPL-2.0-only
/*
 * Events of the VMM: what it writes into guest RAM at a landmark, and the
 * interrupt that it raises there, come at the same instruction on replay.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include "kselftest_harness.h"
#include "program.h"
#include "random.h"
#include "replay.h"

#define BUFFER		0x200000
#define BUFFER_SIZE	0x10000
#define EVENTS		50
#define PIN		20

GUEST_CODE(start, "mov $50, %ebp\n" APIC_ON "sti\n");

/* IOAPIC: the low half of a pin's redirection entry is its vector.  Pin 20: no PIC has it. */
GUEST_CODE(start_ioapic,
	   "mov $50, %ebp\n" APIC_ON
	   "mov $0xfec00000, %ebx\n"
	   "movl $0x39, (%rbx); movl $0, 0x10(%rbx)\n"
	   "movl $0x38, (%rbx); movl $0x40, 0x10(%rbx)\n"
	   "sti\n");

/* The sum so far is in RAX, which the handler stores. */
GUEST_CODE(checksum,
	   "1: mov $0x200000, %esi\n"
	   "mov $512, %ecx\n"
	   "2: add (%rsi), %rax; rol $1, %rax; add $8, %rsi\n"
	   "dec %ecx; jnz 2b\n"
	   "jmp 1b\n");

GUEST_CODE(halt, "1: inc %rcx; sti; hlt; cli; jmp 1b\n");

/* Without interrupts: waits for the first word of the buffer to change. */
GUEST_CODE(poll,
	   "cli\n"
	   "1: inc %rcx; mov 0x200000, %rax; cmp %rbx, %rax; je 1b\n"
	   "mov %rax, %rbx\n"
	   "mov %rax, (%r12); mov %rcx, 8(%r12); add $16, %r12\n"
	   "dec %ebp; jnz 1b\n"
	   "out %al, $0x10\n");

GUEST_CODE(handler,
	   PROGRAM_NOTE(0)
	   "mov %rax, (%r12); mov 0x200000, %rdx; mov %rdx, 8(%r12); add $16, %r12\n"
	   APIC_EOI PROGRAM_RETURN);

/* A more important interrupt, which comes at the same landmark; counts by itself. */
#define UPPER_VECTOR	0x80
#define UPPER_HANDLER	0x21000
GUEST_CODE(upper, PROGRAM_NOTE(0) "incq 0x30000\n" APIC_EOI "iretq\n");

static uint64_t random_state;
static uint32_t sizes[] = { 64 };
static const uint32_t odd_sizes[] = { 0, 1, KVM_FT_DATA_MAX };

/* What a test wants, used by the functions below. */
static struct {
	const uint32_t *sizes;
	unsigned int nr_sizes;
	unsigned int at_once;	/* events at one landmark */
	void (*raise)(struct guest *g);
	unsigned int nr;	/* of the next event */
} want;

static void by_msi(struct guest *g)
{
	guest_interrupt(g, PROGRAM_VECTOR);
}

static void by_ioapic(struct guest *g)
{
	guest_pulse(g, PIN);
}

static void by_nothing(struct guest *g)
{
	(void)g;
}

/* The device: its "DMA", and its interrupt. */
static void happen(struct replay *r, uint32_t tag, const void *data, uint32_t size)
{
	guest_load(&r->guest, BUFFER, data, size);
	if (tag % want.at_once)
		guest_interrupt(&r->guest, UPPER_VECTOR);
	else
		want.raise(&r->guest);
}

static void record_event(struct replay *r)
{
	static uint64_t data[KVM_FT_DATA_MAX / 8];
	uint32_t size = want.sizes[want.nr % want.nr_sizes];
	uint32_t i;

	for (i = 0; i < (size + 7) / 8; i++)
		data[i] = random_next(&random_state);
	replay_event(r, want.nr, data, size);
	happen(r, want.nr++, data, size);
}

static void on_landmark(struct replay *r, const struct kvm_ft_data *event)
{
	unsigned int i;

	if (event)
		happen(r, event->tag, (void *)(unsigned long)event->data, event->size);
	for (i = 0; !event && i < want.at_once; i++)
		record_event(r);
}

static void set_up(struct replay *r)
{
	program_load(&r->guest, r->context);
	guest_put(&r->guest, UPPER_HANDLER, guest_code_of(upper));
	guest_set_handler(&r->guest, UPPER_VECTOR, UPPER_HANDLER);
}

static void check(struct __test_metadata *_metadata, struct guest_code start,
		  struct guest_code loop)
{
	struct program p = { start, loop, guest_code_of(handler) };
	struct replay r = {
		.mem_size = 4 << 20, .set_up = set_up, .on_landmark = on_landmark,
		.context = &p, .meanwhile = replay_kick, .every_us = 50,
	};
	const char *difference;

	difference = replay_check_skids(&r);
	EXPECT_EQ(NULL, difference)
		TH_LOG("%s", difference);
	EXPECT_LE(EVENTS, r.status.entries);
}

FIXTURE(event) {
};

FIXTURE_SETUP(event)
{
	want.sizes = sizes;
	want.nr_sizes = ARRAY_SIZE(sizes);
	want.at_once = 1;
	want.raise = by_msi;
}

FIXTURE_TEARDOWN(event)
{
}

TEST_F(event, msi_and_dma)
{
	check(_metadata, guest_code_of(start), guest_code_of(checksum));
}

TEST_F(event, ioapic_and_dma)
{
	want.raise = by_ioapic;
	check(_metadata, guest_code_of(start_ioapic), guest_code_of(checksum));
}

TEST_F(event, dma_alone)
{
	want.raise = by_nothing;
	check(_metadata, guest_code_of(start), guest_code_of(poll));
}

TEST_F(event, several_at_one_landmark)
{
	want.at_once = 3;
	check(_metadata, guest_code_of(start), guest_code_of(checksum));
}

TEST_F(event, halted)
{
	check(_metadata, guest_code_of(start), guest_code_of(halt));
}

TEST_F(event, payload_sizes)
{
	want.sizes = odd_sizes;
	want.nr_sizes = ARRAY_SIZE(odd_sizes);
	check(_metadata, guest_code_of(start), guest_code_of(checksum));
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
