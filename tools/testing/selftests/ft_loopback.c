// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest is replayed while it is recorded, through the loop-back: with timer
 * interrupts and events, both end in the same state.  When either side dies,
 * the other one does not wait for it.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counter.h"
#include "kselftest_harness.h"
#include "replay.h"

#define MEM_SIZE	(4UL << 20)
#define VECTOR		0x40
#define HANDLER		0x20000
#define MAILBOX		0x180000	/* where events are delivered to */
#define EVENTS		5
#define INTERRUPTS	20

/* Counts, until all interrupts and all events have come. */
GUEST_CODE(worker,
	   "movl $0x1ff, 0x0f0(%r15)\n"
	   "movl $0xb, 0x3e0(%r15); movl $0x20040, 0x320(%r15); movl $250000, 0x380(%r15)\n"
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
/* Of the ring, less a block: when the log is this long, the recorder waits soon. */
#define NEARLY_FULL	(512 * 1024 - 68 * 1024)

/**
 * struct side - one of the two sessions
 * @g: its guest
 * @session: its descriptor
 * @role: KVM_FT_RECORD or KVM_FT_REPLAY
 * @thread: runs it
 * @exit: the last KVM_FT_EXIT_*
 * @error: errno of the KVM_FT_RUN that ended it
 * @interrupted: KVM_FT_RUNs that a signal ended
 * @events: delivered
 * @status: at the end
 */
struct side {
	struct guest g;
	int session;
	uint32_t role;
	pthread_t thread;
	uint32_t exit;
	int error;
	int interrupted;
	int events;
	struct kvm_ft_status status;
};

static int try_set_log(int session, int fd)
{
	struct kvm_ft_log log = { .fd = fd, .type = KVM_FT_LOG_LOOPBACK };

	return ioctl(session, KVM_FT_SET_LOG, &log) ? errno : 0;
}

static void create(struct side *side)
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

static void create_pair(struct side *record, struct side *replay)
{
	record->role = KVM_FT_RECORD;
	replay->role = KVM_FT_REPLAY;
	create(record);
	create(replay);
	if (try_set_log(record->session, -1) || try_set_log(replay->session, record->session))
		errx(1, "KVM_FT_SET_LOG");
}

static void load_worker(struct guest *g)
{
	struct kvm_regs regs = guest_regs(g);

	guest_load_code(g, worker);
	guest_load(g, HANDLER, guest_handler, guest_handler_end - guest_handler);
	guest_set_handler(g, VECTOR, HANDLER);
	regs.r15 = 0xfee00000;	/* the local APIC */
	guest_set_regs(g, &regs);
}

static void start(struct side *side)
{
	struct kvm_ft_start args = { .role = side->role };

	if (side->role == KVM_FT_RECORD) {
		args.flags = KVM_FT_START_CHECKING;
		args.mark_interval = KVM_FT_INTERVAL_MIN;
		args.ram_hash_interval = 10 * KVM_FT_INTERVAL_MIN;
	}
	if (ioctl(side->session, KVM_FT_START, &args))
		err(1, "KVM_FT_START (role %u, reason %u)", side->role, args.reason);
}

/* The same on both sides: the event's number goes to the guest. */
static void deliver(struct side *side)
{
	uint32_t number = side->events + 1;
	struct kvm_ft_data data = {
		.tag = 1, .size = sizeof(number), .data = (unsigned long)&number,
	};

	if (ioctl(side->session, KVM_FT_EVENT, &data))
		err(1, "KVM_FT_EVENT");
	memcpy(side->g.mem + MAILBOX, &number, sizeof(number));
	__atomic_add_fetch(&side->events, 1, __ATOMIC_SEQ_CST);
}

/* Until the guest, the log or the session ends. */
static void run_until_end(struct side *side)
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
		deliver(side);
	}
}

static void *run_side(void *arg)
{
	struct side *side = arg;

	start(side);
	run_until_end(side);
	while (ioctl(side->session, KVM_FT_STOP) && errno == EINTR)
		;
	ioctl(side->session, KVM_FT_STATUS, &side->status);
	return NULL;
}

static void run_thread(struct side *side)
{
	if (pthread_create(&side->thread, NULL, run_side, side))
		errx(1, "pthread_create");
}

static void destroy(struct side *side)
{
	close(side->session);
	guest_destroy(&side->g);
}

FIXTURE(loopback) {
	struct side record;
	struct side replay;
};

static void ignore(int sig)
{
	(void)sig;
}

FIXTURE_SETUP(loopback)
{
	struct sigaction action = { .sa_handler = ignore };

	sigaction(SIGUSR1, &action, NULL);
	lab_pmu_set("skid", 100);
	replay_set_skid(100);
	create_pair(&self->record, &self->replay);
}

FIXTURE_TEARDOWN(loopback)
{
	destroy(&self->record);
	destroy(&self->replay);
	lab_pmu_set("skid", 0);
	replay_set_skid(-1);
}

/* Each kick is answered by one event. */
static void send_events(struct side *record)
{
	struct kvm_ft_status st;
	int i;

	for (i = 0; i < EVENTS; i++) {
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

TEST_F(loopback, both_end_in_the_same_state)
{
	struct side *record = &self->record, *replay = &self->replay;
	struct kvm_regs a, b;

	load_worker(&record->g);
	load_worker(&replay->g);
	run_thread(record);
	run_thread(replay);
	send_events(record);
	pthread_join(record->thread, NULL);
	pthread_join(replay->thread, NULL);

	EXPECT_EQ(KVM_FT_STATE_STOPPED, record->status.state)
		TH_LOG("%s", record->status.what);
	EXPECT_EQ(KVM_FT_STATE_STOPPED, replay->status.state)
		TH_LOG("%s", replay->status.what);
	EXPECT_EQ(KVM_FT_EXIT_KVM, record->exit);
	EXPECT_EQ(KVM_FT_EXIT_END, replay->exit);
	EXPECT_EQ(KVM_FT_END_COMPLETE, replay->status.log_end);
	EXPECT_EQ(EVENTS, replay->events);
	a = guest_regs(&record->g);
	b = guest_regs(&replay->g);
	a.rflags &= ~0x10000ULL;
	b.rflags &= ~0x10000ULL;
	EXPECT_EQ(0, memcmp(&a, &b, sizeof(a)));
	EXPECT_EQ(0, memcmp(record->g.mem, replay->g.mem, MEM_SIZE));
	EXPECT_LE(INTERRUPTS, (int)a.r12);
}

static uint64_t bytes(struct side *side)
{
	struct kvm_ft_status st;

	ioctl(side->session, KVM_FT_STATUS, &st);
	return st.state == KVM_FT_STATE_RECORDING ? st.bytes : ~0ULL;
}

/* The replay is there, but does not run: the ring fills up. */
TEST_F(loopback, recorder_does_not_wait_for_a_dead_replay)
{
	struct side *record = &self->record, *replay = &self->replay;

	guest_load_code(&record->g, chatter);
	run_thread(record);
	do {
		sched_yield();
	} while (bytes(record) < NEARLY_FULL || bytes(record) == ~0ULL);

	/* A signal ends its wait. */
	while (!__atomic_load_n(&record->interrupted, __ATOMIC_SEQ_CST)) {
		pthread_kill(record->thread, SIGUSR1);
		sched_yield();
	}
	EXPECT_EQ(KVM_FT_STATE_NEW, replay->status.state);
	close(replay->session);
	pthread_join(record->thread, NULL);
	EXPECT_EQ(EIO, record->error);
	EXPECT_EQ(KVM_FT_STATE_FAILED, record->status.state);
	EXPECT_EQ(EPIPE, record->status.error);
	EXPECT_STREQ("nobody reads the log any more", record->status.what);
}

static void die_recording(int to)
{
	struct side record = { .role = KVM_FT_RECORD };

	create(&record);
	if (try_set_log(record.session, -1))
		errx(1, "KVM_FT_SET_LOG");
	guest_load_code(&record.g, chatter);
	if (write(to, &record.session, sizeof(int)) != sizeof(int))
		err(1, "pipe");
	run_side(&record);
	_exit(0);
}

/* A recorder in a process of its own, whose session we see as well. */
static pid_t fork_recorder(int *session)
{
	int fds[2], theirs, pidfd;
	pid_t pid;

	if (pipe(fds))
		err(1, "pipe");
	pid = fork();
	if (!pid)
		die_recording(fds[1]);
	if (pid < 0 || read(fds[0], &theirs, sizeof(theirs)) != sizeof(theirs))
		err(1, "the recorder's process");
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	*session = syscall(SYS_pidfd_getfd, pidfd, theirs, 0);
	if (*session < 0)
		err(1, "pidfd_getfd");
	close(pidfd);
	close(fds[0]);
	close(fds[1]);
	return pid;
}

TEST_F(loopback, replay_plays_out_the_log_of_a_killed_recorder)
{
	struct side *replay = &self->replay;
	struct kvm_ft_status st;
	int session, i;
	pid_t pid;

	/* Another recorder than the fixture's. */
	destroy(replay);
	create(replay);
	guest_load_code(&replay->g, chatter);
	pid = fork_recorder(&session);
	/* It may just be in KVM_FT_START. */
	for (i = 0; (errno = try_set_log(replay->session, session)) == EBUSY && i < 1000; i++)
		sched_yield();
	ASSERT_EQ(0, errno);
	close(session);
	run_thread(replay);
	do {
		ioctl(replay->session, KVM_FT_STATUS, &st);
		sched_yield();
	} while (st.state < KVM_FT_STATE_REPLAYING || st.entries < 100);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pthread_join(replay->thread, NULL);
	EXPECT_EQ(KVM_FT_EXIT_END, replay->exit);
	EXPECT_EQ(KVM_FT_STATE_STOPPED, replay->status.state)
		TH_LOG("%s", replay->status.what);
	EXPECT_EQ(KVM_FT_END_TORN, replay->status.log_end);
}

TEST_F(loopback, ends_that_do_not_fit_are_refused)
{
	struct kvm_ft_start args = { .role = KVM_FT_RECORD };
	struct side third = {};

	create(&third);
	EXPECT_EQ(EBUSY, try_set_log(third.session, self->record.session));
	EXPECT_EQ(EINVAL, try_set_log(third.session, self->replay.session));
	EXPECT_EQ(EINVAL, try_set_log(third.session, third.session));
	EXPECT_EQ(EINVAL, try_set_log(third.session, third.g.vm));
	EXPECT_EQ(EBADF, try_set_log(third.session, 1000));
	EXPECT_EQ(-1, ioctl(self->replay.session, KVM_FT_START, &args));
	EXPECT_EQ(EBADF, errno);
	args.role = KVM_FT_REPLAY;
	EXPECT_EQ(-1, ioctl(self->record.session, KVM_FT_START, &args));
	EXPECT_EQ(EBADF, errno);
	destroy(&third);
}

TEST_HARNESS_MAIN
