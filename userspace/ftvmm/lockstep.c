// SPDX-License-Identifier: GPL-2.0-only
#include <arpa/inet.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <time.h>
#include <unistd.h>

#include "hold.h"
#include "inputs.h"
#include "lockstep.h"
#include "machine_config.h"
#include "message.h"
#include "patience.h"
#include "switchover.h"
#include "wait.h"

/* Secondary to primary, when it has the whole machine. */
#define READY		'R'

/* Between two attempts to reach the arbiter's storage. */
#define RETRY_MS	500

uint64_t lockstep_now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static bool is_undecided(const struct lockstep *l)
{
	return __atomic_load_n(&l->verdict, __ATOMIC_SEQ_CST) < 0;
}

static bool concedes(const struct lockstep *l)
{
	return __atomic_load_n(&l->concedes, __ATOMIC_SEQ_CST);
}

static bool is_noticed(void *data)
{
	const struct lockstep *l = data;

	return __atomic_load_n(&l->noticed, __ATOMIC_SEQ_CST);
}

static bool is_answered(void *data)
{
	const struct lockstep *l = data;

	return __atomic_load_n(&l->answered, __ATOMIC_SEQ_CST);
}

struct kvm_ft_link_page lockstep_link(const struct lockstep *l)
{
	struct kvm_ft_link_page link = { .state = KVM_FT_LINK_NONE };

	if (l->paired)
		kvmft_link(&l->recording->session, &link);
	return link;
}

static void change(struct lockstep *l, enum lockstep_state state)
{
	l->state = state;
	l->tell(l->owner);
}

/* The thread that asks the arbiter, over and over while the storage cannot be reached. */
static void *arbitrate(void *data)
{
	struct lockstep *l = data;
	unsigned int side = l->recording->replays ? ARBITER_SECONDARY : ARBITER_PRIMARY;
	const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };
	uint64_t one = 1;
	bool told = false;
	int answer;

	if (concedes(l))
		switchover_wait(l);
	for (;;) {
		answer = arbiter_decide(&l->arbiter, l->generation, side);
		if (answer >= 0 || atomic_load(&l->cancel))
			break;
		if (!told)
			complain("nothing is decided, the guest waits: %s", l->arbiter.problem);
		told = true;
		nanosleep(&pause, NULL);
	}
	if (answer >= 0)
		__atomic_store_n(&l->verdict, answer, __ATOMIC_SEQ_CST);
	if (write(l->decided.fd, &one, sizeof(one)) != sizeof(one))
		complain("cannot wake the main loop: %s", strerror(errno));
	return NULL;
}

static void start_arbitration(struct lockstep *l)
{
	int err;

	/* Before it can have decided, which another thread will see. */
	l->arbitrates = true;
	err = pthread_create(&l->thread, NULL, arbitrate, l);
	if (!err)
		return;
	l->arbitrates = false;
	complain("cannot start a thread for the arbiter: %s: the guest waits", strerror(err));
}

static void join_arbitration(struct lockstep *l)
{
	if (l->arbitrates)
		pthread_join(l->thread, NULL);
	l->arbitrates = false;
}

static void close_socket(struct lockstep *l)
{
	if (l->socket >= 0)
		close(l->socket);
	l->socket = -1;
}

static void forget_link(struct lockstep *l)
{
	if (l->link_watched)
		loop_forget(l->loop, &l->link);
	l->link_watched = false;
	close_socket(l);
}

static void link_is_lost(struct lockstep *l)
{
	struct kvm_ft_link_page link = lockstep_link(l);

	l->lost = link.error ?: ECONNRESET;
	l->lost_ns = lockstep_now();
	l->heard_ns = link.heard_ns;
	if (concedes(l))
		info("the guest stands still: it is the secondary's turn");
	else
		info("the %s is lost (%s)", l->state == LOCKSTEP_PRIMARY ? "secondary" : "primary",
		     strerror(l->lost));
	l->tell(l->owner);
	/* A secondary has to play all that it has first: it may find that it has diverged. */
	if (l->state == LOCKSTEP_PRIMARY)
		start_arbitration(l);
	__atomic_store_n(&l->noticed, true, __ATOMIC_SEQ_CST);
	wait_wake();
}

/* It is our own session that has ended: a replay that has diverged, or failed. */
static bool has_ended_itself(const struct lockstep *l)
{
	struct kvm_ft_status status;

	return l->state == LOCKSTEP_SECONDARY &&
	       (kvmft_status(&l->recording->session, &status) ||
		status.state == KVM_FT_STATE_DIVERGED || status.state == KVM_FT_STATE_FAILED);
}

/* Outputs that were waiting for it may leave; or the link has ended. */
static void on_link(void *owner)
{
	struct lockstep *l = owner;
	uint64_t committed = kvmft_committed(&l->recording->session);
	struct kvm_ft_link_page link = lockstep_link(l);

	if (l->state == LOCKSTEP_PRIMARY)
		hold_release(committed);
	if (!l->replayed && link.replayed) {
		l->replayed = true;
		l->tell(l->owner);
	}
	if (link.state != KVM_FT_LINK_LOST && link.state != KVM_FT_LINK_CLOSED)
		return;
	forget_link(l);
	/* Closed: the primary has ended it, both sides know what to do. */
	if (link.state == KVM_FT_LINK_LOST && !has_ended_itself(l))
		link_is_lost(l);
	/* Where the guest does nothing, it has to be told. */
	recording_kick(l->recording);
}

/* The main loop's part of the verdict, before the vCPU's thread learns of it. */
static void on_decided(void *owner)
{
	struct lockstep *l = owner;
	uint64_t count;

	if (read(l->decided.fd, &count, sizeof(count)) != sizeof(count) || is_undecided(l))
		return;
	join_arbitration(l);
	info("the arbiter: %s", l->verdict == ARBITER_WON ? "this side runs the guest on" :
	     "the other side runs the guest");
	if (l->verdict == ARBITER_LOST) {
		hold_drop();
		change(l, LOCKSTEP_ENDED);
	} else if (l->recording->replays) {
		change(l, LOCKSTEP_LIVE);
	} else {
		hold_release_all();
		change(l, LOCKSTEP_NONE);
	}
	__atomic_store_n(&l->answered, true, __ATOMIC_SEQ_CST);
	wait_wake();
}

int lockstep_open(struct lockstep *l)
{
	l->arbiter.fd = -1;
	l->verdict = -1;
	l->decided = (struct watch){
		.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.ready = on_decided,
		.owner = l,
	};
	if (l->decided.fd < 0)
		return complain("cannot create an eventfd: %s", strerror(errno));
	return loop_watch(l->loop, &l->decided);
}

/* The VM ends here, and no other host has it: nobody will contend for it again. */
static bool is_last(const struct lockstep *l)
{
	if (l->state == LOCKSTEP_PRIMARY)
		return lockstep_link(l).state == KVM_FT_LINK_CLOSED;
	return l->state == LOCKSTEP_NONE || l->state == LOCKSTEP_LIVE;
}

void lockstep_close(struct lockstep *l)
{
	atomic_store(&l->cancel, true);
	join_arbitration(l);
	if (l->arbiter.fd >= 0 && is_last(l)) {
		l->arbiter.cancel = NULL;
		if (arbiter_release(&l->arbiter))
			complain("the arbiter keeps a slot for this VM: %s", l->arbiter.problem);
	}
	arbiter_close(&l->arbiter);
	close_socket(l);
	if (l->decided.fd >= 0)
		close(l->decided.fd);
}

/* An administrator is told who it is. */
static int find_peer(struct lockstep *l, int socket)
{
	struct sockaddr_storage address = { 0 };
	socklen_t size = sizeof(address);
	const void *bytes = &((struct sockaddr_in *)&address)->sin_addr;

	if (getpeername(socket, (struct sockaddr *)&address, &size))
		return complain("the other host has hung up: %s", strerror(errno));
	if (address.ss_family == AF_INET6)
		bytes = &((struct sockaddr_in6 *)&address)->sin6_addr;
	if (!inet_ntop(address.ss_family, bytes, l->peer, sizeof(l->peer)))
		return complain("the connection to the other host is no TCP socket: %s",
				strerror(errno));
	return 0;
}

static int open_arbiter(struct lockstep *l)
{
	const struct options *o = l->recording->options;

	if (!o->arbiter)
		return complain("nothing keeps both hosts from running the guest: give --arbiter");
	arbiter_close(&l->arbiter);
	if (arbiter_open(&l->arbiter, o->arbiter, o->id))
		return complain("%s", l->arbiter.problem);
	l->arbiter.cancel = &l->cancel;
	return 0;
}

int lockstep_begin(struct lockstep *l, int socket)
{
	uint64_t newest;

	l->patience_ms = patience_primary_ms(PATIENCE_PARAMETER);
	if (patience_set_primary(socket, l->patience_ms) || find_peer(l, socket) ||
	    open_arbiter(l))
		return -1;
	if (arbiter_newest(&l->arbiter, &newest))
		return complain("%s", l->arbiter.problem);
	/* Never one that was used before, not even if the area was formatted since. */
	if (newest < l->generation)
		newest = l->generation;
	if (arbiter_begin(&l->arbiter, newest + 1))
		return complain("%s", l->arbiter.problem);
	l->generation = newest + 1;
	/* The session of the last protection is about to be closed, by the vCPU's thread. */
	l->paired = false;
	l->verdict = -1;
	l->answered = false;
	l->noticed = false;
	l->concedes = false;
	l->lost = 0;
	l->replayed = false;
	l->silent = false;
	l->snapshot = (struct snapshot_writer){ .name = "the snapshot", .fd = socket };
	l->socket = socket;
	return 0;
}

void lockstep_forget(struct lockstep *l)
{
	close_socket(l);
	l->paired = false;
	kvmft_close(&l->recording->session);
}

/* An output that is made now: at which position of the log is it? */
static uint64_t position(void *data)
{
	struct lockstep *l = data;
	struct kvmft_session *s = &l->recording->session;
	uint64_t at;

	/* Not before the verdict, or by a guest that goes live. */
	return kvmft_output(s, INPUT_TAG(INPUT_OUTPUT, 0), &at) ? UINT64_MAX : at;
}

/* Before the log begins: after that an error could not be told from a dead primary. */
static int pair(struct lockstep *l)
{
	struct kvm_ft_link_page link;

	if (kvmft_link(&l->recording->session, &link))
		return complain("%s", l->recording->session.problem);
	l->paired = true;
	return 0;
}

static int wait_until_ready(struct lockstep *l)
{
	char byte;
	ssize_t n = patience_receive(l->socket, &byte, l->patience_ms);

	if (n == 1 && byte == READY)
		return 0;
	l->silent = n < 0 && errno == ETIMEDOUT;
	return complain("the other host did not take the guest (%s): its messages say why",
			n < 0 ? strerror(errno) : n ? "it talks nonsense" : "it has hung up");
}

/* It waits for the other side, and the guest for it, for @patience_ms at a time. */
static int send_snapshot(struct lockstep *l)
{
	int err = recording_save(l->recording, &l->snapshot);

	l->silent = err && l->snapshot.error == ETIMEDOUT;
	return err;
}

static int start_log(struct lockstep *l)
{
	struct recording *r = l->recording;
	const struct kvmft_recording how = {
		.checking = r->verify,
		.ram_hash_interval = r->verify ? r->options->hash_interval : 0,
	};

	if (kvmft_record_to(&r->session, l->socket, l->generation, &how))
		return complain("cannot protect the guest: %s", r->session.problem);
	/*
	 * Both sides begin with a vCPU that was set, not one that has run; and a timer that
	 * has expired meanwhile, unseen by the log, expires again.  A failure must not leave
	 * the guest running here: the other side has all of it, and could go live.
	 */
	if (vcpu_state_set(r->vcpu->fd, &r->vcpu->state))
		r->vcpu->end = VCPU_FAILED;
	return 0;
}

/* The other side may have the beginning of the log: it must not run the guest, too. */
static void contend(struct lockstep *l)
{
	start_arbitration(l);
	if (wait_until(is_answered, l, 0) && l->verdict == ARBITER_LOST)
		l->recording->vcpu->end = VCPU_ELSEWHERE;
}

static int protect(struct lockstep *l)
{
	if (recording_open_session(l->recording) || pair(l) || send_snapshot(l))
		return -1;
	/* Without the log's beginning the other side ends, and does not contend. */
	if (wait_until_ready(l))
		return -1;
	if (!start_log(l))
		return 0;
	contend(l);
	return -1;
}

int lockstep_protect(struct lockstep *l)
{
	struct recording *r = l->recording;
	uint64_t began = lockstep_now();

	r->lockstep = l;
	if (protect(l)) {
		r->lockstep = NULL;
		return -1;
	}
	l->pause_ns = lockstep_now() - began;
	inputs_record(&r->session);
	hold_begin(position, l);
	return 0;
}

int lockstep_watch(struct lockstep *l)
{
	struct recording *r = l->recording;

	if (l->state == LOCKSTEP_SECONDARY)
		close_socket(l);
	l->link = (struct watch){ .fd = r->session.fd, .ready = on_link, .owner = l };
	l->link_watched = !loop_watch(l->loop, &l->link);
	if (!l->link_watched) {
		/* Nobody would learn of a takeover: the guest ends, on both hosts. */
		l->loop->done = true;
		return -1;
	}
	if (l->state != LOCKSTEP_SECONDARY)
		change(l, LOCKSTEP_PRIMARY);
	return 0;
}

int lockstep_unprotect(struct lockstep *l)
{
	/* The link was lost, and this side has won, since that was asked for. */
	if (!l->recording->lockstep)
		return complain("the guest is not protected any more");
	l->recording->lockstep = NULL;
	return vcpu_end_recording(l->recording->vcpu);
}

void lockstep_unprotected(struct lockstep *l)
{
	forget_link(l);
	hold_release_all();
	l->paired = false;
	change(l, LOCKSTEP_NONE);
}

static void on_first_word(void *owner)
{
	struct lockstep *l = owner;

	l->arrived = true;
	l->loop->done = true;
}

int lockstep_wait(struct lockstep *l)
{
	struct watch watch = { .ready = on_first_word, .owner = l };

	l->socket = l->recording->options->secondary;
	l->state = LOCKSTEP_SECONDARY;
	watch.fd = l->socket;
	if (patience_set_secondary(l->socket) || loop_watch(l->loop, &watch) || loop_run(l->loop))
		return -1;
	loop_forget(l->loop, &watch);
	l->loop->done = false;
	return l->arrived ? 0 : complain("ended before the primary has come");
}

/* INPUT_RELEASED: see switchover_stop(). */
static void on_released(void *device, const void *data, uint32_t size)
{
	(void)device;
	(void)data;
	(void)size;
	hold_secondary_released();
}

int lockstep_receive(struct lockstep *l, struct options *options)
{
	struct recording *r = l->recording;

	inputs_handle(INPUT_TAG(INPUT_RELEASED, 0), on_released, NULL);
	r->replays = true;
	r->lockstep = l;
	r->state = (struct snapshot_reader){ .name = "the snapshot", .fd = l->socket };
	if (snapshot_open(&r->state) || machine_config_load(options, &r->state))
		return -1;
	l->generation = options->generation;
	if (open_arbiter(l))
		return -1;
	if (arbiter_check(&l->arbiter, l->generation))
		return complain("this host could not take over: %s", l->arbiter.problem);
	return 0;
}

int lockstep_load(struct lockstep *l)
{
	struct recording *r = l->recording;
	const char ready = READY;

	if (recording_load_state(r) || recording_open_session(r) || pair(l) ||
	    patience_lift_secondary(l->socket))
		return -1;
	if (send(l->socket, &ready, 1, MSG_NOSIGNAL) != 1)
		return complain("the primary has gone: %s", strerror(errno));
	if (kvmft_replay_from(&r->session, l->socket, l->generation))
		return complain("cannot replay the guest: %s", r->session.problem);
	inputs_record(&r->session);
	hold_secondary(position, l);
	/* Once more: a timer that was set before may have expired, and only the log may. */
	if (vcpu_state_set(r->vcpu->fd, &r->vcpu->state))
		return -1;
	return lockstep_watch(l);
}

bool lockstep_has_lost(const struct lockstep *l)
{
	return concedes(l) || lockstep_link(l).state == KVM_FT_LINK_LOST;
}

unsigned long long lockstep_takeover_ms(const struct lockstep *l, uint64_t since)
{
	return (l->live_ns - since) / 1000000;
}

/* What was received has been played: the guest is where the primary's last output was. */
static enum lockstep_fate take_over(struct lockstep *l)
{
	struct recording *r = l->recording;

	inputs_record(NULL);
	if (kvmft_promote(&r->session, r->vcpu->fd)) {
		complain("cannot go live: %s", r->session.problem);
		return LOCKSTEP_STOPS;
	}
	r->replays = false;
	r->lockstep = NULL;
	l->paired = false;
	if (l->go_live(l->owner))
		return LOCKSTEP_STOPS;
	l->resent = hold_go_live();
	l->live_ns = lockstep_now();
	info("the guest runs here, %llu ms after the primary's last word; %u packets sent again",
	     lockstep_takeover_ms(l, l->heard_ns), l->resent);
	pause_tell(&r->vcpu->pause);
	return LOCKSTEP_GOES_ON;
}

/* The session's end does not matter: nobody reads the log. */
static enum lockstep_fate alone(struct lockstep *l)
{
	inputs_record(NULL);
	kvmft_stop(&l->recording->session);
	l->recording->lockstep = NULL;
	l->paired = false;
	info("the guest runs on, and is not protected");
	return LOCKSTEP_GOES_ON;
}

enum lockstep_fate lockstep_decide(struct lockstep *l)
{
	if (l->recording->replays && !lockstep_has_lost(l))
		return LOCKSTEP_IS_OVER;
	if (l->recording->replays) {
		if (!wait_until(is_noticed, l, 0))
			return LOCKSTEP_STOPS;
		start_arbitration(l);
	}
	if (!wait_until(is_answered, l, 0) || l->verdict == ARBITER_LOST)
		return LOCKSTEP_STOPS;
	return l->recording->replays ? take_over(l) : alone(l);
}

const char *lockstep_role(const struct lockstep *l)
{
	static const char *const roles[] = {
		[LOCKSTEP_NONE] = "unprotected",
		[LOCKSTEP_PRIMARY] = "primary",
		[LOCKSTEP_SECONDARY] = "secondary",
		[LOCKSTEP_LIVE] = "unprotected",
		[LOCKSTEP_ENDED] = "ended",
	};

	return roles[l->state];
}
