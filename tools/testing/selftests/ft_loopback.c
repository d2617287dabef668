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
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "pair.h"

/* Of the ring, less a block: when the log is this long, the recorder waits soon. */
#define NEARLY_FULL	(512 * 1024 - 68 * 1024)

static int try_set_log(int session, int fd)
{
	struct kvm_ft_log log = { .fd = fd, .type = KVM_FT_LOG_LOOPBACK };

	return ioctl(session, KVM_FT_SET_LOG, &log) ? errno : 0;
}

static void create_pair(struct side *record, struct side *replay)
{
	record->role = KVM_FT_RECORD;
	replay->role = KVM_FT_REPLAY;
	side_create(record);
	side_create(replay);
	if (try_set_log(record->session, -1) || try_set_log(replay->session, record->session))
		errx(1, "KVM_FT_SET_LOG");
}

FIXTURE(loopback) {
	struct side record;
	struct side replay;
};

FIXTURE_SETUP(loopback)
{
	pair_set_up();
	create_pair(&self->record, &self->replay);
}

FIXTURE_TEARDOWN(loopback)
{
	side_destroy(&self->record);
	side_destroy(&self->replay);
	pair_tear_down();
}

TEST_F(loopback, both_end_in_the_same_state)
{
	struct side *record = &self->record, *replay = &self->replay;

	pair_run_workers(record, replay);

	EXPECT_EQ(KVM_FT_STATE_STOPPED, record->status.state)
		TH_LOG("%s", record->status.what);
	EXPECT_EQ(KVM_FT_STATE_STOPPED, replay->status.state)
		TH_LOG("%s", replay->status.what);
	EXPECT_EQ(KVM_FT_EXIT_KVM, record->exit);
	EXPECT_EQ(KVM_FT_EXIT_END, replay->exit);
	EXPECT_EQ(KVM_FT_END_COMPLETE, replay->status.log_end);
	EXPECT_EQ(EVENTS, replay->events);
	EXPECT_STREQ("", pair_difference(record, replay));
	EXPECT_LE(INTERRUPTS, (int)guest_regs(&record->g).r12);
}

static bool is_nearly_full(struct side *side)
{
	struct kvm_ft_status st;

	ioctl(side->session, KVM_FT_STATUS, &st);
	return st.state == KVM_FT_STATE_RECORDING && st.bytes >= NEARLY_FULL;
}

/* The guest never halts: only for the ring does its thread sleep. */
static bool sleeps(struct side *side)
{
	char path[64], state = 0;
	FILE *stat;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat",
		 __atomic_load_n(&side->tid, __ATOMIC_SEQ_CST));
	stat = fopen(path, "r");
	if (!stat)
		return false;
	if (fscanf(stat, "%*d (%*[^)]) %c", &state) != 1)
		state = 0;
	fclose(stat);
	return state == 'S';
}

/* The replay is there, but does not run: the ring fills up. */
TEST_F(loopback, recorder_does_not_wait_for_a_dead_replay)
{
	struct side *record = &self->record, *replay = &self->replay;

	side_load_chatter(record);
	side_run(record);
	while (!is_nearly_full(record) || !sleeps(record))
		sched_yield();

	/* A signal ends its wait. */
	EXPECT_EQ(0, __atomic_load_n(&record->interrupted, __ATOMIC_SEQ_CST));
	pthread_kill(record->thread, SIGUSR1);
	while (!__atomic_load_n(&record->interrupted, __ATOMIC_SEQ_CST))
		sched_yield();
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

	prctl(PR_SET_PDEATHSIG, SIGKILL);	/* a test that has failed leaves nothing behind */
	side_create(&record);
	if (try_set_log(record.session, -1))
		errx(1, "KVM_FT_SET_LOG");
	side_load_chatter(&record);
	if (write(to, &record.session, sizeof(int)) != sizeof(int))
		err(1, "pipe");
	side_run_here(&record);
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
	int session;
	pid_t pid;

	/* Another recorder than the fixture's. */
	side_destroy(replay);
	side_create(replay);
	side_load_chatter(replay);
	pid = fork_recorder(&session);
	/* It may just be in KVM_FT_START, which waits for grace periods. */
	while ((errno = try_set_log(replay->session, session)) == EBUSY)
		sched_yield();
	ASSERT_EQ(0, errno);
	close(session);
	side_run(replay);
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

	side_create(&third);
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
	side_destroy(&third);
}

static void set_parameter(const char *name, unsigned long value)
{
	char parameter[64], text[32];

	snprintf(parameter, sizeof(parameter), "loopback_%s", name);
	snprintf(text, sizeof(text), "%lu", value);
	pair_set_parameter("kvm_ft", parameter, text);
}

/* The fixture's, but made with a parameter set. */
static void create_pair_with(struct side *record, struct side *replay, const char *name,
			     unsigned long value)
{
	side_destroy(record);
	side_destroy(replay);
	set_parameter(name, value);
	create_pair(record, replay);
	set_parameter(name, 0);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

TEST_F(loopback, delay_changes_nothing_but_the_time)
{
	struct side *record = &self->record, *replay = &self->replay;
	uint64_t recorded, delay_ms = 500;

	create_pair_with(record, replay, "delay_ms", delay_ms);
	side_load_worker(&record->g);
	side_load_worker(&replay->g);
	side_run(record);
	side_run(replay);
	side_send_events(record, EVENTS);
	pthread_join(record->thread, NULL);
	recorded = now_ms();
	pthread_join(replay->thread, NULL);

	/* The log's end was stored just now; timers are good to a jiffy. */
	EXPECT_LE(recorded + delay_ms - 10, now_ms());
	EXPECT_EQ(KVM_FT_END_COMPLETE, replay->status.log_end);
	EXPECT_EQ(EVENTS, replay->events);
	EXPECT_STREQ("", pair_difference(record, replay));
}

TEST_F(loopback, lost_connection_ends_both)
{
	struct side *record = &self->record, *replay = &self->replay;

	create_pair_with(record, replay, "lose_after", NEARLY_FULL);
	side_load_chatter(record);
	side_load_chatter(replay);
	side_run(record);
	side_run(replay);
	pthread_join(record->thread, NULL);
	pthread_join(replay->thread, NULL);
	EXPECT_EQ(EIO, record->error);
	EXPECT_EQ(KVM_FT_STATE_FAILED, record->status.state);
	EXPECT_EQ(EPIPE, record->status.error);
	/* It has played all that it got. */
	EXPECT_EQ(KVM_FT_EXIT_END, replay->exit);
	EXPECT_EQ(KVM_FT_STATE_STOPPED, replay->status.state)
		TH_LOG("%s", replay->status.what);
	EXPECT_EQ(KVM_FT_END_TORN, replay->status.log_end);
	EXPECT_GE(NEARLY_FULL, replay->status.bytes);
	EXPECT_LT(NEARLY_FULL / 2, replay->status.bytes);
}

/* Half a block is no block, and the recorder is told that nobody reads on. */
TEST_F(loopback, half_a_block_is_refused)
{
	struct side *record = &self->record, *replay = &self->replay;

	create_pair_with(record, replay, "truncate_after", NEARLY_FULL + 1);
	side_load_chatter(record);
	side_load_chatter(replay);
	side_run(record);
	side_run(replay);
	pthread_join(replay->thread, NULL);
	pthread_join(record->thread, NULL);
	EXPECT_EQ(EIO, replay->error);
	EXPECT_EQ(KVM_FT_STATE_FAILED, replay->status.state);
	EXPECT_EQ(EBADMSG, replay->status.error);
	EXPECT_EQ(EPIPE, record->status.error);
}

TEST_HARNESS_MAIN
