// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random ioctls with random arguments, in random order, from several threads,
 * on /dev/kvm-ft and on sessions that record and replay, with KVM's own ioctls,
 * dup, close and fork in between.  Nothing hangs, a session of another process
 * goes on and replays exactly, and in the end nothing is in use any more.
 *
 * KVM_FT_TEST_SEED repeats a round that failed, KVM_FT_TEST_ROUNDS says how many
 * there are.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 * lab-timeout: 900
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "counter.h"
#include "environment.h"
#include "kselftest_harness.h"
#include "program.h"
#include "random.h"
#include "replay.h"
#include "session.h"

#define MEM		0x100000UL
#define PAGE		4096UL
#define THREADS		3
#define CALLS		150	/* of each thread in a round */
#define POOL		12	/* descriptors */
#define GOOD_EVERY_US	100000
#define PATIENCE_S	60	/* of the host's time, of which a round takes far less */

/* Timer interrupts, TSC reads, exits, halts; for ever, unless a word is set. */
GUEST_CODE(start, "mov $1, %ebp\n" APIC_ON APIC_ONCE(40000) "sti\n");
GUEST_CODE(loop,
	   "1: rdtsc; add %eax, 0x90000\n"
	   "mov $500, %ecx; 2: dec %ecx; jnz 2b\n"
	   "incl %r9d; test $63, %r9d; jnz 3f; out %al, $0x11; hlt\n"
	   "3: cmpl $0, 0x91000; je 1b; out %al, $0x10\n");
GUEST_CODE(handler, "incl 0x92000; cmpl $40, 0x92000; jne 1f; incl 0x91000\n"
	   "1: " APIC_AGAIN(40000) APIC_EOI "iretq\n");

static void set_up(struct replay *r)
{
	const struct program p = {
		guest_code_of(start), guest_code_of(loop), guest_code_of(handler),
	};

	program_load(&r->guest, &p);
}

static void ignore_exit(struct replay *r)
{
	(void)r;
}

static struct replay new_replay(void)
{
	return (struct replay){
		.mem_size = MEM, .set_up = set_up, .on_exit = ignore_exit,
		.ram_hash_interval = KVM_FT_INTERVAL_MIN,
	};
}

/**
 * struct arena - what the threads of a round play with
 * @fds: descriptors of all sorts; changed by all threads
 * @guest: two VMs
 * @pages: a page to write to, one to read, one that is not there
 * @ended: the threads are to end
 */
struct arena {
	int fds[POOL];
	struct guest guest[2];
	uint8_t *pages;
	int ended;
};

static struct arena arena;

/* Any number, those that matter more often. */
static uint64_t any_number(uint64_t *random)
{
	static const uint64_t special[] = {
		0, 1, 2, 3, 4, 8, 16, 17, 56, 4095, 4096, 65535, 65536, 65537, 99999, 100000,
		1ULL << 31, (1ULL << 31) - 1, 1ULL << 32, 1ULL << 60, 1ULL << 63, -1ULL, -2ULL,
		-4096ULL,
	};

	if (random_next(random) & 1)
		return special[random_next(random) % ARRAY_SIZE(special)];
	return random_next(random) >> random_next(random) % 64;
}

static int fd_at(unsigned int i)
{
	return __atomic_load_n(&arena.fds[i % POOL], __ATOMIC_RELAXED);
}

static int any_fd(uint64_t *random)
{
	if (random_next(random) % 32)
		return fd_at(random_next(random));
	return any_number(random);
}

/* What each call expects, all of it right. */
union argument {
	struct kvm_ft_create create;
	struct kvm_ft_log log;
	struct kvm_ft_start start;
	struct kvm_ft_run run;
	struct kvm_ft_data data;
	struct kvm_ft_status status;
	struct kvm_regs regs;
	struct kvm_mp_state mp;
	struct kvm_msi msi;
	struct kvm_guest_debug debug;
	struct kvm_userspace_memory_region region;
	uint8_t bytes[1024];
};

static void fill_create(union argument *a, uint64_t *random)
{
	struct guest *g = &arena.guest[random_next(random) % 2];

	a->create = (struct kvm_ft_create){
		.vm_fd = g->vm, .vcpu_fd = g->vcpu, .name = "fuzz",
		.lab_pmu = counter_attr().type,
	};
}

static void fill_log(union argument *a, uint64_t *random)
{
	a->log.fd = any_fd(random);
	a->log.type = random_next(random) % 2;
	if (a->log.type == KVM_FT_LOG_LOOPBACK && random_next(random) % 2)
		a->log.fd = -1;
}

static void fill_start(union argument *a, uint64_t *random)
{
	a->start.role = random_between(random, KVM_FT_RECORD, KVM_FT_REPLAY);
	if (a->start.role == KVM_FT_REPLAY || random_next(random) % 2)
		return;
	a->start.flags = KVM_FT_START_CHECKING;
	a->start.ram_hash_interval = random_next(random) % 2 ? 200000 : 0;
	a->start.mark_interval = random_next(random) % 2 ? 200000 : 0;
}

static void fill_data(union argument *a, uint64_t *random)
{
	a->data.tag = any_number(random);
	a->data.size = any_number(random) % (PAGE + 2);
	a->data.data = (unsigned long)arena.pages + random_next(random) % PAGE;
}

static void fill_regs(union argument *a, uint64_t *random)
{
	a->regs = (struct kvm_regs){
		.rip = GUEST_ENTRY, .rsp = GUEST_STACK, .rflags = 2, .rbp = 1,
		.r12 = GUEST_DATA, .r15 = APIC_BASE, .r9 = random_next(random) % 64,
	};
}

static void fill_mp(union argument *a, uint64_t *random)
{
	a->mp.mp_state = random_next(random) % 2 ? KVM_MP_STATE_RUNNABLE : KVM_MP_STATE_HALTED;
}

static void fill_msi(union argument *a, uint64_t *random)
{
	(void)random;
	a->msi = (struct kvm_msi){ .address_lo = 0xfee00000, .data = PROGRAM_VECTOR };
}

static void fill_debug(union argument *a, uint64_t *random)
{
	a->debug.control = random_next(random) % 2 ? KVM_GUESTDBG_ENABLE : 0;
}

/*
 * The guest's RAM, or a page that comes and goes.  Not RAM that goes: a vCPU whose
 * page tables are in none while KVM injects an exception makes stock KVM warn
 * (mmu_check_root() asks for a triple fault, kvm_multiple_exception() expects none).
 */
static void fill_region(union argument *a, uint64_t *random)
{
	struct guest *g = &arena.guest[random_next(random) % 2];

	a->region.userspace_addr = (unsigned long)g->mem;
	a->region.flags = random_next(random) % 2 ? KVM_MEM_LOG_DIRTY_PAGES : 0;
	a->region.slot = random_next(random) % 2;
	if (!a->region.slot) {
		a->region.memory_size = g->mem_size;
		return;
	}
	a->region.guest_phys_addr = 1UL << 30;
	a->region.memory_size = random_next(random) % 2 ? PAGE : 0;
}

static const struct call {
	unsigned long cmd;
	void (*fill)(union argument *a, uint64_t *random);
	unsigned int weight;
	int kvm;	/* one of KVM's own, whose number stays */
} calls[] = {
	{ KVM_FT_GET_API_VERSION, NULL, 1, 0 },
	{ KVM_FT_CREATE, fill_create, 4, 0 },
	{ KVM_FT_SET_LOG, fill_log, 6, 0 },
	{ KVM_FT_START, fill_start, 6, 0 },
	{ KVM_FT_RUN, NULL, 20, 0 },
	{ KVM_FT_EVENT, fill_data, 6, 0 },
	{ KVM_FT_VALUE, fill_data, 4, 0 },
	{ KVM_FT_KICK, NULL, 6, 0 },
	{ KVM_FT_STOP, NULL, 2, 0 },
	{ KVM_FT_STATUS, NULL, 3, 0 },
	{ KVM_RUN, NULL, 4, 1 },
	{ KVM_GET_REGS, NULL, 1, 1 },
	{ KVM_SET_REGS, fill_regs, 2, 1 },
	{ KVM_SET_MP_STATE, fill_mp, 1, 1 },
	{ KVM_SIGNAL_MSI, fill_msi, 3, 1 },
	{ KVM_NMI, NULL, 1, 1 },
	{ KVM_SET_GUEST_DEBUG, fill_debug, 1, 1 },
	{ KVM_SET_USER_MEMORY_REGION, fill_region, 1, 1 },
};

static const struct call *any_call(uint64_t *random)
{
	unsigned int i, sum = 0, n;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		sum += calls[i].weight;
	n = random_next(random) % sum;
	for (i = 0; n >= calls[i].weight; i++)
		n -= calls[i].weight;
	return &calls[i];
}

/* One field or all of it is something else. */
static void spoil(union argument *a, size_t size, uint64_t *random)
{
	uint64_t value = any_number(random);
	size_t i, at;

	if (!size)
		return;
	switch (random_next(random) % 8) {
	case 0:
		for (i = 0; i < size; i++)
			a->bytes[i] = random_next(random);
		break;
	case 1:
		at = random_next(random) % ((size + 7) / 8) * 8;
		memcpy(a->bytes + at, &value, 8);
		break;
	case 2:
		at = random_next(random) % ((size + 3) / 4) * 4;
		memcpy(a->bytes + at, &value, 4);
		break;
	default:
		break;
	}
}

/* Where the argument is: at times nowhere, or not all of it. */
static void *place(union argument *a, size_t size, uint64_t *random)
{
	uint8_t *absent = arena.pages + 2 * PAGE;
	uint8_t *at;

	switch (random_next(random) % 16) {
	case 0:
		return NULL;
	case 1:
		return absent;
	case 2:
		return (void *)(any_number(random) | 1ULL << 63);
	case 3:
		return (void *)any_number(random);
	case 4:
		return arena.pages + PAGE;	/* read-only */
	case 5:
		at = absent - random_next(random) % (size + 1);	/* zeros, cut off */
		return at;
	default:
		return a;
	}
}

static unsigned long any_command(const struct call *c, uint64_t *random)
{
	if (c->kvm || random_next(random) % 16)
		return c->cmd;
	if (random_next(random) % 2)
		return c->cmd ^ 1UL << random_next(random) % 32;
	return _IOC(random_next(random) % 4, KVM_FT_IOC, random_next(random) % 32,
		    random_next(random) % 512);
}

static int is_session(int fd)
{
	char path[64], target[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, target, sizeof(target) - 1) <= 0)
		return 0;
	return !!strstr(target, "anon_inode:kvm-ft");
}

static int any_session(uint64_t *random)
{
	unsigned int i, from = random_next(random) % POOL;

	for (i = from; i < from + POOL; i++)
		if (is_session(fd_at(i)))
			return fd_at(i);
	return -1;
}

/* Mostly of the sort that the call is for. */
static int fd_for(const struct call *c, uint64_t *random)
{
	const struct guest *g = &arena.guest[random_next(random) % 2];

	if (!(random_next(random) % 16))
		return any_fd(random);
	if (c->cmd == KVM_SIGNAL_MSI || c->cmd == KVM_SET_USER_MEMORY_REGION)
		return g->vm;
	if (c->kvm)
		return g->vcpu;
	if (c->cmd == KVM_FT_CREATE || c->cmd == KVM_FT_GET_API_VERSION)
		return arena.fds[0];
	return any_session(random);
}

/* In place of any descriptor but those that the others are made from. */
static void keep(int fd, uint64_t *random)
{
	int old;

	if (fd < 0)
		return;
	old = __atomic_exchange_n(&arena.fds[random_between(random, 1, POOL - 1)], fd,
				  __ATOMIC_RELAXED);
	close(old);
}

static void call_once(uint64_t *random)
{
	const struct call *c = any_call(random);
	unsigned long cmd = any_command(c, random);
	size_t size = _IOC_SIZE(cmd);
	union argument a = {};
	int r;

	if (c->fill)
		c->fill(&a, random);
	if (size > sizeof(a))
		size = sizeof(a);
	/* What KVM makes of nonsense is not the question. */
	if (!c->kvm)
		spoil(&a, size, random);
	r = ioctl(fd_for(c, random), cmd,
		  _IOC_DIR(cmd) == _IOC_NONE && random_next(random) % 8 ? 0 :
		  c->kvm ? &a : place(&a, size, random));
	if (r >= 0 && cmd == KVM_FT_CREATE)
		keep(r, random);
}

/* A process of its own has the sessions, but not their memory. */
static void fork_once(uint64_t *random)
{
	pid_t child = fork();
	int i;

	if (!child) {
		for (i = 0; i < 5; i++)
			call_once(random);
		_exit(0);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		kill(child, SIGUSR1);
}

static void scribble(uint64_t *random)
{
	uint64_t value = any_number(random);
	int fd = any_fd(random);

	if (fcntl(fd, F_GETFL) < 0 || lseek(fd, 0, SEEK_CUR) < 0)
		return;
	if (random_next(random) % 8)
		(void)!pwrite(fd, &value, 8, random_next(random) % 2048);
	else
		(void)!ftruncate(fd, random_next(random) % 2048);
}

static void try_start(int session, const struct kvm_ft_log *log, struct kvm_ft_start start)
{
	ioctl(session, KVM_FT_SET_LOG, log);
	ioctl(session, KVM_FT_START, &start);
}

/* As a VMM does it: asks for a landmark, and delivers something there. */
static void event_once(uint64_t *random)
{
	union argument data = {};
	struct kvm_ft_run run;
	int session = any_session(random);

	fill_data(&data, random);
	ioctl(session, KVM_FT_KICK);
	if (!ioctl(session, KVM_FT_RUN, &run) &&
	    (run.exit == KVM_FT_EXIT_LANDMARK || run.exit == KVM_FT_EXIT_EVENT))
		ioctl(session, KVM_FT_EVENT, &data);
}

/* One that could work, unless its VM has one already, or the log is not what it was. */
static void new_session(uint64_t *random)
{
	union argument create = {}, log = {}, start = {};
	int session;

	fill_create(&create, random);
	fill_log(&log, random);
	fill_start(&start, random);
	session = ioctl(arena.fds[0], KVM_FT_CREATE, &create);
	if (session < 0)
		return;
	try_start(session, &log.log, start.start);
	keep(session, random);
}

static void something_else(uint64_t *random)
{
	struct guest *g = &arena.guest[random_next(random) % 2];

	switch (random_next(random) % 9) {
	case 6:
		event_once(random);
		break;
	default:
		new_session(random);
		break;
	case 0:
		keep(dup(any_fd(random)), random);
		break;
	case 1:
		keep(temporary_file(), random);
		break;
	case 2:
		fork_once(random);
		break;
	case 3:
		scribble(random);
		break;
	case 4:
		g->run->immediate_exit = random_next(random) % 2;
		break;
	case 5:
		madvise(g->mem, g->mem_size, MADV_DONTNEED);
		break;
	}
}

static void *fuzz(void *seed)
{
	uint64_t random = *(uint64_t *)seed;
	int i;

	for (i = 0; i < CALLS && !__atomic_load_n(&arena.ended, __ATOMIC_RELAXED); i++) {
		if (random_next(&random) % 16)
			call_once(&random);
		else
			something_else(&random);
	}
	return NULL;
}

static void interrupted(int signal)
{
	(void)signal;
}

static void set_up_guest(struct guest *g)
{
	struct replay r = { .mem_size = MEM };

	guest_create_irqchip(&r.guest, MEM);
	set_up(&r);
	*g = r.guest;
}

/* Sessions that record, replay, and wait to be told. */
static void set_up_arena(int log)
{
	int copy = temporary_file(), i;
	uint8_t buffer[PAGE];
	ssize_t n;
	off_t at = 0;

	while ((n = pread(log, buffer, sizeof(buffer), at)) > 0 &&
	       pwrite(copy, buffer, n, at) == n)
		at += n;
	for (i = 0; i < 2; i++)
		set_up_guest(&arena.guest[i]);
	arena.pages = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);
	if (arena.pages == MAP_FAILED || mprotect(arena.pages + PAGE, PAGE, PROT_READ) ||
	    mprotect(arena.pages + 2 * PAGE, PAGE, PROT_NONE))
		err(1, "pages for arguments");
	arena.fds[0] = open("/dev/kvm-ft", O_RDWR);
	arena.fds[1] = session_create(&arena.guest[0], "fuzz");
	arena.fds[2] = session_create(&arena.guest[1], "fuzz");
	arena.fds[3] = session_create(&arena.guest[0], "fuzz");
	arena.fds[4] = copy;
	arena.fds[5] = temporary_file();
	for (i = 6; i < POOL; i++)
		arena.fds[i] = dup(arena.fds[i - 5]);
	try_start(arena.fds[1], &(struct kvm_ft_log){ .fd = arena.fds[5] },
		  (struct kvm_ft_start){ .role = KVM_FT_RECORD });
	try_start(arena.fds[2], &(struct kvm_ft_log){ .fd = arena.fds[4] },
		  (struct kvm_ft_start){ .role = KVM_FT_REPLAY });
}

/* A process; its threads are interrupted until all of them have ended. */
static void round_of(uint64_t seed, int log)
{
	struct sigaction action = { .sa_handler = interrupted };
	pthread_t threads[THREADS];
	uint64_t seeds[THREADS];
	int i;

	sigaction(SIGUSR1, &action, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	set_up_arena(log);
	for (i = 0; i < THREADS; i++) {
		seeds[i] = random_next(&seed);
		errno = pthread_create(&threads[i], NULL, fuzz, &seeds[i]);
		if (errno)
			err(1, "a thread");
	}
	for (i = 0; i < THREADS; i++) {
		struct timespec now = {};

		while (pthread_timedjoin_np(threads[i], NULL, &now)) {
			int other;

			usleep(random_between(&seed, 100, 1500));
			for (other = i; other < THREADS; other++)
				pthread_kill(threads[other], SIGUSR1);
		}
	}
	_exit(0);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* 0 if it ended by itself in time; whatever it does, it must die when killed. */
static int wait_for(pid_t child)
{
	double until = now() + PATIENCE_S * environment_slower();
	int how = -1;

	while (waitpid(child, &how, WNOHANG) != child) {
		if (now() > until) {
			kill(child, SIGKILL);
			waitpid(child, NULL, 0);
			return -1;
		}
		usleep(2000);
	}
	return how;
}

/* Records and replays all the time, until the pipe is closed. */
static pid_t spawn_good(int *told)
{
	int fds[2], n = 0;
	pid_t child;
	char byte;

	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC))
		err(1, "pipe");
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child) {
		close(fds[0]);
		*told = fds[1];
		return child;
	}
	close(fds[1]);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	do {
		struct replay r = new_replay();
		const char *difference = replay_check(&r);

		if (difference)
			errx(1, "a session of another process: %s", difference);
		n++;
		usleep(GOOD_EVERY_US);	/* leave the host to the fuzzers */
	} while (read(fds[0], &byte, 1) < 0);
	printf("# %d sessions of another process were replayed exactly\n", n);
	exit(0);
}

static int uses(void)
{
	FILE *f = fopen("/sys/module/kvm_ft/refcnt", "r");
	int n = -1;

	if (!f || fscanf(f, "%d", &n) != 1)
		err(1, "refcnt");
	fclose(f);
	return n;
}

FIXTURE(fuzz) {
};

FIXTURE_SETUP(fuzz)
{
}

FIXTURE_TEARDOWN(fuzz)
{
}

TEST_F_TIMEOUT(fuzz, ioctls_of_all_sorts, 3600)
{
	unsigned long seed = environment_number("KVM_FT_TEST_SEED", 1);
	unsigned long rounds = environment_number("KVM_FT_TEST_ROUNDS", environment_amount(5));
	struct replay r = new_replay();
	unsigned long i;
	int used = uses(), sessions = sessions_in_sysfs(), told;
	pid_t good;

	replay_record(&r);
	good = spawn_good(&told);
	for (i = 0; i < rounds; i++) {
		pid_t child = fork();

		ASSERT_LE(0, child);
		if (!child)
			round_of(seed + i, r.log);
		ASSERT_EQ(0, wait_for(child))
			TH_LOG("KVM_FT_TEST_SEED=%lu KVM_FT_TEST_ROUNDS=1", seed + i);
	}
	close(told);
	EXPECT_EQ(0, wait_for(good));
	close(r.log);
	EXPECT_EQ(used, uses());
	EXPECT_EQ(sessions, sessions_in_sysfs());
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
