// SPDX-License-Identifier: GPL-2.0-only
/*
 * The virtqueue's parser against rings that a driver might write, good and bad.
 * Built with ASan and UBSan; prints KTAP.  Guest memory is allocated to the byte, so
 * that each access outside it is found.
 */
#include <linux/virtio_ring.h>
#include <stdlib.h>

#include "../virtqueue.h"
#include "../../lib/tests/test.h"

#define SIZE		8	/* of the queue */
#define MEMORY		0x4000
#define DESC		0x0
#define AVAIL		0x100
#define USED		0x200
#define TABLE		0x400	/* of indirect descriptors */
#define BUFFERS		0x1000
#define RANDOM_RINGS	20000

static struct memory memory;
static struct virtqueue q;
static struct chain chain;

static struct vring_desc *desc(int i)
{
	return (struct vring_desc *)(memory.base + DESC) + i;
}

static struct vring_desc *indirect(int i)
{
	return (struct vring_desc *)(memory.base + TABLE) + i;
}

static struct vring_avail *avail(void)
{
	return (struct vring_avail *)(memory.base + AVAIL);
}

static struct vring_used *used(void)
{
	return (struct vring_used *)(memory.base + USED);
}

static void set_up(void)
{
	memory.base = calloc(1, MEMORY);
	memory.size = MEMORY;
	memory.low = MEMORY;
	if (!memory.base)
		abort();
	q.memory = &memory;
	virtqueue_reset(&q);
	q.s.size = SIZE;
	q.s.desc = DESC;
	q.s.avail = AVAIL;
	q.s.used = USED;
	q.s.enabled = 1;
	q.s.indirect = 1;
}

static void tear_down(void)
{
	free(memory.base);
}

static void offer(uint16_t head)
{
	avail()->ring[avail()->idx % SIZE] = head;
	avail()->idx++;
}

static void takes_a_chain(void)
{
	char text[8] = "";

	memcpy(memory.base + BUFFERS, "hello ", 6);
	*desc(3) = (struct vring_desc){ BUFFERS, 2, VRING_DESC_F_NEXT, 5 };
	*desc(5) = (struct vring_desc){ BUFFERS + 2, 3, VRING_DESC_F_NEXT, 0 };
	*desc(0) = (struct vring_desc){ BUFFERS + 0x100, 4,
					VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1 };
	*desc(1) = (struct vring_desc){ BUFFERS + 0x200, 4, VRING_DESC_F_WRITE, 0 };
	offer(3);
	EXPECT(virtqueue_pop(&q, &chain));
	EXPECT(chain.head == 3 && chain.readable == 2 && chain.writable == 2);
	EXPECT(chain.read_size == 5 && chain.write_size == 8);
	EXPECT(chain_read(&chain, 1, text, sizeof(text)) == 4 && !strcmp(text, "ello"));
	EXPECT(chain_write(&chain, 3, "xyz", 3) == 3);
	EXPECT(memory.base[BUFFERS + 0x103] == 'x' && memory.base[BUFFERS + 0x201] == 'z');
	EXPECT(chain_write(&chain, 7, "xyz", 3) == 1);
	EXPECT(!virtqueue_pop(&q, &chain) && !q.s.broken);
	virtqueue_push(&q, 3, 8);
	EXPECT(used()->idx == 1 && used()->ring[0].id == 3 && used()->ring[0].len == 8);
}

static void takes_an_indirect_chain(void)
{
	*desc(2) = (struct vring_desc){ TABLE, 3 * sizeof(struct vring_desc),
					VRING_DESC_F_INDIRECT, 0 };
	*indirect(0) = (struct vring_desc){ BUFFERS, 1, VRING_DESC_F_NEXT, 2 };
	*indirect(2) = (struct vring_desc){ BUFFERS, 2, VRING_DESC_F_WRITE, 0 };
	offer(2);
	EXPECT(virtqueue_pop(&q, &chain));
	EXPECT(chain.head == 2 && chain.read_size == 1 && chain.write_size == 2);
}

/* virtio does not ask for more of them, unlike of the queue's own table. */
static void indirect_tables_may_be_anywhere(void)
{
	const struct vring_desc table[] = {
		{ BUFFERS, 1, VRING_DESC_F_NEXT, 2 },
		{ 0 },
		{ BUFFERS, 2, VRING_DESC_F_WRITE, 0 },
	};
	uint32_t offset;

	for (offset = 0; offset < sizeof(*table); offset++) {
		memcpy(memory.base + TABLE + offset, table, sizeof(table));
		*desc(2) = (struct vring_desc){ TABLE + offset, sizeof(table),
						VRING_DESC_F_INDIRECT, 0 };
		offer(2);
		EXPECT(virtqueue_pop(&q, &chain));
		EXPECT(chain.head == 2 && chain.read_size == 1 && chain.write_size == 2);
	}
}

static void gives_a_chain_again(void)
{
	*desc(0) = (struct vring_desc){ BUFFERS, 1, 0, 0 };
	*desc(1) = (struct vring_desc){ BUFFERS, 2, 0, 0 };
	offer(0);
	offer(1);
	EXPECT(virtqueue_pop(&q, &chain));
	EXPECT(virtqueue_pop(&q, &chain) && chain.head == 1);
	virtqueue_unpop(&q, 2);
	EXPECT(virtqueue_pop(&q, &chain) && !chain.head);
	EXPECT(virtqueue_pop(&q, &chain) && chain.head == 1);
	EXPECT(!virtqueue_pop(&q, &chain));
}

/* The ring's indexes run over, and nothing is lost. */
static void indexes_wrap(void)
{
	int i, taken = 0;

	q.s.next = 0xfffd;
	q.s.used_index = 0xfffd;
	q.s.told = 0xfffd;
	avail()->idx = 0xfffd;
	*desc(0) = (struct vring_desc){ BUFFERS, 1, 0, 0 };
	for (i = 0; i < 6; i++)
		offer(0);
	while (virtqueue_pop(&q, &chain)) {
		virtqueue_push(&q, chain.head, 0);
		taken++;
	}
	EXPECT(taken == 6 && used()->idx == 3 && !q.s.broken);
}

static void interrupts_when_wanted(void)
{
	uint16_t *used_event = &avail()->ring[SIZE];

	EXPECT(!virtqueue_must_interrupt(&q));
	virtqueue_push(&q, 0, 0);
	EXPECT(virtqueue_must_interrupt(&q));
	EXPECT(!virtqueue_must_interrupt(&q));
	avail()->flags = VRING_AVAIL_F_NO_INTERRUPT;
	virtqueue_push(&q, 0, 0);
	EXPECT(!virtqueue_must_interrupt(&q));
	q.s.event_index = 1;
	*used_event = 3;
	virtqueue_push(&q, 0, 0);
	EXPECT(!virtqueue_must_interrupt(&q));
	virtqueue_push(&q, 0, 0);
	EXPECT(virtqueue_must_interrupt(&q));
}

static void asks_for_notifications(void)
{
	uint16_t *avail_event = (uint16_t *)&used()->ring[SIZE];

	virtqueue_want_notification(&q, false);
	EXPECT(used()->flags == VRING_USED_F_NO_NOTIFY);
	virtqueue_want_notification(&q, true);
	EXPECT(!used()->flags);
	q.s.event_index = 1;
	q.s.next = 7;
	avail()->idx = 9;
	virtqueue_want_notification(&q, true);
	EXPECT(*avail_event == 9);
	virtqueue_want_notification(&q, false);
	EXPECT(*avail_event == 6);
}

/* Whatever breaks a queue: no chain comes of it, and none ever after. */
static void expect_broken(void)
{
	EXPECT(!virtqueue_pop(&q, &chain));
	EXPECT(q.s.broken);
	avail()->ring[0] = 0;
	avail()->idx = q.s.next + 1;
	EXPECT(!virtqueue_pop(&q, &chain));
	virtqueue_push(&q, 0, 0);
	EXPECT(!virtqueue_must_interrupt(&q));
}

static void refuses_a_head_outside(void)
{
	offer(SIZE);
	expect_broken();
}

static void refuses_too_many_available(void)
{
	avail()->idx = SIZE + 1;
	expect_broken();
}

static void refuses_a_loop(void)
{
	*desc(0) = (struct vring_desc){ BUFFERS, 1, VRING_DESC_F_NEXT, 1 };
	*desc(1) = (struct vring_desc){ BUFFERS, 1, VRING_DESC_F_NEXT, 0 };
	offer(0);
	expect_broken();
}

static void refuses_next_outside(void)
{
	*desc(0) = (struct vring_desc){ BUFFERS, 1, VRING_DESC_F_NEXT, SIZE };
	offer(0);
	expect_broken();
}

static void refuses_readable_after_writable(void)
{
	*desc(0) = (struct vring_desc){ BUFFERS, 1, VRING_DESC_F_WRITE | VRING_DESC_F_NEXT, 1 };
	*desc(1) = (struct vring_desc){ BUFFERS, 1, 0, 0 };
	offer(0);
	expect_broken();
}

static void refuses_buffers_outside(void)
{
	static const struct vring_desc bad[] = {
		{ MEMORY, 1, 0, 0 },
		{ MEMORY - 1, 2, 0, 0 },
		{ 0, 0xffffffff, VRING_DESC_F_WRITE, 0 },
		{ ~0ull, 1, 0, 0 },
		{ ~0ull - 1, 0xffffffff, VRING_DESC_F_WRITE, 0 },
		{ MEMORY_HIGH, 1, 0, 0 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		q.s.broken = 0;
		*desc(0) = bad[i];
		avail()->ring[q.s.next % SIZE] = 0;
		avail()->idx = q.s.next + 1;
		EXPECT(!virtqueue_pop(&q, &chain) && q.s.broken);
	}
}

static void refuses_bad_indirect_tables(void)
{
	static const struct vring_desc bad[] = {
		{ TABLE, 0, VRING_DESC_F_INDIRECT, 0 },
		{ TABLE, 17, VRING_DESC_F_INDIRECT, 0 },
		{ MEMORY - 16, 32, VRING_DESC_F_INDIRECT, 0 },
		{ TABLE, 0xfffffff0, VRING_DESC_F_INDIRECT, 0 },
		{ TABLE, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT, 1 },
		{ TABLE, 16, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE, 0 },
	};
	size_t i;

	*indirect(0) = (struct vring_desc){ BUFFERS, 1, 0, 0 };
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		q.s.broken = 0;
		*desc(0) = bad[i];
		avail()->ring[q.s.next % SIZE] = 0;
		avail()->idx = q.s.next + 1;
		EXPECT(!virtqueue_pop(&q, &chain) && q.s.broken);
	}
}

static void refuses_nested_indirect_tables(void)
{
	*desc(0) = (struct vring_desc){ TABLE, 32, VRING_DESC_F_INDIRECT, 0 };
	*indirect(0) = (struct vring_desc){ TABLE, 32, VRING_DESC_F_INDIRECT, 0 };
	offer(0);
	expect_broken();
}

static void refuses_indirect_if_not_negotiated(void)
{
	q.s.indirect = 0;
	*desc(0) = (struct vring_desc){ TABLE, 16, VRING_DESC_F_INDIRECT, 0 };
	offer(0);
	expect_broken();
}

static void refuses_rings_outside(void)
{
	static const struct { uint64_t desc, avail, used; } bad[] = {
		{ MEMORY - 16, AVAIL, USED },
		{ DESC, MEMORY - 4, USED },
		{ DESC, AVAIL, MEMORY - 8 },
		{ ~0ull << 4, AVAIL, USED },
		{ DESC + 8, AVAIL, USED },
		{ DESC, AVAIL + 1, USED },
		{ DESC, AVAIL, USED + 2 },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		q.s.broken = 0;
		q.s.desc = bad[i].desc;
		q.s.avail = bad[i].avail;
		q.s.used = bad[i].used;
		EXPECT(!virtqueue_pop(&q, &chain) && q.s.broken);
		virtqueue_push(&q, 0, 0);
		virtqueue_want_notification(&q, true);
		EXPECT(!virtqueue_must_interrupt(&q));
	}
}

static uint32_t seed = 1;

static uint32_t random32(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

/* Rings of random numbers, most of them small, so that some chains are good. */
static void survives_random_rings(void)
{
	int round, i, taken = 0;

	for (round = 0; round < RANDOM_RINGS; round++) {
		for (i = 0; i < SIZE; i++) {
			*desc(i) = (struct vring_desc){ random32() % (MEMORY + 64),
				random32() % 512, random32() & 7, random32() % (SIZE + 1) };
			*indirect(i) = *desc(random32() % (i + 1));
			if (desc(i)->flags & VRING_DESC_F_INDIRECT)
				desc(i)->addr = TABLE;
			avail()->ring[i] = random32() % (SIZE + 1);
		}
		q.s.broken = 0;
		avail()->idx = q.s.next + random32() % (SIZE + 2);
		while (virtqueue_pop(&q, &chain)) {
			uint8_t data[600];
			size_t written = chain_write(&chain, random32() % 64, "x", 1);

			chain_read(&chain, random32() % 700, data, sizeof(data));
			virtqueue_push(&q, chain.head, written);
			taken++;
		}
	}
	EXPECT(taken > RANDOM_RINGS / 100);
}

static void knows_valid_states(void)
{
	struct virtqueue_state s = { .size = 16, .enabled = 1, .vector = 0xffff };

	EXPECT(virtqueue_valid(&s));
	s.size = VIRTQUEUE_SIZE;
	EXPECT(virtqueue_valid(&s));
	s.size = 2 * VIRTQUEUE_SIZE;
	EXPECT(!virtqueue_valid(&s));
	s.size = 24;
	EXPECT(!virtqueue_valid(&s));
	s.size = 0;
	EXPECT(!virtqueue_valid(&s));
	s.enabled = 0;
	EXPECT(virtqueue_valid(&s));
}

static const struct test tests[] = {
	TEST(knows_valid_states),
	TEST(takes_a_chain),
	TEST(takes_an_indirect_chain),
	TEST(indirect_tables_may_be_anywhere),
	TEST(gives_a_chain_again),
	TEST(indexes_wrap),
	TEST(interrupts_when_wanted),
	TEST(asks_for_notifications),
	TEST(refuses_a_head_outside),
	TEST(refuses_too_many_available),
	TEST(refuses_a_loop),
	TEST(refuses_next_outside),
	TEST(refuses_readable_after_writable),
	TEST(refuses_buffers_outside),
	TEST(refuses_bad_indirect_tables),
	TEST(refuses_nested_indirect_tables),
	TEST(refuses_indirect_if_not_negotiated),
	TEST(refuses_rings_outside),
	TEST(survives_random_rings),
};

int main(int argc, char **argv)
{
	return run_tests("virtqueue", tests, ARRAY_SIZE(tests), argc, argv);
}
