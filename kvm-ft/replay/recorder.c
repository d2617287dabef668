// SPDX-License-Identifier: GPL-2.0-only
#include "engine.h"

/* A block with one entry of the longest payload is never full for it. */
static_assert(KVM_FT_BLOCK_HEADER + KVM_FT_PAYLOAD_MAX +
	      KVM_FT_RECORDER_RESERVE * KVM_FT_ENTRY_FIXED_MAX <= KVM_FT_BLOCK_MAX);

int kvm_ft_recorder_init(struct kvm_ft_recorder *r, struct kvm_ft_log_header *h, u8 *block)
{
	memset(r->entries, 0, sizeof(r->entries));
	memset(r->bytes, 0, sizeof(r->bytes));
	r->block = block;
	return kvm_ft_log_writer_init(&r->writer, h, block, KVM_FT_BLOCK_MAX);
}

int kvm_ft_recorder_begin(struct kvm_ft_recorder *r)
{
	return kvm_ft_log_writer_begin(&r->writer, r->block, KVM_FT_BLOCK_MAX, false);
}

bool kvm_ft_recorder_full(const struct kvm_ft_recorder *r, size_t payload)
{
	size_t room = KVM_FT_BLOCK_MAX - r->writer.len;

	return !r->writer.buf || room < payload + KVM_FT_RECORDER_RESERVE * KVM_FT_ENTRY_FIXED_MAX;
}

int kvm_ft_recorder_add(struct kvm_ft_recorder *r, const struct kvm_ft_entry *e)
{
	size_t before = r->writer.len;
	int err = kvm_ft_log_writer_append(&r->writer, e);

	if (err)
		return err;
	r->entries[e->kind]++;
	r->bytes[e->kind] += r->writer.len - before;
	return 0;
}
