// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the lab PMU cannot count, it refuses: host instructions, one privilege
 * level only, unknown events, a skid out of range.
 *
 * lab-module: kvm-ft-lab-pmu
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "counter.h"
#include "kselftest_harness.h"

#define EXPECT_REFUSED(attr, error) do {				\
	errno = 0;							\
	EXPECT_EQ(-1, counter_try_open(attr));				\
	EXPECT_EQ(error, errno);					\
} while (0)

TEST(host_instructions_are_refused)
{
	struct perf_event_attr attr = counter_attr();

	attr.exclude_host = 0;
	EXPECT_REFUSED(&attr, EINVAL);
}

TEST(one_privilege_level_is_refused)
{
	struct perf_event_attr attr = counter_attr();

	attr.exclude_user = 1;
	EXPECT_REFUSED(&attr, EINVAL);
	attr.exclude_user = 0;
	attr.exclude_kernel = 1;
	EXPECT_REFUSED(&attr, EINVAL);
}

TEST(unknown_events_are_refused)
{
	struct perf_event_attr attr = counter_attr();

	attr.config = 2;
	EXPECT_REFUSED(&attr, EINVAL);
}

TEST(frequencies_are_refused)
{
	struct perf_event_attr attr = counter_attr();

	attr.freq = 1;
	attr.sample_freq = 100;
	EXPECT_REFUSED(&attr, EOPNOTSUPP);
}

TEST(host_time_counts_nothing)
{
	int counter = counter_open();
	int i;

	for (i = 0; i < 1000; i++)
		getppid();
	EXPECT_EQ(0, counter_read(counter));
	close(counter);
}

TEST(skid_out_of_range_is_refused)
{
	int fd = open("/sys/module/kvm_ft_lab_pmu/parameters/skid", O_WRONLY);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-1, write(fd, "10001", 5));
	EXPECT_EQ(ERANGE, errno);
	EXPECT_EQ(-1, write(fd, "-1", 2));
	EXPECT_EQ(2, write(fd, "10", 2));
	EXPECT_EQ(1, write(fd, "0", 1));
	close(fd);
}

TEST_HARNESS_MAIN
