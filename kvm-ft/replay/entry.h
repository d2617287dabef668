/* SPDX-License-Identifier: GPL-2.0-only */
/* Which entries exist and what they consist of; for the codec alone. */
#ifndef KVM_FT_REPLAY_ENTRY_H
#define KVM_FT_REPLAY_ENTRY_H

#include "codec.h"

/* What an entry of a kind consists of. */
#define HAS_RIP		0x01
#define HAS_RCX		0x02	/* if flagged */
#define HAS_REGS	0x04	/* in checking mode */
#define HAS_VALUE	0x08	/* as V(7), up to value_max */
#define HAS_HASH	0x10	/* value as 8 bytes */
#define HAS_RANGE	0x20
#define HAS_TAG		0x40	/* and payload */
#define IN_SITES	0x80	/* value is predicted by site */
#define IS_TSC		0x100	/* value is a TSC, predicted from the last one */
#define IS_CHECKED	0x200	/* value is the guest's own, to be compared */

struct kvm_ft_kind_row {
	const char *name;
	enum kvm_ft_class class;
	u16 parts;
	u64 value_max;
};

/* All kinds by number; those that do not exist have no name. */
extern const struct kvm_ft_kind_row kvm_ft_kinds[KVM_FT_KIND_LIMIT];

/* The row of a kind that may not exist: then NULL. */
const struct kvm_ft_kind_row *kvm_ft_kind_row(unsigned int kind);

/* Whether entries of this kind have the registers in this log. */
bool kvm_ft_entry_has_regs(const struct kvm_ft_codec *c, const struct kvm_ft_kind_row *row);

/* Whether this may be the next entry: the same question for both directions. */
bool kvm_ft_entry_ok(const struct kvm_ft_codec *c, const struct kvm_ft_entry *e);

#endif /* KVM_FT_REPLAY_ENTRY_H */
