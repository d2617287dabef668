// SPDX-License-Identifier: GPL-2.0-only
/*
 * A count does not depend on what RCU wants of the CPU: KVM notes a quiescent
 * state on its way into the guest, and that takes instructions when somebody
 * waits for one.
 *
 * lab-module: kvm-ft-lab-pmu
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "counter.h"
#include "guest.h"
#include "kselftest_harness.h"
#include "random.h"

#define TRACING		"/sys/kernel/tracing/instances/grace_periods"
#define GRACE_PERIODS	10
#define MIN_LOOPS	100000
#define MAX_LOOPS	200000
#define SEED		1

GUEST_CODE(loop,
	   "1: dec %rcx\n"
	   "jnz 1b\n"
	   "out %al, $0x10\n");

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		err(1, "%s", path);
	close(fd);
}

/*
 * Takes a tracer away again and again, which waits for a grace period of RCU
 * tasks: the one that looks at runnable tasks, such as the vCPU's thread.  Tells
 * of each by a byte to @done.
 */
static void wait_for_grace_periods(int done)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	write_file(TRACING "/set_ftrace_filter", "schedule_timeout_killable");
	for (;;) {
		write_file(TRACING "/current_tracer", "function");
		write_file(TRACING "/current_tracer", "nop");
		if (write(done, "", 1) != 1)
			_exit(0);
	}
}

FIXTURE(grace_periods) {
	pid_t child;
	int done;
};

FIXTURE_SETUP(grace_periods)
{
	int ends[2];

	/* A test that was ended leaves it behind. */
	rmdir(TRACING);
	ASSERT_EQ(0, mkdir(TRACING, 0700));
	ASSERT_EQ(0, pipe2(ends, O_CLOEXEC));
	self->child = fork();
	ASSERT_LE(0, self->child);
	if (!self->child) {
		close(ends[0]);
		wait_for_grace_periods(ends[1]);
	}
	close(ends[1]);
	ASSERT_EQ(0, fcntl(ends[0], F_SETFL, O_NONBLOCK));
	self->done = ends[0];
}

FIXTURE_TEARDOWN(grace_periods)
{
	kill(self->child, SIGKILL);
	EXPECT_EQ(self->child, waitpid(self->child, NULL, 0));
	EXPECT_EQ(0, rmdir(TRACING));
}

TEST_F_TIMEOUT(grace_periods, do_not_count, 600)
{
	uint64_t seed = SEED, before;
	int counter, seen = 0;
	struct guest g;
	char byte;

	guest_create(&g, 4 << 20);
	guest_load_code(&g, loop);
	counter = counter_open();
	while (seen < GRACE_PERIODS) {
		uint64_t loops = random_between(&seed, MIN_LOOPS, MAX_LOOPS);
		struct kvm_regs regs = guest_regs(&g);

		regs.rip = GUEST_ENTRY;
		regs.rcx = loops;
		guest_set_regs(&g, &regs);
		before = counter_read(counter);
		guest_run_to_out(&g, 0x10);
		ASSERT_EQ(2 * loops, counter_read(counter) - before)
			TH_LOG("after %d grace periods, %lu loops", seen, loops);
		seen += read(self->done, &byte, 1) == 1;
		ASSERT_EQ(0, waitpid(self->child, NULL, WNOHANG));
	}
	guest_destroy(&g);
}

TEST_HARNESS_MAIN
