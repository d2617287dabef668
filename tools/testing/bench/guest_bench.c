// SPDX-License-Identifier: GPL-2.0-only
/*
 * What "make bench" runs on an emulated host: measures in host instructions,
 * which the host's TSC counts, and prints one JSON object.
 *
 *   guest_bench plain		a guest without a session: instructions per VM exit
 *   guest_bench record		a recorded guest that reads its TSC
 *   guest_bench timer		a guest under timer interrupts, recorded and replayed
 *   guest_bench idle N		holds N sessions, prints a line, waits for end of input
 *
 * A short run is measured many times; the least is the one that nothing of the
 * host came between, and repeats exactly.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <x86intrin.h>
#include <linux/kvm_ft.h>

#include "counter.h"
#include "guest.h"

#define MEMORY		(4UL << 20)
#define PORT		0x10
#define REPEATS		100
#define EXITS		100		/* in a short run */
#define VECTOR		0x40
#define HANDLER		0x20000
#define LOCAL_APIC	0xfee00000
#define INTERRUPTS	1000
#define PERIOD		1000000		/* guest instructions, nearly */

/* Each loop runs R15 times, leaves with an OUT, and begins again. */
#define LOOP(code)	"2: mov %r15, %rbp; 1: " code "; dec %rbp; jnz 1b; out %al, $0x10; jmp 2b\n"

GUEST_CODE(empty, LOOP("nop"));
GUEST_CODE(cpuid, LOOP("xor %eax, %eax; cpuid"));
GUEST_CODE(rdtsc, LOOP("rdtsc"));

GUEST_CODE(compute,
	   "movl $0x1ff, 0xf0(%r15)\n"
	   "movl $0xb, 0x3e0(%r15)\n"
	   "movl $0x20040, 0x320(%r15)\n"
	   "movl $1000000, 0x380(%r15)\n"
	   "sti\n"
	   "1: add %rcx, %rax; inc %rcx; test $7, %cl; jnz 1b; rol $3, %rbx; xor %rcx, %rbx; jmp 1b\n");
GUEST_CODE(tick, "movl $0, 0xb0(%r15); dec %ebp; jnz 1f; out %al, $0x10; 1: iretq\n");

/**
 * struct session - a guest with a session
 * @guest: the guest
 * @fd: the session
 * @log: its log, a file without name
 */
struct session {
	struct guest guest;
	int fd;
	int log;
};

static int checked(int fd, unsigned long cmd, void *arg, const char *what)
{
	int r = ioctl(fd, cmd, arg);

	if (r < 0)
		err(1, "%s", what);
	return r;
}

static int temporary_file(void)
{
	char path[] = "/tmp/bench-XXXXXX";
	int fd = mkstemp(path);

	if (fd < 0)
		err(1, "%s", path);
	unlink(path);
	return fd;
}

static void session_create(struct session *s, int log)
{
	struct kvm_ft_create create = {
		.vm_fd = s->guest.vm,
		.vcpu_fd = s->guest.vcpu,
		.name = "bench",
		.lab_pmu = counter_attr().type,
	};
	struct kvm_ft_log set = { .fd = log };
	int dev = open("/dev/kvm-ft", O_RDWR | O_CLOEXEC);

	if (dev < 0)
		err(1, "/dev/kvm-ft");
	s->log = log;
	s->fd = checked(dev, KVM_FT_CREATE, &create, "KVM_FT_CREATE");
	close(dev);
	checked(s->fd, KVM_FT_SET_LOG, &set, "KVM_FT_SET_LOG");
}

static void session_start(struct session *s, uint32_t role)
{
	struct kvm_ft_start start = { .role = role };

	if (ioctl(s->fd, KVM_FT_START, &start))
		err(1, "KVM_FT_START (reason %u, differs %#x)", start.reason, start.differs);
}

static struct kvm_ft_status session_status(struct session *s)
{
	struct kvm_ft_status st;

	checked(s->fd, KVM_FT_STATUS, &st, "KVM_FT_STATUS");
	return st;
}

static uint64_t file_size(int fd)
{
	off_t size = lseek(fd, 0, SEEK_END);

	if (size < 0)
		err(1, "size of the log");
	return size;
}

/* Runs to the next OUT; returns host instructions, the guest's own included. */
static uint64_t timed_run(struct session *s)
{
	uint64_t before = __rdtsc();
	struct kvm_ft_run run;

	do {
		if (ioctl(s->fd, KVM_FT_RUN, &run) && errno != EINTR)
			err(1, "KVM_FT_RUN: %s", session_status(s).what);
	} while (run.exit == KVM_FT_EXIT_KVM && s->guest.run->exit_reason != KVM_EXIT_IO);
	return __rdtsc() - before;
}

static uint64_t timed_plain(struct session *s)
{
	uint64_t before = __rdtsc();

	guest_run_to_out(&s->guest, PORT);
	return __rdtsc() - before;
}

static void load(struct guest *g, uint64_t gpa, const uint8_t *begin, const uint8_t *end,
		 uint64_t r15)
{
	struct kvm_regs regs = guest_regs(g);

	guest_load(g, gpa, begin, end - begin);
	regs.rip = GUEST_ENTRY;
	regs.r15 = r15;
	guest_set_regs(g, &regs);
}

#define LOAD(s, name, loops) \
	load(&(s)->guest, GUEST_ENTRY, guest_##name, guest_##name##_end, loops)

static uint64_t least(struct session *s, uint64_t (*run)(struct session *s))
{
	uint64_t best = UINT64_MAX;
	int i;

	for (i = 0; i < REPEATS; i++) {
		uint64_t t = run(s);

		if (t < best)
			best = t;
	}
	return best;
}

/* The guest without a session: the whole run, and one CPUID of it. */
static void measure_plain(struct session *s, uint64_t *whole, double *exit)
{
	uint64_t empty;

	LOAD(s, empty, EXITS);
	empty = least(s, timed_plain);
	LOAD(s, cpuid, EXITS);
	*whole = least(s, timed_plain);
	*exit = (double)(*whole - empty) / EXITS;
}

static void plain(void)
{
	struct session s = {};
	uint64_t whole;
	double exit;

	guest_create_irqchip(&s.guest, MEMORY);
	measure_plain(&s, &whole, &exit);
	printf("{\"run\": %lu, \"cpuid\": %.2f}\n", whole, exit);
}

static void record(void)
{
	struct session plain = {}, s = {};
	uint64_t empty, whole;
	double cpuid, rdtsc;

	guest_create_irqchip(&plain.guest, MEMORY);
	measure_plain(&plain, &whole, &cpuid);

	guest_create_irqchip(&s.guest, MEMORY);
	session_create(&s, temporary_file());
	session_start(&s, KVM_FT_RECORD);
	LOAD(&s, empty, EXITS);
	empty = least(&s, timed_run);
	LOAD(&s, rdtsc, EXITS);
	rdtsc = (double)(least(&s, timed_run) - empty) / EXITS;
	checked(s.fd, KVM_FT_STOP, NULL, "KVM_FT_STOP");
	printf("{\"cpuid\": %.2f, \"rdtsc\": %.2f, \"bytes_per_rdtsc\": %.4f}\n", cpuid, rdtsc,
	       (double)file_size(s.log) / (REPEATS * EXITS));
}

static void load_compute(struct guest *g)
{
	struct kvm_regs regs;

	load(g, GUEST_ENTRY, guest_compute, guest_compute_end, LOCAL_APIC);
	load(g, HANDLER, guest_tick, guest_tick_end, LOCAL_APIC);
	guest_set_handler(g, VECTOR, HANDLER);
	regs = guest_regs(g);
	regs.rbp = INTERRUPTS;
	guest_set_regs(g, &regs);
}

static uint64_t timed_session(uint32_t role, int log, struct kvm_ft_status *st)
{
	struct session s = {};
	uint64_t t;

	guest_create_irqchip(&s.guest, MEMORY);
	load_compute(&s.guest);
	session_create(&s, log);
	session_start(&s, role);
	t = timed_run(&s);
	if (role == KVM_FT_RECORD)
		checked(s.fd, KVM_FT_STOP, NULL, "KVM_FT_STOP");
	*st = session_status(&s);
	close(s.fd);
	guest_destroy(&s.guest);
	return t;
}

static void timer(void)
{
	struct kvm_ft_status recorded, replayed;
	int log = temporary_file();
	uint64_t record, replay;

	record = timed_session(KVM_FT_RECORD, log, &recorded);
	replay = timed_session(KVM_FT_REPLAY, log, &replayed);
	if (replayed.state == KVM_FT_STATE_DIVERGED)
		errx(1, "the replay diverged: %s", replayed.what);
	printf("{\"record\": %lu, \"replay\": %lu, \"guest\": %llu, ", record, replay,
	       recorded.progress);
	printf("\"interrupts\": %d, \"bytes\": %lu}\n", INTERRUPTS, file_size(log));
}

static void idle(int n)
{
	struct session *s = calloc(n, sizeof(*s));
	char c;
	int i;

	if (!s)
		err(1, "calloc");
	for (i = 0; i < n; i++) {
		guest_create_irqchip(&s[i].guest, MEMORY);
		session_create(&s[i], temporary_file());
		session_start(&s[i], KVM_FT_RECORD);
	}
	printf("ready\n");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "plain"))
		plain();
	else if (argc == 2 && !strcmp(argv[1], "record"))
		record();
	else if (argc == 2 && !strcmp(argv[1], "timer"))
		timer();
	else if (argc == 3 && !strcmp(argv[1], "idle") && atoi(argv[2]) > 0)
		idle(atoi(argv[2]));
	else
		errx(2, "usage: guest_bench plain|record|timer|idle N");
	return 0;
}
