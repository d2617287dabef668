// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "counter.h"
#include "pair.h"
#include "replay.h"

#define VECTOR		0x40
#define HANDLER		0x20000

/* Counts, until all interrupts and all events have come. */
GUEST_CODE(worker,
	   "movl $0x1ff, 0x0f0(%r15)\n"
	   "movl $0x20040, 0x320(%r15); movl $250000, 0x380(%r15)\n"
	   "sti\n"
	   "1: inc %rcx\n"
	   "cmpl $20, %r12d; jb 1b\n"
	   "cmpl $5, 0x180000; jb 1b\n"
	   "cli; out %al, $0x10\n");
GUEST_CODE(handler,
	   "push %rax; push %rdx; rdtsc; add %rax, %rbx; pop %rdx; pop %rax\n"
	   "inc %r12d; movl $0, 0x0b0(%r15); iretq\n");

/* Fills the log: each entry has many registers that changed. */
GUEST_CODE(chatter,
	   "1: rdtsc\n"
	   "imul %rax, %rbx; lea 7(%rbx,%rax), %rbx\n"
	   "add %rbx, %rsi; xor %rbx, %rdi; sub %rbx, %r8; add %rsi, %r9\n"
	   "xor %r9, %r10; add %r10, %r11; sub %r11, %r13; xor %r13, %r14\n"
	   "jmp 1b\n");

static void ignore(int sig)
{
	(void)sig;
}

void pair_set_up(void)
{
	struct sigaction action = { .sa_handler = ignore };

	sigaction(SIGUSR1, &action, NULL);
	lab_pmu_set("skid", 100);
	replay_set_skid(100);
}

void pair_tear_down(void)
{
	lab_pmu_set("skid", 0);
	replay_set_skid(-1);
}

void side_create(struct side *side)
{
	struct kvm_ft_create args = { .name = "test", .lab_pmu = counter_attr().type };
	int dev = open("/dev/kvm-ft", O_RDWR | O_CLOEXEC);

	guest_create_irqchip(&side->g, MEM_SIZE);
	args.vm_fd = side->g.vm;
	args.vcpu_fd = side->g.vcpu;
	side->session = ioctl(dev, KVM_FT_CREATE, &args);
	if (side->session < 0)
		err(1, "KVM_FT_CREATE");
	close(dev);
}

void side_destroy(struct side *side)
{
	close(side->session);
	guest_destroy(&side->g);
}

void side_load_worker(struct guest *g)
{
	struct kvm_regs regs = guest_regs(g);

	guest_load_code(g, worker);
	guest_load(g, HANDLER, guest_handler, guest_handler_end - guest_handler);
	guest_set_handler(g, VECTOR, HANDLER);
	regs.r15 = 0xfee00000;	/* the local APIC */
	guest_set_regs(g, &regs);
}

void side_load_chatter(struct side *side)
{
	guest_load_code(&side->g, chatter);
}

int side_try_start(struct side *side, struct kvm_ft_start *args)
{
	*args = (struct kvm_ft_start){ .role = side->role };
	if (side->role == KVM_FT_RECORD) {
		args->flags = KVM_FT_START_CHECKING;
		args->mark_interval = KVM_FT_INTERVAL_MIN;
		args->ram_hash_interval = 10 * KVM_FT_INTERVAL_MIN;
	}
	return ioctl(side->session, KVM_FT_START, args) ? errno : 0;
}

void side_start(struct side *side)
{
	struct kvm_ft_start args;

	errno = side_try_start(side, &args);
	if (errno)
		err(1, "KVM_FT_START (role %u, reason %u)", side->role, args.reason);
}

/* The same on both sides: the event's number goes to the guest.  Its errno, or 0. */
static int deliver(struct side *side)
{
	uint32_t number = side->events + 1;
	struct kvm_ft_data data = {
		.tag = 1, .size = sizeof(number), .data = (unsigned long)&number,
	};

	if (ioctl(side->session, KVM_FT_EVENT, &data))
		return errno;
	memcpy(side->g.mem + MAILBOX, &number, sizeof(number));
	__atomic_add_fetch(&side->events, 1, __ATOMIC_SEQ_CST);
	return 0;
}

/* Until the guest, the log or the session ends. */
void side_run_until_end(struct side *side)
{
	struct kvm_ft_run run;

	for (;;) {
		if (ioctl(side->session, KVM_FT_RUN, &run)) {
			side->error = errno;
			if (errno != EINTR)
				return;
			__atomic_add_fetch(&side->interrupted, 1, __ATOMIC_SEQ_CST);
			continue;
		}
		side->exit = run.exit;
		if (run.exit != KVM_FT_EXIT_LANDMARK && run.exit != KVM_FT_EXIT_EVENT)
			return;
		side->error = deliver(side);
		if (side->error)
			return;
	}
}

void *side_run_here(void *arg)
{
	struct side *side = arg;

	__atomic_store_n(&side->tid, gettid(), __ATOMIC_SEQ_CST);
	side_start(side);
	side_run_until_end(side);
	while (ioctl(side->session, KVM_FT_STOP) && errno == EINTR)
		;
	ioctl(side->session, KVM_FT_STATUS, &side->status);
	return NULL;
}

void side_run(struct side *side)
{
	if (pthread_create(&side->thread, NULL, side_run_here, side))
		errx(1, "pthread_create");
}

/* Each kick is answered by one event. */
void side_send_events(struct side *record, int events)
{
	struct kvm_ft_status st;
	int i;

	for (i = 0; i < events; i++) {
		do {
			ioctl(record->session, KVM_FT_STATUS, &st);
			sched_yield();
		} while (st.state == KVM_FT_STATE_NEW);
		ioctl(record->session, KVM_FT_KICK);
		while (__atomic_load_n(&record->events, __ATOMIC_SEQ_CST) == i &&
		       st.state == KVM_FT_STATE_RECORDING) {
			ioctl(record->session, KVM_FT_STATUS, &st);
			sched_yield();
		}
	}
}

void pair_run_workers(struct side *record, struct side *replay)
{
	side_load_worker(&record->g);
	side_load_worker(&replay->g);
	side_run(record);
	side_run(replay);
	side_send_events(record, EVENTS);
	pthread_join(record->thread, NULL);
	pthread_join(replay->thread, NULL);
}

void pair_set_parameter(const char *module, const char *name, const char *value)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "/sys/module/%s/parameters/%s", module, name);
	f = fopen(path, "w");
	if (!f || fprintf(f, "%s\n", value) < 0 || fclose(f))
		err(1, "%s", path);
}

const char *pair_difference(struct side *record, struct side *replay)
{
	struct kvm_regs a = guest_regs(&record->g), b = guest_regs(&replay->g);

	a.rflags &= ~0x10000ULL;	/* RF */
	b.rflags &= ~0x10000ULL;
	if (memcmp(&a, &b, sizeof(a)))
		return "registers";
	return memcmp(record->g.mem, replay->g.mem, MEM_SIZE) ? "RAM" : "";
}
