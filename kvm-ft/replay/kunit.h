/* SPDX-License-Identifier: GPL-2.0-only */
/* What the log's test suites share. */
#ifndef KVM_FT_REPLAY_KUNIT_H
#define KVM_FT_REPLAY_KUNIT_H

#include <kunit/test.h>

#include "test_guest.h"

static inline void expect_same_entry(struct kunit *test, const struct kvm_ft_entry *a,
				     const struct kvm_ft_entry *b)
{
	KUNIT_EXPECT_EQ(test, a->kind, b->kind);
	KUNIT_EXPECT_EQ(test, a->flags, b->flags);
	KUNIT_EXPECT_EQ(test, a->progress, b->progress);
	KUNIT_EXPECT_EQ(test, a->rip, b->rip);
	KUNIT_EXPECT_EQ(test, a->rcx, b->rcx);
	KUNIT_EXPECT_EQ(test, a->value, b->value);
	KUNIT_EXPECT_MEMEQ(test, a->regs, b->regs, sizeof(a->regs));
	KUNIT_EXPECT_EQ(test, a->gfn, b->gfn);
	KUNIT_EXPECT_EQ(test, a->npages, b->npages);
	KUNIT_EXPECT_EQ(test, a->tag, b->tag);
	KUNIT_ASSERT_EQ(test, a->payload_len, b->payload_len);
	if (a->payload_len)
		KUNIT_EXPECT_MEMEQ(test, a->payload, b->payload, a->payload_len);
}

#endif /* KVM_FT_REPLAY_KUNIT_H */
