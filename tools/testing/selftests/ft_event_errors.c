// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM_FT_EVENT and KVM_FT_VALUE with bad arguments, at the wrong time, and
 * behind the end of a log: each is refused for its reason, and nothing is lost.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-paging: nested strict
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "program.h"
#include "session.h"

#define PORT_VALUE	"0x50"
#define TAG		7
#define NOWHERE		8	/* an address that nobody has */

static uint64_t payload = 0x123456789abcdef0, room[2];

static struct kvm_ft_data data_of(void *at, uint32_t size)
{
	return (struct kvm_ft_data){ .tag = TAG, .data = (unsigned long)at, .size = size };
}

static int error_of(int session, unsigned long request, struct kvm_ft_data data)
{
	return ioctl(session, request, &data) ? errno : 0;
}

/* What is refused in each state in which the right arguments would not be. */
static void bad_arguments(struct __test_metadata *_metadata, int session, unsigned long request)
{
	struct kvm_ft_data data = data_of(&payload, 8);
	int i;

	for (i = 0; i < 2; i++) {
		data.pad[i] = 1;
		EXPECT_EQ(EINVAL, error_of(session, request, data));
		data.pad[i] = 0;
	}
	EXPECT_EQ(EFAULT, error_of(session, request, data_of((void *)NOWHERE, 8)));
	EXPECT_EQ(-1, ioctl(session, request, NOWHERE));
	EXPECT_EQ(EFAULT, errno);
}

static void too_long(struct __test_metadata *_metadata, int session, unsigned long request)
{
	EXPECT_EQ(EINVAL, error_of(session, request, data_of(&payload, KVM_FT_DATA_MAX + 1)));
	EXPECT_EQ(EINVAL, error_of(session, request, data_of(&payload, ~0U)));
}

/* Reads a port over and over. */
GUEST_CODE(reads, "1: in $" PORT_VALUE ", %eax; add %rax, %rbx; jmp 1b\n");

/**
 * struct side - one that records, then one that replays
 * @guest: the guest
 * @log: file of the log
 * @session: of the guest
 * @run: how it came back last
 */
struct side {
	struct guest guest;
	int log;
	int session;
	struct kvm_ft_run run;
};

static void begin(struct side *s)
{
	guest_create_irqchip(&s->guest, 4 << 20);
	guest_load_code(&s->guest, reads);
	s->session = session_create(&s->guest, "errors");
}

static void end(struct side *s)
{
	close(s->session);
	guest_destroy(&s->guest);
}

static void replay(struct side *s)
{
	end(s);
	begin(s);
	session_start(s->session, KVM_FT_REPLAY, s->log);
}

static void run_to(struct __test_metadata *_metadata, struct side *s, uint32_t expected)
{
	ASSERT_EQ(0, ioctl(s->session, KVM_FT_RUN, &s->run));
	ASSERT_EQ(expected, s->run.exit);
}

/* There may be exits for the port before. */
static void run_on_to(struct __test_metadata *_metadata, struct side *s, uint32_t expected)
{
	do {
		ASSERT_EQ(0, ioctl(s->session, KVM_FT_RUN, &s->run));
	} while (s->run.exit == KVM_FT_EXIT_KVM);
	ASSERT_EQ(expected, s->run.exit);
}

static void stop(struct __test_metadata *_metadata, struct side *s)
{
	ASSERT_EQ(0, ioctl(s->session, KVM_FT_STOP));
}

static struct kvm_ft_status status(struct __test_metadata *_metadata, struct side *s)
{
	struct kvm_ft_status st;

	ASSERT_EQ(0, ioctl(s->session, KVM_FT_STATUS, &st));
	return st;
}

FIXTURE(errors) {
	struct side side;
};

FIXTURE_SETUP(errors)
{
	self->side.log = temporary_file();
	begin(&self->side);
}

FIXTURE_TEARDOWN(errors)
{
	end(&self->side);
	close(self->side.log);
}

TEST_F(errors, no_session_runs)
{
	struct side *s = &self->side;

	EXPECT_EQ(EINVAL, error_of(s->session, KVM_FT_EVENT, data_of(&payload, 8)));
	EXPECT_EQ(EINVAL, error_of(s->session, KVM_FT_VALUE, data_of(&payload, 8)));
	session_start(s->session, KVM_FT_RECORD, s->log);
	stop(_metadata, s);
	EXPECT_EQ(EINVAL, error_of(s->session, KVM_FT_EVENT, data_of(&payload, 8)));
	EXPECT_EQ(EINVAL, error_of(s->session, KVM_FT_VALUE, data_of(&payload, 8)));
}

static void record_event(struct __test_metadata *_metadata, struct side *s)
{
	int session = s->session;

	session_start(session, KVM_FT_RECORD, s->log);
	EXPECT_EQ(EBUSY, error_of(session, KVM_FT_EVENT, data_of(&payload, 8)));
	run_to(_metadata, s, KVM_FT_EXIT_KVM);
	EXPECT_EQ(EBUSY, error_of(session, KVM_FT_EVENT, data_of(&payload, 8)));
	ASSERT_EQ(0, ioctl(session, KVM_FT_KICK));
	run_on_to(_metadata, s, KVM_FT_EXIT_LANDMARK);
	bad_arguments(_metadata, session, KVM_FT_EVENT);
	too_long(_metadata, session, KVM_FT_EVENT);
	EXPECT_EQ(0, error_of(session, KVM_FT_EVENT, data_of(&payload, 8)));
	stop(_metadata, s);
}

TEST_F(errors, event)
{
	struct side *s = &self->side;
	struct kvm_ft_data small = data_of(room, 7);
	struct kvm_ft_status st;

	record_event(_metadata, s);
	st = status(_metadata, s);
	EXPECT_EQ(2, st.entries);

	replay(s);
	EXPECT_EQ(EBUSY, error_of(s->session, KVM_FT_EVENT, data_of(room, 16)));
	run_on_to(_metadata, s, KVM_FT_EXIT_EVENT);
	EXPECT_EQ(TAG, s->run.event_tag);
	EXPECT_EQ(8, s->run.event_size);
	bad_arguments(_metadata, s->session, KVM_FT_EVENT);
	EXPECT_EQ(-1, ioctl(s->session, KVM_FT_EVENT, &small));
	EXPECT_EQ(EMSGSIZE, errno);
	EXPECT_EQ(8, small.size);
	small.tag = 0;
	EXPECT_EQ(0, ioctl(s->session, KVM_FT_EVENT, &small));
	EXPECT_EQ(TAG, small.tag);
	EXPECT_EQ(payload, room[0]);
	EXPECT_EQ(EBUSY, error_of(s->session, KVM_FT_EVENT, data_of(room, 16)));
	run_to(_metadata, s, KVM_FT_EXIT_END);
}

TEST_F(errors, value)
{
	struct side *s = &self->side;

	session_start(s->session, KVM_FT_RECORD, s->log);
	run_to(_metadata, s, KVM_FT_EXIT_KVM);
	bad_arguments(_metadata, s->session, KVM_FT_VALUE);
	too_long(_metadata, s->session, KVM_FT_VALUE);
	EXPECT_EQ(0, error_of(s->session, KVM_FT_VALUE, data_of(&payload, 8)));
	stop(_metadata, s);

	replay(s);
	run_to(_metadata, s, KVM_FT_EXIT_KVM);
	bad_arguments(_metadata, s->session, KVM_FT_VALUE);
	EXPECT_EQ(0, error_of(s->session, KVM_FT_VALUE, data_of(room, 8)));
	EXPECT_EQ(payload, room[0]);
	run_to(_metadata, s, KVM_FT_EXIT_END);
}

/* The recording ended when the guest had got one of two values. */
static void one_value(struct __test_metadata *_metadata, struct side *s, int stopped,
		      uint32_t log_end)
{
	struct kvm_ft_status st;

	session_start(s->session, KVM_FT_RECORD, s->log);
	run_to(_metadata, s, KVM_FT_EXIT_KVM);
	ASSERT_EQ(0, error_of(s->session, KVM_FT_VALUE, data_of(&payload, 8)));
	if (stopped)
		stop(_metadata, s);

	replay(s);
	run_to(_metadata, s, KVM_FT_EXIT_KVM);
	EXPECT_EQ(0, error_of(s->session, KVM_FT_VALUE, data_of(room, 8)));
	EXPECT_EQ(payload, room[0]);
	EXPECT_EQ(ENODATA, error_of(s->session, KVM_FT_VALUE, data_of(&room[1], 8)));
	st = status(_metadata, s);
	EXPECT_EQ(KVM_FT_STATE_REPLAYING, st.state);
	run_to(_metadata, s, KVM_FT_EXIT_END);
	st = status(_metadata, s);
	EXPECT_EQ(log_end, st.log_end);
}

TEST_F(errors, value_behind_the_stop)
{
	one_value(_metadata, &self->side, 1, KVM_FT_END_COMPLETE);
}

TEST_F(errors, value_behind_the_end_of_a_torn_log)
{
	one_value(_metadata, &self->side, 0, KVM_FT_END_TORN);
}

TEST_F(errors, value_where_an_event_was)
{
	struct side *s = &self->side;

	record_event(_metadata, s);

	replay(s);
	run_on_to(_metadata, s, KVM_FT_EXIT_EVENT);
	EXPECT_EQ(EILSEQ, error_of(s->session, KVM_FT_VALUE, data_of(room, 8)));
	run_to(_metadata, s, KVM_FT_EXIT_DIVERGED);
}

REPLAY_KEEP_HOOKS

TEST_HARNESS_MAIN
