// SPDX-License-Identifier: GPL-2.0-only
/*
 * Somebody between two hosts changes, drops, repeats, and invents frames, with checksums
 * that are right, or cuts the connection.  Either side then loses the link, or nothing of
 * it matters: a replay that is complete has come to the primary's state, and none diverges.
 *
 * KVM_FT_TEST_SEED repeats a round that failed, KVM_FT_TEST_ROUNDS says how many
 * there are.
 *
 * lab-module: kvm-ft-lab-pmu
 * lab-module: kvm-ft
 * lab-module: kvm-ft-tcp
 * lab-paging: nested strict
 * lab-timeout: 900
 */
#include <err.h>
#include <errno.h>
#include <linux/kvm_ft.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "environment.h"
#include "kselftest_harness.h"
#include "pair.h"
#include "random.h"
#include "../../../kvm-ft/replay/frame.h"

#define GENERATION	7
#define FIRST_FRAMES	24	/* one of which is changed */
#define ROUNDS		60

enum change {
	DROP,
	REPEAT,
	INVENT,		/* one before it, of any sort */
	HEAD,		/* a field of its head */
	PAYLOAD,	/* a bit behind its head, if there is any */
	CUT,		/* no more than a part of it comes */
	NR_CHANGES,
};

static const char * const change_names[NR_CHANGES] = {
	"dropped", "repeated", "invented", "head", "payload", "cut",
};

/**
 * struct way - from one end to the other one
 * @from: connection to who sends
 * @to: and to who receives
 * @at: the frame that is changed, counted from 0
 * @change: how
 * @random: state of the generator
 * @thread: passes frames on
 * @frame: one of them
 */
struct way {
	int from;
	int to;
	unsigned int at;
	enum change change;
	uint64_t random;
	pthread_t thread;
	uint8_t frame[KVM_FT_FRAME_HEAD + KVM_FT_FRAME_MAX];
};

static int pass_on(struct way *w, size_t size)
{
	return send(w->to, w->frame, size, MSG_NOSIGNAL) == (ssize_t)size;
}

/* Near what it was, or anything. */
static uint64_t other_value(struct way *w, uint64_t value)
{
	switch (random_next(&w->random) % 4) {
	case 0:
		return value + random_between(&w->random, 1, 64);
	case 1:
		return value - random_between(&w->random, 1, 64);
	case 2:
		return value ^ 1ULL << random_next(&w->random) % 64;
	default:
		return random_next(&w->random);
	}
}

/* Its checksum is right all the same. */
static void change_head(struct way *w, struct kvm_ft_frame *head)
{
	switch (random_next(&w->random) % 5) {
	case 0:
		head->type = other_value(w, head->type);
		break;
	case 1:
		head->length = other_value(w, head->length);
		break;
	case 2:
		head->generation = other_value(w, head->generation);
		break;
	case 3:
		head->position = other_value(w, head->position);
		break;
	default:
		head->value = other_value(w, head->value);
		break;
	}
}

/* What follows an invented head is what there was, or nothing. */
static int invent(struct way *w, const struct kvm_ft_frame *after)
{
	struct kvm_ft_frame head = {
		.type = random_between(&w->random, 1, KVM_FT_FRAME_LIMIT),
		.generation = GENERATION, .position = after->position, .value = after->value,
	};
	uint8_t bytes[KVM_FT_FRAME_HEAD];

	if (head.type == KVM_FT_FRAME_DATA)
		head.length = random_between(&w->random, 1, KVM_FT_FRAME_MAX);
	else
		change_head(w, &head);
	kvm_ft_frame_encode(&head, bytes);
	return send(w->to, bytes, sizeof(bytes), MSG_NOSIGNAL) == sizeof(bytes);
}

/* The frame is in w->frame; returns whether there is a next one. */
static int pass_on_changed(struct way *w, struct kvm_ft_frame *head)
{
	size_t size = KVM_FT_FRAME_HEAD + head->length;

	switch (w->change) {
	case DROP:
		return 1;
	case REPEAT:
		return pass_on(w, size) && pass_on(w, size);
	case INVENT:
		return invent(w, head) && pass_on(w, size);
	case HEAD:
		change_head(w, head);
		kvm_ft_frame_encode(head, w->frame);
		return pass_on(w, size);
	case PAYLOAD:
		if (head->length)
			w->frame[random_between(&w->random, KVM_FT_FRAME_HEAD, size - 1)] ^=
				1 << random_next(&w->random) % 8;
		return pass_on(w, size);
	default:
		pass_on(w, random_between(&w->random, 0, size - 1));
		return 0;
	}
}

static int read_frame(struct way *w, struct kvm_ft_frame *head)
{
	if (!connection_read(w->from, w->frame, KVM_FT_FRAME_HEAD))
		return 0;
	if (kvm_ft_frame_decode(head, w->frame))
		errx(1, "a frame of our own is none");
	return connection_read(w->from, w->frame + KVM_FT_FRAME_HEAD, head->length);
}

/* Until either end has gone; then neither hears of the other one any more. */
static void *pass_frames_on(void *arg)
{
	struct kvm_ft_frame head;
	struct way *w = arg;
	unsigned int i;
	int goes_on = 1;

	for (i = 0; goes_on && read_frame(w, &head); i++)
		goes_on = i == w->at ? pass_on_changed(w, &head) :
				       pass_on(w, KVM_FT_FRAME_HEAD + head.length);
	shutdown(w->to, SHUT_WR);
	if (!goes_on)
		shutdown(w->from, SHUT_RDWR);
	return NULL;
}

/* Its link may be lost before it has started. */
static void start(struct side *side)
{
	struct kvm_ft_start args;

	side->error = side_try_start(side, &args);
}

static void *run(void *arg)
{
	struct side *side = arg;

	if (!side->error) {
		side_run_until_end(side);
		while (ioctl(side->session, KVM_FT_STOP) && errno == EINTR)
			;
	}
	ioctl(side->session, KVM_FT_STATUS, &side->status);
	return NULL;
}

static void *start_and_run(void *side)
{
	start(side);
	return run(side);
}

/**
 * struct round - two sessions, and who is between them
 * @record: the primary
 * @replay: the secondary
 * @there: from the primary to the secondary
 * @back: the other way
 * @started: the primary has
 */
struct round {
	struct side record;
	struct side replay;
	struct way there;
	struct way back;
	int started;
};

static struct round round_;

static void choose(struct way *w, uint64_t *random)
{
	w->at = random_next(random) % FIRST_FRAMES;
	w->change = random_next(random) % NR_CHANGES;
	w->random = random_next(random);
}

static void begin_round(struct round *r, uint64_t seed)
{
	int source[2], sink[2];
	uint64_t random = seed;

	memset(r, 0, sizeof(*r));
	r->record.role = KVM_FT_RECORD;
	r->replay.role = KVM_FT_REPLAY;
	side_create(&r->record);
	side_create(&r->replay);
	side_load_worker(&r->record.g);
	side_load_worker(&r->replay.g);
	connection_make(source, 1);
	connection_make(sink, 1);
	connection_give(r->record.session, source[0], GENERATION);
	connection_give(r->replay.session, sink[0], GENERATION);
	r->there.from = source[1];
	r->there.to = sink[1];
	r->back.from = sink[1];
	r->back.to = source[1];
	choose(&r->there, &random);
	choose(&r->back, &random);
	/* One of the two ways as it should be, half of the time each. */
	if (random_next(&random) & 1)
		r->back.at = -1;
	else
		r->there.at = -1;
}

static void start_thread(pthread_t *thread, void *(*what)(void *arg), void *arg)
{
	if (pthread_create(thread, NULL, what, arg))
		errx(1, "pthread_create");
}

static void run_round(struct round *r)
{
	start_thread(&r->there.thread, pass_frames_on, &r->there);
	start_thread(&r->back.thread, pass_frames_on, &r->back);
	start_thread(&r->replay.thread, start_and_run, &r->replay);
	start(&r->record);
	r->started = !r->record.error;
	start_thread(&r->record.thread, run, &r->record);
	if (r->started)
		side_send_events(&r->record, EVENTS);
	pthread_join(r->record.thread, NULL);
	pthread_join(r->replay.thread, NULL);
}

static void end_round(struct round *r)
{
	side_destroy(&r->record);
	side_destroy(&r->replay);
	pthread_join(r->there.thread, NULL);
	pthread_join(r->back.thread, NULL);
	close(r->there.from);
	close(r->there.to);
}

FIXTURE(tcp_fuzz) {
	int completed;
	int lost;
};

FIXTURE_SETUP(tcp_fuzz)
{
	pair_set_up();
	connection_set_up();
	connection_parameter("failure_timeout_ms", "200");
}

FIXTURE_TEARDOWN(tcp_fuzz)
{
	connection_tear_down();
	pair_tear_down();
}

static const char *describe(const struct round *r, uint64_t seed)
{
	const struct way *w = r->back.at == -1U ? &r->there : &r->back;
	static char text[256];

	snprintf(text, sizeof(text),
		 "seed %llu: frame %u of the %s: %s; primary: %.60s; secondary: %.60s",
		 (unsigned long long)seed, w->at, w == &r->there ? "primary" : "secondary",
		 change_names[w->change], r->record.status.what, r->replay.status.what);
	return text;
}

TEST_F_TIMEOUT(tcp_fuzz, frames_of_all_sorts, 900)
{
	uint64_t seed = environment_number("KVM_FT_TEST_SEED", 1);
	unsigned int usual = environment_amount(ROUNDS);
	uint64_t rounds = environment_number("KVM_FT_TEST_ROUNDS", usual);
	uint64_t end = seed + rounds;
	struct round *r = &round_;

	for (; seed < end; seed++) {
		int complete;

		begin_round(r, seed);
		run_round(r);
		complete = r->replay.status.state == KVM_FT_STATE_STOPPED &&
			   r->replay.status.log_end == KVM_FT_END_COMPLETE;
		EXPECT_NE(KVM_FT_STATE_DIVERGED, r->replay.status.state)
			TH_LOG("%s", describe(r, seed));
		if (complete)
			EXPECT_STREQ("", pair_difference(&r->record, &r->replay))
				TH_LOG("%s", describe(r, seed));
		/* The primary's guest is not harmed by what its secondary says. */
		EXPECT_TRUE(!r->started || r->record.status.state == KVM_FT_STATE_STOPPED ||
			    r->record.status.state == KVM_FT_STATE_FAILED)
			TH_LOG("%s", describe(r, seed));
		self->completed += complete;
		self->lost += !complete;
		end_round(r);
	}
	TH_LOG("%d links lost, %d logs complete", self->lost, self->completed);
	/* Changes that matter, and such that do not. */
	if (rounds < usual)
		return;
	EXPECT_LT(0, self->lost);
	EXPECT_LT(0, self->completed);
}

TEST_HARNESS_MAIN
