// SPDX-License-Identifier: GPL-2.0-only
/* Guest memory is locked, or it is said why not.  Built with ASan and UBSan; prints KTAP. */
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "../memory.h"
#include "../../lib/message.h"
#include "../../lib/tests/test.h"

#define SIZE	(4ull << 20)

static char complaint[256];
static struct memory memory;

static void set_up(void)
{
	message_catch(complaint, sizeof(complaint));
	EXPECT(!memory_open(&memory, SIZE));
}

static void tear_down(void)
{
	memory_close(&memory);
}

/* Who may lock memory without a limit may not any more. */
static void drop_right_to_lock(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		abort();
	data[CAP_TO_INDEX(CAP_IPC_LOCK)].effective &= ~CAP_TO_MASK(CAP_IPC_LOCK);
	if (syscall(SYS_capset, &header, data))
		abort();
}

static void set_limit(rlim_t bytes)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit))
		abort();
	limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		abort();
}

static void memory_that_may_be_locked_is(void)
{
	set_limit(2 * SIZE);
	EXPECT(!memory_lock(&memory, false));
	EXPECT(!*complaint);
}

static void memory_beyond_the_limit_is_not(void)
{
	drop_right_to_lock();
	set_limit(SIZE / 2);
	EXPECT(memory_lock(&memory, false));
	EXPECT(strstr(complaint, "cannot lock the guest's memory") && strstr(complaint, "ulimit"));
}

/* It is not tried, which could have the host end other programs. */
static void memory_beyond_that_of_the_host_is_not(void)
{
	struct memory huge = memory;
	struct sysinfo host;

	EXPECT(!sysinfo(&host));
	huge.size = (uint64_t)host.totalram * host.mem_unit + 1;
	EXPECT(memory_lock(&huge, true));
	EXPECT(strstr(complaint, "more than this host has"));
}

static const struct test tests[] = {
	TEST(memory_that_may_be_locked_is),
	TEST(memory_beyond_that_of_the_host_is_not),
	TEST(memory_beyond_the_limit_is_not),
};

int main(int argc, char **argv)
{
	return run_tests("memory", tests, ARRAY_SIZE(tests), argc, argv);
}
