// SPDX-License-Identifier: GPL-2.0-only
/*
 * The planned switch: when the primary gives the guest away, and when it keeps it.  Kernel,
 * arbiter, outputs and disks are what each test says.  Built with ASan and UBSan; prints KTAP.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../hold.h"
#include "../switchover.h"
#include "../vcpu.h"
#include "../../lib/tests/test.h"

#define LOG_BYTES	1000
#define SECOND_NS	1000000000ull

static struct vcpu vcpu;
static struct recording recording;
static struct lockstep lockstep;
static struct kvm_ft_link_page page;
static struct hold_stats held;
static bool settled;
static uint64_t log_bytes;
static bool is_full;		/* the log takes no event */
static bool plays_the_event;
static uint64_t time_ns;
static int other_end;
static int flushed;
static int told;		/* how often the log got the event: all outputs have left */
static int looks;		/* at the arbiter's records */
static int accepts_after;	/* of these; or never, if it is negative */
static uint64_t through_after;	/* the secondary has played all, in ns; or never, if it is 0 */

/* Each look at the clock takes a tenth of a second. */
uint64_t lockstep_now(void)
{
	return time_ns += SECOND_NS / 10;
}

struct kvm_ft_link_page lockstep_link(const struct lockstep *l)
{
	(void)l;
	if (through_after && time_ns >= through_after)
		page.replayed = log_bytes;
	return page;
}

void vcpu_flush(struct vcpu *v)
{
	(void)v;
	flushed++;
}

void hold_get_stats(struct hold_stats *stats)
{
	*stats = held;
}

int kvmft_put_event(struct kvmft_session *s, uint32_t tag, const void *data, uint32_t size)
{
	EXPECT(s == &recording.session && tag == INPUT_TAG(INPUT_RELEASED, 0) && !data && !size);
	EXPECT(!held.waiting && !flushed);	/* a flush leaves the landmark */
	if (is_full)
		return -EIO;
	told++;
	log_bytes++;
	if (page.replayed && plays_the_event) {
		page.committed = log_bytes;
		page.replayed = log_bytes;
	}
	return 0;
}

int kvmft_status(struct kvmft_session *s, struct kvm_ft_status *status)
{
	(void)s;
	*status = (struct kvm_ft_status){ .bytes = log_bytes };
	return 0;
}

int arbiter_has_accepted(struct arbiter *a, uint64_t generation, unsigned int side)
{
	(void)a;
	EXPECT(generation == 7 && side == ARBITER_SECONDARY);
	looks++;
	if (accepts_after < 0 || looks <= accepts_after)
		return looks % 2 ? 0 : -EIO;	/* storage may be away for a moment */
	return 1;
}

static bool is_settled(void *owner)
{
	(void)owner;
	return settled;
}

/* All is through, but what a test changes. */
static void set_up(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		abort();
	other_end = ends[1];
	vcpu = (struct vcpu){ .stop = false };
	recording = (struct recording){ .vcpu = &vcpu, .lockstep = &lockstep };
	lockstep = (struct lockstep){
		.recording = &recording, .is_settled = is_settled, .socket = ends[0],
		.generation = 7,
	};
	page = (struct kvm_ft_link_page){
		.state = KVM_FT_LINK_UP, .committed = LOG_BYTES, .replayed = LOG_BYTES,
	};
	held = (struct hold_stats){ 0 };
	settled = true;
	time_ns = 0;
	flushed = 0;
	told = 0;
	log_bytes = LOG_BYTES;
	is_full = false;
	plays_the_event = true;
	looks = 0;
	accepts_after = 0;
	through_after = 0;
}

static void tear_down(void)
{
	close(lockstep.socket);
	close(other_end);
}

/* The connection is cut, and the guest the secondary's. */
static bool is_cut(void)
{
	char byte;

	return recv(other_end, &byte, 1, MSG_DONTWAIT) == 0;
}

static bool hands_over(void)
{
	int err = switchover_stop(&lockstep);

	EXPECT(lockstep.concedes == !err && is_cut() == !err);
	return !err;
}

static void hands_over_when_all_is_through(void)
{
	EXPECT(hands_over());
	EXPECT(flushed == 1 && told == 1 && lockstep.stopped_ns);
}

static void waits_for_the_secondary(void)
{
	page.committed = log_bytes + 1;
	page.replayed = 0;
	through_after = 5 * SECOND_NS;
	EXPECT(hands_over());
	EXPECT(time_ns >= through_after && told == 1);
}

/* Ten seconds, and no more: the guest stands still for that long. */
static bool gives_up(void)
{
	return !hands_over() && time_ns >= 10 * SECOND_NS && time_ns < 12 * SECOND_NS;
}

static void keeps_what_the_secondary_has_not_played(void)
{
	page.replayed = LOG_BYTES - 1;
	plays_the_event = false;
	page.committed = log_bytes + 1;
	EXPECT(gives_up());
}

static void keeps_what_it_has_not_told(void)
{
	is_full = true;
	EXPECT(!hands_over() && !told);
	is_full = false;
	plays_the_event = false;
	EXPECT(gives_up() && told == 1);
}

static void keeps_what_was_not_acknowledged(void)
{
	page.committed = LOG_BYTES - 1;
	plays_the_event = false;
	page.replayed = log_bytes + 1;
	EXPECT(gives_up());
}

static void keeps_outputs_that_wait(void)
{
	held.waiting = 1;
	EXPECT(gives_up() && !told);
}

static void keeps_a_disk_that_works(void)
{
	settled = false;
	EXPECT(gives_up());
}

static void does_not_wait_for_the_dead(void)
{
	page.state = KVM_FT_LINK_LOST;
	EXPECT(!hands_over());
	page.state = KVM_FT_LINK_UP;
	page.replayed = 0;
	vcpu.stop = true;
	EXPECT(!hands_over());
	recording.lockstep = NULL;
	EXPECT(!hands_over());
	EXPECT(time_ns < SECOND_NS);
}

static void lets_the_secondary_propose_itself(void)
{
	accepts_after = 5;
	switchover_wait(&lockstep);
	EXPECT(looks == 6);
}

static void contends_if_it_does_not(void)
{
	accepts_after = -1;
	switchover_wait(&lockstep);
	EXPECT(time_ns >= 10 * SECOND_NS && time_ns < 11 * SECOND_NS);
	atomic_store(&lockstep.cancel, true);
	looks = 0;
	switchover_wait(&lockstep);
	EXPECT(!looks);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(hands_over_when_all_is_through), TEST(waits_for_the_secondary),
		TEST(keeps_what_the_secondary_has_not_played), TEST(keeps_what_it_has_not_told),
		TEST(keeps_what_was_not_acknowledged), TEST(keeps_outputs_that_wait),
		TEST(keeps_a_disk_that_works), TEST(does_not_wait_for_the_dead),
		TEST(lets_the_secondary_propose_itself), TEST(contends_if_it_does_not),
	};

	return run_tests("switchover", tests, ARRAY_SIZE(tests), argc, argv);
}
