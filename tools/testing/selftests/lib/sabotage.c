// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "environment.h"
#include "program.h"
#include "random.h"
#include "sabotage.h"

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
	uint64_t *buffer = (uint64_t *)(r->guest.mem + SABOTAGE_BUFFER);

	buffer[tag % (SABOTAGE_BUFFER_SIZE / 8)] ^= data;
	guest_interrupt(&r->guest, EVENT_VECTOR);
}

static void on_landmark(struct replay *r, const struct kvm_ft_data *event)
{
	struct sabotage_plan *p = r->context;
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
	struct sabotage_plan *p = r->context;

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

void sabotage_begin(struct sabotage *s, int unchecked)
{
	*s = (struct sabotage){
		.random = environment_number("KVM_FT_TEST_SEED", 1),
		.choices = environment_number("KVM_FT_TEST_CHOICES", environment_amount(16)),
		.r = {
			.mem_size = SABOTAGE_MEM, .set_up = set_up,
			.on_exit = on_exit_to_vmm, .on_landmark = on_landmark,
			.context = &s->plan, .may_fail = 1, .unchecked = unchecked,
			.ram_hash_interval = unchecked ? 0 : HASH_INTERVAL,
		},
	};
	printf("# KVM_FT_TEST_SEED=%lu, %u choices\n", s->random, s->choices);
	replay_set_skid(0);
	replay_record(&s->r);
	s->good = s->r.log;
	log_copy_read(&s->log, s->good);
}

unsigned int sabotage_few_entries(void)
{
	unsigned int events = SABOTAGE_ROUNDS / 4, ticks = SABOTAGE_ROUNDS - events;

	/* In each round there is an RDTSC. */
	return SABOTAGE_ROUNDS + events + environment_amount(ticks);
}

uint32_t sabotage_replay(struct sabotage *s, int log)
{
	s->plan.seen = 0;
	s->plan.exits = 0;
	s->plan.entries = 0;
	s->r.log = log;
	return replay_replay(&s->r);
}

static const char *good_log_difference(struct sabotage *s)
{
	if (sabotage_replay(s, s->good) != KVM_FT_EXIT_END)
		return s->r.status.what;
	if (s->r.status.log_end != KVM_FT_END_COMPLETE)
		return "the good log is not complete any more";
	return replay_difference(&s->r);
}

const char *sabotage_end(struct sabotage *s)
{
	const char *difference;

	s->plan.act = NULL;
	difference = good_log_difference(s);
	replay_release(&s->r);
	log_copy_free(&s->log);
	replay_set_skid(-1);
	return difference;
}
