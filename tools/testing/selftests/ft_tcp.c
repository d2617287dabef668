// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest is replayed while it is recorded, over TCP: both end in the same state, and
 * outputs are committed.  When the recorder dies the replayed guest goes live
 * where the log ends.  What is no peer, a wrong one, or a silent one, ends the link
 * and nothing else.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-module: kvm-ft-tcp
 * lab-paging: nested strict
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "kselftest_harness.h"
#include "pair.h"
#include "../../../kvm-ft/replay/frame.h"
#include "../../../userspace/libkvmft/session.h"

#define GENERATION	7

static const struct kvm_ft_link_page *map_page(int session)
{
	void *page = mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED, session, 0);

	if (page == MAP_FAILED)
		err(1, "mmap of a session");
	return page;
}

FIXTURE(tcp) {
	struct side record;
	struct side replay;
	const struct kvm_ft_link_page *source;
	const struct kvm_ft_link_page *sink;
	int fds[2];
};

FIXTURE_SETUP(tcp)
{
	pair_set_up();
	connection_set_up();
	self->record.role = KVM_FT_RECORD;
	self->replay.role = KVM_FT_REPLAY;
	side_create(&self->record);
	side_create(&self->replay);
	self->source = map_page(self->record.session);
	self->sink = map_page(self->replay.session);
	connection_make(self->fds, 1);
}

FIXTURE_TEARDOWN(tcp)
{
	munmap((void *)self->source, getpagesize());
	munmap((void *)self->sink, getpagesize());
	side_destroy(&self->record);
	side_destroy(&self->replay);
	connection_tear_down();
	pair_tear_down();
}

static uint32_t state(const struct kvm_ft_link_page *page)
{
	return __atomic_load_n(&page->state, __ATOMIC_ACQUIRE);
}

/* Until the session's link has ended. */
static void wait_for_end(int session)
{
	struct pollfd p = { .fd = session };

	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
}

TEST_F(tcp, both_end_in_the_same_state)
{
	struct side *record = &self->record, *replay = &self->replay;

	connection_give(self->record.session, self->fds[0], GENERATION);
	connection_give(self->replay.session, self->fds[1], GENERATION);
	EXPECT_EQ(KVM_FT_LINK_NONE, state(self->source));
	pair_run_workers(record, replay);

	EXPECT_EQ(KVM_FT_STATE_STOPPED, record->status.state)
		TH_LOG("%s", record->status.what);
	EXPECT_EQ(KVM_FT_STATE_STOPPED, replay->status.state)
		TH_LOG("%s", replay->status.what);
	EXPECT_EQ(KVM_FT_EXIT_END, replay->exit);
	EXPECT_EQ(KVM_FT_END_COMPLETE, replay->status.log_end);
	EXPECT_EQ(EVENTS, replay->events);
	EXPECT_STREQ("", pair_difference(record, replay));
	EXPECT_LE(INTERRUPTS, (int)guest_regs(&record->g).r12);
	/* KVM_FT_STOP has waited until the other side had it all. */
	EXPECT_EQ(KVM_FT_LINK_CLOSED, state(self->source));
	EXPECT_EQ(KVM_FT_LINK_CLOSED, state(self->sink));
	EXPECT_EQ(record->status.bytes, self->source->committed);
	EXPECT_EQ(0, self->source->error);
}

#define FRAME_MOST	(KVM_FT_FRAME_HEAD + KVM_FT_FRAME_MAX)
#define HANG_UP_MS	300	/* what would hang up too early does it in less */

/**
 * struct relay - between two connections
 * @from: a source's
 * @to: a sink's
 * @bye: it has passed a BYE on
 * @hung_up: before that the sink had gone
 */
struct relay {
	int from;
	int to;
	int bye;
	int hung_up;
};

/* A BYE is late by as long as a sink that does not wait for it needs to hang up. */
static void wait_before_bye(struct relay *r)
{
	struct pollfd p = { .fd = r->to, .events = POLLRDHUP };

	r->hung_up = poll(&p, 1, HANG_UP_MS) > 0;
	r->bye = 1;
}

static void *relay_frames(void *arg)
{
	static uint8_t frame[FRAME_MOST];
	struct relay *r = arg;
	struct kvm_ft_frame head;

	while (connection_read(r->from, frame, KVM_FT_FRAME_HEAD)) {
		if (kvm_ft_frame_decode(&head, frame) ||
		    !connection_read(r->from, frame + KVM_FT_FRAME_HEAD, head.length))
			break;
		if (head.type == KVM_FT_FRAME_BYE)
			wait_before_bye(r);
		if (send(r->to, frame, KVM_FT_FRAME_HEAD + head.length, MSG_NOSIGNAL) < 0)
			break;
	}
	shutdown(r->to, SHUT_WR);
	return NULL;
}

static void *relay_bytes(void *arg)
{
	struct relay *r = arg;
	uint8_t bytes[4096];
	ssize_t n;

	while ((n = recv(r->to, bytes, sizeof(bytes), 0)) > 0)
		if (send(r->from, bytes, n, MSG_NOSIGNAL) < 0)
			break;
	shutdown(r->from, SHUT_WR);
	return NULL;
}

/* The sink has played all of the log before it hears that there is no more. */
TEST_F(tcp, end_of_the_log_is_waited_for)
{
	struct side *record = &self->record, *replay = &self->replay;
	pthread_t there, back;
	struct relay relay = {};
	int sink[2];

	connection_make(sink, 1);
	connection_give(record->session, self->fds[0], GENERATION);
	connection_give(replay->session, sink[0], GENERATION);
	relay.from = self->fds[1];
	relay.to = sink[1];
	if (pthread_create(&there, NULL, relay_frames, &relay) ||
	    pthread_create(&back, NULL, relay_bytes, &relay))
		errx(1, "pthread_create");
	pair_run_workers(record, replay);

	EXPECT_EQ(KVM_FT_STATE_STOPPED, record->status.state)
		TH_LOG("%s", record->status.what);
	EXPECT_EQ(KVM_FT_STATE_STOPPED, replay->status.state)
		TH_LOG("%s", replay->status.what);
	EXPECT_EQ(KVM_FT_END_COMPLETE, replay->status.log_end);
	EXPECT_EQ(KVM_FT_LINK_CLOSED, state(self->source));
	EXPECT_EQ(KVM_FT_LINK_CLOSED, state(self->sink));
	close(record->session);
	close(replay->session);
	pthread_join(there, NULL);
	pthread_join(back, NULL);
	EXPECT_EQ(1, relay.bye);
	EXPECT_EQ(0, relay.hung_up);
	close(relay.from);
	close(relay.to);
}

/*
 * An output's position is committed, and who polls learns of it.  Both guests stand at their
 * first instruction.
 */
TEST_F(tcp, outputs_are_committed)
{
	struct pollfd p = { .fd = self->record.session, .events = POLLIN };
	struct side *record = &self->record, *replay = &self->replay;
	struct kvm_ft_output output = { .tag = 3 };
	struct kvm_ft_status st;
	uint64_t committed, position;

	connection_give(self->record.session, self->fds[0], GENERATION);
	connection_give(self->replay.session, self->fds[1], GENERATION);
	side_load_worker(&record->g);
	side_load_worker(&replay->g);
	side_start(record);
	side_start(replay);
	ASSERT_EQ(0, ioctl(record->session, KVM_FT_OUTPUT, &output));
	position = output.position;
	do {
		ASSERT_EQ(1, poll(&p, 1, -1));
		ASSERT_EQ((ssize_t)sizeof(committed),
			  read(record->session, &committed, sizeof(committed)));
	} while (committed < position);
	EXPECT_EQ(committed, self->source->committed);
	EXPECT_EQ(0, poll(&p, 1, 0));

	ASSERT_EQ(0, ioctl(replay->session, KVM_FT_OUTPUT, &output));
	EXPECT_EQ(position, output.position);
	output.tag = 4;
	ASSERT_EQ(0, ioctl(record->session, KVM_FT_OUTPUT, &output));
	EXPECT_LT(position, output.position);
	/* Another output than the primary's. */
	output.tag = 5;
	EXPECT_EQ(-1, ioctl(replay->session, KVM_FT_OUTPUT, &output));
	EXPECT_EQ(EILSEQ, errno);
	ioctl(replay->session, KVM_FT_STATUS, &st);
	EXPECT_EQ(KVM_FT_STATE_DIVERGED, st.state);
	EXPECT_EQ(-1, ioctl(replay->session, KVM_FT_PROMOTE, &(struct kvm_ft_promote){}));
	EXPECT_EQ(EPERM, errno);
}

/* Replays, takes over, and runs on alone. */
static void *take_over(void *arg)
{
	struct side *replay = arg;
	struct kvmft_session session = { .fd = replay->session };
	struct kvm_ft_promote promote;

	side_start(replay);
	if (!ioctl(replay->session, KVM_FT_PROMOTE, &promote) || errno != EBUSY)
		errx(1, "promoted in the middle of the log");
	side_run_until_end(replay);
	ioctl(replay->session, KVM_FT_STATUS, &replay->status);
	if (replay->exit != KVM_FT_EXIT_END)
		return NULL;
	if (kvmft_promote(&session, replay->g.vcpu))
		errx(1, "%s", session.problem);
	/* The events that nobody sends any more. */
	memcpy(replay->g.mem + MAILBOX, &(uint32_t){ EVENTS }, sizeof(uint32_t));
	side_run_until_end(replay);
	return NULL;
}

TEST_F(tcp, replay_goes_live_where_the_log_ends)
{
	struct side *record = &self->record, *replay = &self->replay;

	ASSERT_EQ(0, connection_try(record->session, self->fds[0], GENERATION));
	ASSERT_EQ(0, connection_try(replay->session, self->fds[1], GENERATION));
	side_load_worker(&record->g);
	side_load_worker(&replay->g);
	if (pthread_create(&replay->thread, NULL, take_over, replay))
		errx(1, "pthread_create");
	side_run(record);
	side_send_events(record, 2);
	while (__atomic_load_n(&replay->events, __ATOMIC_SEQ_CST) < 2)
		sched_yield();
	/* Both sides lose sight of the other one. */
	shutdown(self->fds[0], SHUT_RDWR);
	pthread_join(record->thread, NULL);
	pthread_join(replay->thread, NULL);
	close(self->fds[0]);
	close(self->fds[1]);

	EXPECT_EQ(KVM_FT_STATE_FAILED, record->status.state);
	EXPECT_EQ(KVM_FT_END_TORN, replay->status.log_end)
		TH_LOG("%s", replay->status.what);
	EXPECT_EQ(KVM_FT_LINK_LOST, state(self->sink));
	EXPECT_EQ(ECONNRESET, self->sink->error);
	EXPECT_EQ(2, replay->events);
	EXPECT_EQ(0, replay->error);
	EXPECT_EQ(KVM_FT_EXIT_KVM, replay->exit);
	/* Interrupts have come to their end, some from the log and some of its own. */
	EXPECT_LE(INTERRUPTS, (int)guest_regs(&replay->g).r12);
}

TEST_F(tcp, silence_ends_the_link)
{
	int peer = self->fds[1], n;
	char byte;

	connection_parameter("failure_timeout_ms", "200");
	connection_give(self->record.session, self->fds[0], GENERATION);
	side_load_chatter(&self->record);
	side_run(&self->record);
	wait_for_end(self->record.session);
	EXPECT_EQ(KVM_FT_LINK_LOST, state(self->source));
	EXPECT_EQ(ETIMEDOUT, self->source->error);
	/* What stores something then fails, and the guest can be run on. */
	pthread_join(self->record.thread, NULL);
	EXPECT_EQ(KVM_FT_STATE_FAILED, self->record.status.state);
	EXPECT_EQ(EPIPE, self->record.status.error);
	do {
		n = read(peer, &byte, 1);
	} while (n > 0);
	EXPECT_EQ(0, n);
	close(peer);
}

/* The link may have ended before the log's header was stored, or end after it. */
static void start_with_bad_peer(struct side *record)
{
	struct kvm_ft_start start = { .role = KVM_FT_RECORD };

	if (ioctl(record->session, KVM_FT_START, &start) && errno != EPIPE)
		err(1, "KVM_FT_START");
}

/* One that user space has set would end a link whose other end has no room for long. */
TEST_F(tcp, user_timeout_is_lifted)
{
	int same = dup(self->fds[0]), ms = 1234;
	socklen_t size = sizeof(ms);

	ASSERT_EQ(0, setsockopt(same, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, size));
	connection_give(self->record.session, self->fds[0], GENERATION);
	start_with_bad_peer(&self->record);
	ASSERT_EQ(0, getsockopt(same, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &size));
	EXPECT_EQ(0, ms);
	close(same);
	close(self->fds[1]);
}

TEST_F(tcp, garbage_ends_the_link)
{
	char garbage[4096];
	int peer = self->fds[1];

	connection_give(self->record.session, self->fds[0], GENERATION);
	memset(garbage, 0x5a, sizeof(garbage));
	ASSERT_EQ((ssize_t)sizeof(garbage), write(peer, garbage, sizeof(garbage)));
	start_with_bad_peer(&self->record);
	wait_for_end(self->record.session);
	EXPECT_EQ(KVM_FT_LINK_LOST, state(self->source));
	EXPECT_EQ(EPROTO, self->source->error);
	close(peer);
}

TEST_F(tcp, another_generation_is_not_accepted)
{
	struct kvm_ft_start start = { .role = KVM_FT_REPLAY };

	ASSERT_EQ(0, connection_try(self->record.session, self->fds[0], GENERATION));
	ASSERT_EQ(0, connection_try(self->replay.session, self->fds[1], GENERATION + 1));
	start_with_bad_peer(&self->record);
	EXPECT_EQ(-1, ioctl(self->replay.session, KVM_FT_START, &start));
	/* Who looks first says so, the other one sees it go. */
	EXPECT_TRUE(errno == ESTALE || errno == ECONNRESET) TH_LOG("%s", strerror(errno));
	EXPECT_EQ(KVM_FT_LINK_LOST, state(self->sink));
	wait_for_end(self->record.session);
	EXPECT_TRUE(self->source->error == ESTALE || self->sink->error == ESTALE);
	close(self->fds[0]);
	close(self->fds[1]);
}

TEST_F(tcp, sockets_that_do_not_fit_are_refused)
{
	int session = self->record.session, fds[2], fd;

	connection_make(fds, 0);
	EXPECT_EQ(ENODEV, connection_try(session, fds[0], 1));
	close(fds[0]);
	close(fds[1]);
	fd = connection_socket();
	EXPECT_EQ(ENOTCONN, connection_try(session, fd, 1));
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	EXPECT_EQ(EPROTOTYPE, connection_try(session, fd, 1));
	close(fd);
	EXPECT_EQ(ENOTSOCK, connection_try(session, self->record.g.vm, 1));
	EXPECT_EQ(EBADF, connection_try(session, 1000, 1));
	connection_parameter("log_interface", "eth7");
	EXPECT_EQ(ENODEV, connection_try(session, self->fds[0], 1));
	close(self->fds[0]);
	close(self->fds[1]);
}

TEST_F(tcp, page_cannot_be_written)
{
	EXPECT_EQ(MAP_FAILED, mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED,
				   self->record.session, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, getpagesize(), PROT_READ, MAP_SHARED,
				   self->record.session, getpagesize()));
	EXPECT_EQ(-1, mprotect((void *)self->source, getpagesize(), PROT_READ | PROT_WRITE));
}

TEST_HARNESS_MAIN
