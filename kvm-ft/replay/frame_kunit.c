// SPDX-License-Identifier: GPL-2.0-only
/* Heads of frames: they come back as they were, and nothing else is taken for one. */
#include <kunit/test.h>
#include "frame.h"

static const struct kvm_ft_frame samples[] = {
	{ .type = KVM_FT_FRAME_HELLO, .position = 1, .value = KVM_FT_WIRE_VERSION },
	{ .type = KVM_FT_FRAME_DATA, .length = 1, .generation = U64_MAX },
	{ .type = KVM_FT_FRAME_DATA, .length = KVM_FT_FRAME_MAX, .position = U64_MAX },
	{ .type = KVM_FT_FRAME_BEAT, .value = U64_MAX },
	{ .type = KVM_FT_FRAME_ACK, .generation = 7, .position = 1000, .value = 900 },
	{ .type = KVM_FT_FRAME_BYE, .position = 123456789 },
};

static void frame_round_trip(struct kunit *test)
{
	u8 head[KVM_FT_FRAME_HEAD];
	int i;

	for (i = 0; i < ARRAY_SIZE(samples); i++) {
		struct kvm_ft_frame frame = {};

		kvm_ft_frame_encode(&samples[i], head);
		KUNIT_EXPECT_EQ(test, 0, kvm_ft_frame_decode(&frame, head));
		KUNIT_EXPECT_EQ(test, samples[i].type, frame.type);
		KUNIT_EXPECT_EQ(test, samples[i].length, frame.length);
		KUNIT_EXPECT_EQ(test, samples[i].generation, frame.generation);
		KUNIT_EXPECT_EQ(test, samples[i].position, frame.position);
		KUNIT_EXPECT_EQ(test, samples[i].value, frame.value);
	}
}

/* The bytes on the wire, as the specification has them. */
static void frame_bytes(struct kunit *test)
{
	static const u8 expected[KVM_FT_FRAME_HEAD] = {
		'k', 'F', 'T', '1', 4, 0, 0, 0, 0, 0, 0, 0, 0x19, 0x17, 0x17, 0xc7,
		7, 0, 0, 0, 0, 0, 0, 0, 0xe8, 3, 0, 0, 0, 0, 0, 0, 0x84, 3, 0, 0, 0, 0, 0, 0,
	};
	u8 head[KVM_FT_FRAME_HEAD];
	int i;

	kvm_ft_frame_encode(&samples[4], head);
	for (i = 0; i < sizeof(head); i++)
		KUNIT_EXPECT_EQ(test, (int)expected[i], (int)head[i]);
}

static void frame_each_bit_counts(struct kunit *test)
{
	struct kvm_ft_frame frame;
	u8 head[KVM_FT_FRAME_HEAD];
	int bit;

	kvm_ft_frame_encode(&samples[4], head);
	for (bit = 0; bit < 8 * sizeof(head); bit++) {
		head[bit / 8] ^= 1 << bit % 8;
		KUNIT_EXPECT_EQ(test, -EPROTO, kvm_ft_frame_decode(&frame, head));
		head[bit / 8] ^= 1 << bit % 8;
	}
	KUNIT_EXPECT_EQ(test, 0, kvm_ft_frame_decode(&frame, head));
}

static void expect_refused(struct kunit *test, struct kvm_ft_frame frame)
{
	u8 head[KVM_FT_FRAME_HEAD];

	kvm_ft_frame_encode(&frame, head);
	KUNIT_EXPECT_EQ(test, -EPROTO, kvm_ft_frame_decode(&frame, head));
}

/* With a right checksum, too. */
static void frame_refuses_nonsense(struct kunit *test)
{
	struct kvm_ft_frame too_long = {
		.type = KVM_FT_FRAME_DATA, .length = KVM_FT_FRAME_MAX + 1,
	};

	expect_refused(test, too_long);
	expect_refused(test, (struct kvm_ft_frame){ .type = 0 });
	expect_refused(test, (struct kvm_ft_frame){ .type = KVM_FT_FRAME_LIMIT });
	expect_refused(test, (struct kvm_ft_frame){ .type = KVM_FT_FRAME_DATA });
	expect_refused(test, (struct kvm_ft_frame){ .type = KVM_FT_FRAME_ACK, .length = 1 });
	expect_refused(test, (struct kvm_ft_frame){ .type = KVM_FT_FRAME_BYE, .length = 1 });
}

static struct kunit_case frame_cases[] = {
	KUNIT_CASE(frame_round_trip),
	KUNIT_CASE(frame_bytes),
	KUNIT_CASE(frame_each_bit_counts),
	KUNIT_CASE(frame_refuses_nonsense),
	{}
};

static struct kunit_suite frame_suite = {
	.name = "kvm_ft_frame",
	.test_cases = frame_cases,
};

kunit_test_suite(frame_suite);
