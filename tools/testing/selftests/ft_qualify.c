// SPDX-License-Identifier: GPL-2.0-only
/*
 * The qualification of a host's counter: the lab PMU is exact and passes; a
 * counter that is not is refused by the name of what is wrong with it.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-paging: nested strict
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../../kvm-ft/arch/x86/counter_models.h"
#include "../../../userspace/libkvmft/qualify.h"
#include "counter.h"
#include "kselftest_harness.h"

FIXTURE(qualify) {
	struct kvmft_counter counter;
	struct kvmft_qualification result;
};

FIXTURE_SETUP(qualify)
{
	lab_pmu_set("skid", 0);
	lab_pmu_set("miscount", 0);
	ASSERT_EQ(0, kvmft_counter_of_lab(&self->counter));
	self->counter.skid = 0;
}

FIXTURE_TEARDOWN(qualify)
{
	lab_pmu_set("skid", 0);
	lab_pmu_set("miscount", 0);
}

#define EXPECT_VERDICT(wanted) do {						\
	int verdict = kvmft_qualify_counter(&self->counter, &self->result);	\
										\
	TH_LOG("%s", self->result.text);					\
	EXPECT_STREQ(kvmft_verdict_name(wanted), kvmft_verdict_name(verdict));	\
	EXPECT_EQ(verdict, (int)self->result.verdict);				\
} while (0)

TEST_F(qualify, exact_counter)
{
	EXPECT_VERDICT(KVMFT_OK);
	EXPECT_EQ(self->result.expected, self->result.lowest);
	EXPECT_EQ(self->result.expected, self->result.highest);
	EXPECT_EQ(0, self->result.earliest);
	EXPECT_EQ(0, self->result.latest);
	/* Otherwise the guest was not disturbed as was meant. */
	EXPECT_LT(self->result.runs, self->result.interruptions);
}

TEST_F(qualify, skid_as_stated)
{
	lab_pmu_set("skid", 100);
	self->counter.skid = 100;
	EXPECT_VERDICT(KVMFT_OK);
	EXPECT_GT(0, self->result.earliest);
	EXPECT_LT(0, self->result.latest);
}

TEST_F(qualify, skid_greater_than_stated)
{
	lab_pmu_set("skid", 100);
	self->counter.skid = 10;
	EXPECT_VERDICT(KVMFT_LATE_OVERFLOW);
	self->counter.skid = KVMFT_MAX_SKID + 1;
	EXPECT_VERDICT(KVMFT_LATE_OVERFLOW);
}

TEST_F(qualify, inexact_counter)
{
	lab_pmu_set("miscount", 1000);
	EXPECT_VERDICT(KVMFT_NOT_REPEATABLE);
	EXPECT_EQ(1, self->result.highest - self->result.lowest);
}

TEST_F(qualify, counter_of_something_else)
{
	self->counter.counts = KVMFT_COUNTS_COND_BRANCHES;
	EXPECT_VERDICT(KVMFT_WRONG_COUNT);
	EXPECT_NE(self->result.expected, self->result.lowest);
	/* Whatever it is, it is the same each time. */
	self->counter.counts = KVMFT_COUNTS_UNKNOWN;
	EXPECT_VERDICT(KVMFT_OK);
}

TEST_F(qualify, counter_of_nothing)
{
	self->counter.type = PERF_TYPE_SOFTWARE;
	self->counter.config = PERF_COUNT_SW_DUMMY;
	self->counter.counts = KVMFT_COUNTS_UNKNOWN;
	EXPECT_VERDICT(KVMFT_WRONG_COUNT);
}

TEST_F(qualify, counters_of_the_host)
{
	self->counter.type = PERF_TYPE_SOFTWARE;
	self->counter.config = PERF_COUNT_SW_CPU_CLOCK;
	EXPECT_VERDICT(KVMFT_COUNTS_HOST);
	self->counter.config = PERF_COUNT_SW_PAGE_FAULTS;
	EXPECT_VERDICT(KVMFT_COUNTS_HOST);
}

/* An emulated host has no counters of its own. */
TEST_F(qualify, no_counter)
{
	self->counter.type = PERF_TYPE_RAW;
	self->counter.config = 0xd1;
	EXPECT_VERDICT(KVMFT_NO_COUNTER);
}

TEST_F(qualify, no_kvm)
{
	/* The working folder stays outside, so that there is a way back. */
	ASSERT_EQ(0, chdir("/"));
	ASSERT_EQ(0, chroot("/proc"));
	EXPECT_VERDICT(KVMFT_NO_KVM);
	ASSERT_EQ(0, chroot("."));
}

/* From now on this process's KVM_RUN fails. */
static int fail_kvm_run(int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KVM_RUN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(filter), filter };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

TEST_F(qualify, guest_that_does_not_run)
{
	ASSERT_EQ(0, fail_kvm_run(EIO));
	EXPECT_VERDICT(KVMFT_GUEST_FAILED);
	EXPECT_NE(NULL, strstr(self->result.text, "Input/output error"));
}

/* It is given up when its time is over; not busy, so that a lab's time flies. */
TEST_F_TIMEOUT(qualify, guest_that_does_not_end, 3 * KVMFT_QUALIFY_SECONDS)
{
	ASSERT_EQ(0, prctl(PR_SET_TIMERSLACK, 100000000, 0, 0, 0));
	ASSERT_EQ(0, fail_kvm_run(EINTR));
	EXPECT_VERDICT(KVMFT_GUEST_FAILED);
	EXPECT_NE(NULL, strstr(self->result.text, "was not over after 60 s"));
}

TEST_F(qualify, no_timer)
{
	struct rlimit none = {};

	ASSERT_EQ(0, setrlimit(RLIMIT_SIGPENDING, &none));
	EXPECT_VERDICT(KVMFT_GUEST_FAILED);
	EXPECT_NE(NULL, strstr(self->result.text, "no timer"));
}

TEST_F(qualify, leaves_the_thread_as_it_was)
{
	sigset_t before, after, pending;
	int i;

	ASSERT_EQ(0, sigprocmask(SIG_SETMASK, NULL, &before));
	EXPECT_VERDICT(KVMFT_OK);
	ASSERT_EQ(0, sigprocmask(SIG_SETMASK, NULL, &after));
	ASSERT_EQ(0, sigpending(&pending));
	for (i = 1; i <= SIGRTMAX; i++)
		EXPECT_EQ(sigismember(&before, i), sigismember(&after, i)) TH_LOG("signal %d", i);
	EXPECT_EQ(1, sigisemptyset(&pending));
}

#define EXPECT_EVENT(event, bound, vendor, family, number) do {			\
	const struct kvm_ft_counter_model *model =				\
		kvm_ft_counter_model_of(KVM_FT_CPU_##vendor, family, number);	\
										\
	ASSERT_NE(NULL, model);							\
	EXPECT_EQ(event, model->config);					\
	EXPECT_EQ(bound, model->skid);						\
} while (0)

TEST(rows_of_the_table)
{
	EXPECT_EVENT(0x01c4, 100, INTEL, 6, 0x55);	/* Skylake, server */
	EXPECT_EVENT(0x01c4, 100, INTEL, 6, 0x9e);	/* Coffee Lake */
	EXPECT_EVENT(0x11c4, 100, INTEL, 6, 0x6a);	/* Ice Lake, server */
	EXPECT_EVENT(0x11c4, 125, INTEL, 6, 0xcf);	/* Emerald Rapids */
	EXPECT_EVENT(0xd1, 10000, AMD, 0x17, 0x31);	/* Rome */
	EXPECT_EVENT(0xd1, 10000, AMD, 0x19, 0x11);	/* Genoa */
}

TEST(unknown_cpus_have_no_row)
{
	EXPECT_EQ(NULL, kvm_ft_counter_model_of(KVM_FT_CPU_INTEL, 6, 0x97));	/* hybrid */
	EXPECT_EQ(NULL, kvm_ft_counter_model_of(KVM_FT_CPU_INTEL, 0xf, 0x55));
	EXPECT_EQ(NULL, kvm_ft_counter_model_of(KVM_FT_CPU_AMD, 6, 0x55));
	EXPECT_EQ(NULL, kvm_ft_counter_model_of(KVM_FT_CPU_AMD, 0x15, 0x31));
	EXPECT_EQ(NULL, kvm_ft_counter_model_of(KVM_FT_CPU_OTHER, 0x17, 0x31));
}

TEST_HARNESS_MAIN
