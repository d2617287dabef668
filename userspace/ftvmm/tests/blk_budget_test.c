// SPDX-License-Identifier: GPL-2.0-only
/*
 * How much of the host's memory a disk takes, which a replay must not decide differently.
 * Needs io_uring.  Built with ASan and UBSan; prints KTAP.
 */
#include <linux/virtio_blk.h>

#include "blk_fake.h"

/* Requests of many bytes: an indirect table names the same memory again and again. */
#define BIG		(16u << 20)
#define BIG_ROOM	(VIRTIO_BLK_BUDGET / BIG)	/* that are begun at once */
#define PART		0x20000
#define TABLE		0x30000
#define PARTS_MAX	120

static void use_big_image(void)
{
	EXPECT(!truncate(path, BIG));
	option.size = BIG;
	disk_close(&secondary.disk);
	secondary = (struct virtio_blk){ 0 };
	if (disk_open_secondary(&secondary.disk, &option, &loop, TAG) ||
	    virtio_blk_open(&secondary, NULL, 0))
		exit(1);
	secondary.virtio.queue[0].s.indirect = 1;
}

/* Chain @head: a request of @parts parts of data. */
static void make_big(uint16_t head, uint32_t type, unsigned int parts)
{
	const struct virtio_blk_outhdr header = { .type = type };
	uint16_t data = VRING_DESC_F_NEXT | (type == VIRTIO_BLK_T_IN ? VRING_DESC_F_WRITE : 0);
	uint32_t at = TABLE + head * 0x1000, size = sizeof(struct vring_desc) * (parts + 2);
	struct vring_desc *table = (struct vring_desc *)(memory.base + at);
	unsigned int i;

	memcpy(memory.base + FAKE_BUFFERS + head * 16, &header, sizeof(header));
	table[0] = (struct vring_desc){ FAKE_BUFFERS + head * 16, sizeof(header),
					VRING_DESC_F_NEXT, 1 };
	for (i = 1; i <= parts; i++)
		table[i] = (struct vring_desc){ DATA, PART, data, i + 1 };
	table[i] = (struct vring_desc){ STATUS + head, 1, VRING_DESC_F_WRITE, 0 };
	*desc(0, head) = (struct vring_desc){ at, size, VRING_DESC_F_INDIRECT, 0 };
}

static void big(struct virtio_blk *blk, uint16_t head, uint32_t type)
{
	make_big(head, type, BIG / PART);
	offer(0, head);
	blk->virtio.notified(blk, 0);
}

static int in_state(const struct virtio_blk *blk, enum virtio_blk_busy busy)
{
	int i, count = 0;

	for (i = 0; i < DISK_REQUESTS; i++)
		count += blk->state.request[i].busy == busy;
	return count;
}

static bool are(const struct virtio_blk *blk, int begun, int waiting)
{
	return in_state(blk, BLK_BEGUN) == begun && in_state(blk, BLK_WAITS) == waiting &&
	       blk->bytes <= VIRTIO_BLK_BUDGET && blk->waiting == (unsigned int)waiting;
}

static void completes(unsigned int number)
{
	const struct disk_done done = {
		.request = number,
		.generation = secondary.state.generation,
		.last = 1,
	};

	inputs_replay(TAG, &done, sizeof(done));
}

static void takes_so_much_memory(void)
{
	int i;

	use_big_image();
	EXPECT(!virtio_blk_go_live(&secondary));
	for (i = 0; i < 10; i++)
		big(&secondary, 0, VIRTIO_BLK_T_IN);
	EXPECT(secondary.disk.under_way == BIG_ROOM && are(&secondary, BIG_ROOM, 10 - BIG_ROOM));
	while (in_state(&secondary, BLK_FREE) < DISK_REQUESTS) {
		EXPECT(secondary.disk.under_way <= BIG_ROOM);
		finish_requests(&secondary.disk);
	}
	EXPECT(used(0)->idx == 10 && are(&secondary, 0, 0) && !secondary.bytes);
	EXPECT(memory.base[STATUS] == VIRTIO_BLK_S_OK);
	EXPECT(used(0)->ring[9].len == BIG + 1);
}

static void begins_in_turn(void)
{
	int i;

	use_big_image();
	for (i = 0; i < 8; i++)
		big(&secondary, 0, VIRTIO_BLK_T_OUT);
	EXPECT(are(&secondary, BIG_ROOM, 8 - BIG_ROOM));
	completes(5);		/* waits: there is nothing that could be complete */
	EXPECT(!used(0)->idx && are(&secondary, BIG_ROOM, 8 - BIG_ROOM));
	completes(2);
	EXPECT(used(0)->idx == 1 && secondary.state.request[4].busy == BLK_BEGUN);
	EXPECT(are(&secondary, BIG_ROOM, 3));
	/* It has the lowest number, but comes last. */
	big(&secondary, 0, VIRTIO_BLK_T_OUT);
	EXPECT(secondary.state.request[2].busy == BLK_WAITS);
	for (i = 5; i < 8; i++) {
		completes(i - 1);
		EXPECT(secondary.state.request[i].busy == BLK_BEGUN);
		EXPECT(secondary.state.request[2].busy == BLK_WAITS);
	}
	completes(0);
	EXPECT(secondary.state.request[2].busy == BLK_BEGUN && are(&secondary, BIG_ROOM, 0));
}

/* It would fit, but who came first goes first; what takes no memory need not wait. */
static void small_ones_do_not_overtake(void)
{
	use_big_image();
	big(&secondary, 0, VIRTIO_BLK_T_IN);
	big(&secondary, 0, VIRTIO_BLK_T_IN);
	big(&secondary, 0, VIRTIO_BLK_T_IN);
	make_big(1, VIRTIO_BLK_T_IN, 1);
	offer(0, 1);
	secondary.virtio.notified(&secondary, 0);
	EXPECT(are(&secondary, 4, 0));
	big(&secondary, 0, VIRTIO_BLK_T_IN);
	EXPECT(are(&secondary, 4, 1));
	offer(0, 1);
	secondary.virtio.notified(&secondary, 0);
	EXPECT(are(&secondary, 4, 2));
	make_big(2, VIRTIO_BLK_T_FLUSH, 0);
	offer(0, 2);
	secondary.virtio.notified(&secondary, 0);
	EXPECT(are(&secondary, 5, 2));
	/* Room for the large one, and then none. */
	completes(3);
	EXPECT(are(&secondary, 5, 1) && secondary.bytes == VIRTIO_BLK_BUDGET);
	completes(0);
	EXPECT(are(&secondary, 5, 0));
}

static void a_reset_forgets_what_waits(void)
{
	int i;

	use_big_image();
	for (i = 0; i < 8; i++)
		big(&secondary, 0, VIRTIO_BLK_T_OUT);
	secondary.virtio.reset(&secondary);
	EXPECT(are(&secondary, 0, 0) && !secondary.bytes);
	for (i = 0; i < 8; i++)
		big(&secondary, 0, VIRTIO_BLK_T_OUT);
	EXPECT(are(&secondary, BIG_ROOM, 4));
	EXPECT(!secondary.saved.restored(&secondary) && are(&secondary, 0, 0));
}

/* While it waits, to one of another size, or of another kind: its turn comes, and it fails. */
static void fails_what_was_changed_while_it_waits(void)
{
	unsigned int i;

	use_big_image();
	EXPECT(!virtio_blk_go_live(&secondary));
	for (i = 0; i < BIG_ROOM; i++)
		big(&secondary, 0, VIRTIO_BLK_T_IN);
	big(&secondary, 1, VIRTIO_BLK_T_IN);
	big(&secondary, 2, VIRTIO_BLK_T_IN);
	EXPECT(are(&secondary, BIG_ROOM, 2));
	memory.base[STATUS + 1] = 0xff;
	memory.base[STATUS + 2] = 0xff;
	make_big(1, VIRTIO_BLK_T_IN, PARTS_MAX);
	make_big(2, VIRTIO_BLK_T_OUT, BIG / PART);
	while (in_state(&secondary, BLK_FREE) < DISK_REQUESTS)
		finish_requests(&secondary.disk);
	EXPECT(memory.base[STATUS] == VIRTIO_BLK_S_OK);
	EXPECT(memory.base[STATUS + 1] == VIRTIO_BLK_S_IOERR);
	EXPECT(memory.base[STATUS + 2] == VIRTIO_BLK_S_IOERR && first_byte() == 0);
}

/* What the primary has begun is begun again, what has waited waits for that. */
static void goes_live_with_some_that_wait(void)
{
	int i;

	use_big_image();
	for (i = 0; i < 7; i++)
		big(&secondary, 0, VIRTIO_BLK_T_IN);
	completes(1);
	EXPECT(used(0)->idx == 1);
	EXPECT(virtio_blk_go_live(&secondary) == BIG_ROOM);
	EXPECT(secondary.disk.under_way == BIG_ROOM && are(&secondary, BIG_ROOM, 2));
	while (in_state(&secondary, BLK_FREE) < DISK_REQUESTS)
		finish_requests(&secondary.disk);
	EXPECT(used(0)->idx == 7);
}

/* Reads that fill the budget, then a write of a primary, which has to wait for them. */
static void open_primary_with_a_write_that_waits(void)
{
	unsigned int i;

	use_big_image();
	if (disk_open(&primary.disk, &option, &loop, TAG) || virtio_blk_open(&primary, NULL, 0))
		exit(1);
	primary.virtio.queue[0].s.indirect = 1;
	asked = 0;
	hold_begin(position, NULL);
	for (i = 0; i < BIG_ROOM; i++)
		big(&primary, 0, VIRTIO_BLK_T_IN);
	EXPECT(!asked);
	memset(memory.base + DATA, 'h', PART);
	make_big(1, VIRTIO_BLK_T_OUT, 1);
	memory.base[STATUS + 1] = 0xff;
	offer(0, 1);
	primary.virtio.notified(&primary, 0);
	EXPECT(asked == 1 && are(&primary, BIG_ROOM, 1));
}

/* The reads are done, and have left zeros where the write is from: it is copied then. */
static void finish_reads(void)
{
	struct pollfd ready = { .fd = primary.disk.completed.fd, .events = POLLIN };

	while (used(0)->idx < BIG_ROOM) {
		EXPECT(poll(&ready, 1, 60000) == 1);
		primary.disk.completed.ready(primary.disk.completed.owner);
		inputs_apply();
	}
}

static void an_output_that_waited_is_held(void)
{
	open_primary_with_a_write_that_waits();
	hold_release(0);
	finish_reads();
	/* It was made at position 1, and the log is not asked again: a replay would not. */
	EXPECT(asked == 1 && are(&primary, 1, 0) && primary.disk.under_way == 1);
	EXPECT(memory.base[STATUS + 1] == 0xff);
	hold_release(1);
	finish_requests(&primary.disk);
	EXPECT(memory.base[STATUS + 1] == VIRTIO_BLK_S_OK && are(&primary, 0, 0));
	hold_release_all();
	disk_close(&primary.disk);
}

/* The log of that position has ended: it is not to be waited for in another one. */
static void an_output_of_another_log_is_not(void)
{
	open_primary_with_a_write_that_waits();
	hold_release_all();
	hold_begin(position, NULL);
	finish_reads();
	finish_requests(&primary.disk);
	EXPECT(asked == 1 && memory.base[STATUS + 1] == VIRTIO_BLK_S_OK);
	hold_release_all();
	disk_close(&primary.disk);
}

/* Events of the primary, as the log gets them. */
#define EVENTS_MAX	0x4000

static struct kvmft_session session;
static struct disk_done logged[EVENTS_MAX];
static int logged_count;

int kvmft_put_event(struct kvmft_session *s, uint32_t tag, const void *data, uint32_t size)
{
	EXPECT(s == &session && tag == TAG && size >= sizeof(struct disk_done));
	EXPECT(data && logged_count < EVENTS_MAX);
	if (data && logged_count < EVENTS_MAX)
		memcpy(&logged[logged_count++], data, sizeof(struct disk_done));
	return 0;
}

/* No device here has values. */
int kvmft_value(struct kvmft_session *s, uint32_t tag, void *data, uint32_t size)
{
	(void)s;
	(void)tag;
	(void)data;
	(void)size;
	abort();
}

#define REPLAY_TAG	INPUT_TAG(INPUT_DISK, 1)
#define STEPS		200

static struct virtio_blk replays[2], *replica;
static uint32_t seed;

static uint32_t random_below(uint32_t limit)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % limit;
}

static void open_replica(struct virtio_blk *blk)
{
	const struct disk_option gone = { .size = BIG };

	*blk = (struct virtio_blk){ 0 };
	if (disk_open_replay(&blk->disk, &gone, REPLAY_TAG) || virtio_blk_open(blk, NULL, 1))
		exit(1);
	blk->virtio.queue[0].s.indirect = 1;
	replica = blk;
}

/* A chain of which the last requests may still be under way, or wait. */
static void guest_asks(void)
{
	static const uint32_t types[] = {
		VIRTIO_BLK_T_IN, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_FLUSH,
	};
	unsigned int count = 1 + random_below(12);

	while (count--) {
		uint16_t head = random_below(8);
		uint32_t type = types[random_below(ARRAY_SIZE(types))];

		make_big(head, type, type == VIRTIO_BLK_T_FLUSH ? 0 : 1 + random_below(PARTS_MAX));
		offer(0, head);
	}
	primary.virtio.notified(&primary, 0);
	replica->virtio.notified(replica, 0);
}

static void replay_logged(void)
{
	int i;

	/* What was read is not kept here: the last bytes of a read are as many as none. */
	for (i = 0; i < logged_count; i++)
		inputs_replay(REPLAY_TAG, &logged[i], sizeof(logged[i]));
	logged_count = 0;
}

static void host_completes(bool all)
{
	struct pollfd ready = { .fd = primary.disk.completed.fd, .events = POLLIN };

	while (primary.disk.under_way && poll(&ready, 1, all ? 60000 : 1) == 1) {
		primary.disk.completed.ready(primary.disk.completed.owner);
		if (!all)
			break;
	}
}

static void completions_arrive(void)
{
	inputs_record(&session);
	inputs_apply();
	inputs_record(NULL);
	replay_logged();
}

static void guest_resets(void)
{
	host_completes(true);
	primary.virtio.reset(&primary);
	replica->virtio.reset(replica);
}

/* The replay goes on from a snapshot that is taken now. */
static void replay_from_here(void)
{
	struct virtio_blk *from = replica;

	open_replica(&replays[from == &replays[0]]);
	memcpy(replica->saved.data, from->saved.data, from->saved.size);
	replica->virtio.queue[0].s = from->virtio.queue[0].s;
	EXPECT(from->saved.valid(&from->state) && !replica->saved.loaded(replica));
}

static void step(void)
{
	uint32_t what = random_below(100);

	if (what < 25)
		guest_asks();
	else if (what < 95)
		host_completes(false);
	else if (what < 97)
		guest_resets();
	else
		replay_from_here();
	if (what % 2)
		completions_arrive();
}

static bool are_the_same(void)
{
	return !memcmp(&primary.state, &replica->state, sizeof(primary.state)) &&
	       primary.bytes == replica->bytes && primary.waiting == replica->waiting &&
	       primary.virtio.queue[0].s.next == replica->virtio.queue[0].s.next &&
	       primary.virtio.queue[0].s.used_index == replica->virtio.queue[0].s.used_index;
}

/*
 * The guest asks for more than there is room for, changes what it has asked for, and is
 * reset; the host completes as it likes: a replay begins the same requests at the same points.
 */
static void a_replay_decides_the_same(void)
{
	uint32_t first = getpid();
	int i, waited = 0;
	bool same = true;

	/* No other opens the image. */
	disk_close(&secondary.disk);
	secondary.disk = (struct disk){ .fd = -1, .ring.ring_fd = -1, .completed.fd = -1 };
	EXPECT(!truncate(path, BIG));
	option = (struct disk_option){ .path = path, .size = BIG };
	if (disk_open(&primary.disk, &option, &loop, TAG) || virtio_blk_open(&primary, NULL, 0))
		exit(1);
	primary.virtio.queue[0].s.indirect = 1;
	open_replica(&replays[0]);
	seed = first;
	for (i = 0; i < STEPS && same; i++) {
		step();
		same = are_the_same();
		waited += primary.waiting > 0;
		EXPECT(primary.bytes <= VIRTIO_BLK_BUDGET);
	}
	printf("# seed %u: %d steps, some waited in %d\n", first, i, waited);
	EXPECT(same && waited);
	while (in_state(&primary, BLK_FREE) < DISK_REQUESTS) {
		host_completes(true);
		completions_arrive();
	}
	EXPECT(are_the_same() && !replica->bytes);
	disk_close(&primary.disk);
}

static void refuses_an_impossible_state(void)
{
	struct virtio_blk_state s = { 0 };
	unsigned int i;

	EXPECT(secondary.saved.valid(&s));
	for (i = 0; i < 2; i++)
		s.request[i] = (struct virtio_blk_request){ .busy = BLK_BEGUN, .bytes = 2 * BIG };
	EXPECT(secondary.saved.valid(&s));
	s.request[2] = (struct virtio_blk_request){ .busy = BLK_WAITS, .bytes = 2 * BIG };
	EXPECT(secondary.saved.valid(&s));
	s.request[2].busy = BLK_BEGUN;
	EXPECT(!secondary.saved.valid(&s));
	s.request[2].busy = BLK_STATES;
	EXPECT(!secondary.saved.valid(&s));
	s.request[2] = (struct virtio_blk_request){ .busy = BLK_WAITS, .bytes = 2 * BIG + 1 };
	EXPECT(!secondary.saved.valid(&s));
}

/* A request that waits has become none: the driver is told when its turn comes. */
static void a_waiting_one_breaks_the_queue(void)
{
	unsigned int i;

	use_big_image();
	EXPECT(!virtio_blk_go_live(&secondary));
	for (i = 0; i < BIG_ROOM; i++)
		big(&secondary, 0, VIRTIO_BLK_T_IN);
	big(&secondary, 1, VIRTIO_BLK_T_IN);
	EXPECT(are(&secondary, BIG_ROOM, 1));
	desc(0, 1)->addr = ~0ull << 4;
	finish_requests(&secondary.disk);
	EXPECT(secondary.virtio.queue[0].s.broken);
	EXPECT(secondary.virtio.state.status & VIRTIO_CONFIG_S_NEEDS_RESET);
	EXPECT(!secondary.disk.under_way);
}

static const struct test tests[] = {
	TEST(takes_so_much_memory),
	TEST(begins_in_turn),
	TEST(small_ones_do_not_overtake),
	TEST(a_reset_forgets_what_waits),
	TEST(fails_what_was_changed_while_it_waits),
	TEST(goes_live_with_some_that_wait),
	TEST(an_output_that_waited_is_held),
	TEST(an_output_of_another_log_is_not),
	TEST(a_replay_decides_the_same),
	TEST(refuses_an_impossible_state),
	TEST(a_waiting_one_breaks_the_queue),
};

int main(int argc, char **argv)
{
	return run_tests("blk_budget", tests, ARRAY_SIZE(tests), argc, argv);
}
