// SPDX-License-Identifier: GPL-2.0-only
/*
 * Hashes of guest RAM, in checking mode: what registers and exits do not show
 * is found at the next of them.
 *
 * A hash covers at most PIECE pages, so that the guest's pause is bounded
 * whatever its size.  The next hash covers the pages that follow, and from the
 * last page it goes on with the first: all RAM is looked at in turn.  The end
 * of a recording covers it all.
 *
 * Process context, in the session's thread, with no lock of KVM's held.
 */
#include <linux/kvm_host.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/xxhash.h>

#include "session.h"

/* 16 MiB: some milliseconds. */
#define PIECE	4096

static int read_page(struct kvm *kvm, gfn_t gfn, void *page)
{
	int err, srcu;

	srcu = srcu_read_lock(&kvm->srcu);
	err = kvm_read_guest_page(kvm, gfn, page, 0, PAGE_SIZE);
	srcu_read_unlock(&kvm->srcu, srcu);
	return err;
}

static int hash_pages(struct kvm_ft_session *s, struct kvm_ft_entry *e)
{
	struct kvm *kvm = s->arch.vcpu->kvm;
	struct xxh64_state state;
	int err = 0;
	void *page;
	u64 i;

	/* Another process has other memory at these addresses. */
	if (current->mm != kvm->mm)
		return -EIO;
	page = kmalloc(PAGE_SIZE, GFP_KERNEL_ACCOUNT);
	if (!page)
		return -ENOMEM;
	xxh64_reset(&state, 0);
	for (i = 0; i < e->npages && !err; i++) {
		err = read_page(kvm, e->gfn + i, page);
		if (!err)
			err = xxh64_update(&state, page, PAGE_SIZE);
		cond_resched();
		if (fatal_signal_pending(current))
			err = -EINTR;
	}
	kfree(page);
	e->value = xxh64_digest(&state);
	return err;
}

static u64 slot_pages(const struct kvm_ft_log_slot *slot)
{
	return slot->size >> PAGE_SHIFT;
}

/* The pages whose turn it is. */
static void next_piece(struct kvm_ft_session *s, struct kvm_ft_entry *e)
{
	const struct kvm_ft_log_slot *slot = &s->header.slot[s->ram.slot];

	e->gfn = (slot->gpa >> PAGE_SHIFT) + s->ram.page;
	e->npages = min_t(u64, PIECE, slot_pages(slot) - s->ram.page);
	s->ram.page += e->npages;
	if (s->ram.page == slot_pages(slot)) {
		s->ram.page = 0;
		s->ram.slot = (s->ram.slot + 1) % s->header.nr_slots;
	}
}

/**
 * kvm_ft_ram_record() - hash the pages whose turn it is
 * @s: a recording session; the guest stands at a landmark, @s->here
 *
 * Return: 0, or a negative errno after which the session has ended.
 */
int kvm_ft_ram_record(struct kvm_ft_session *s)
{
	struct kvm_ft_entry e = { .kind = KVM_FT_KIND_RAM_HASH };
	int err;

	if (!s->header.nr_slots)
		return 0;
	next_piece(s, &e);
	err = hash_pages(s, &e);
	if (err) {
		kvm_ft_fail(s, err, "cannot read guest RAM");
		return err;
	}
	return kvm_ft_async(s, &e);
}

/* Has RAM stayed as it was when the guest last exited, where @s->here is? */
static bool unchanged(struct kvm_ft_session *s)
{
	struct kvm_vcpu *vcpu = s->arch.vcpu;

	/* KVM may have stored what was read from a device so far. */
	return !(vcpu->mmio_needed && !vcpu->mmio_is_write) &&
	       !(vcpu->arch.pio.count && vcpu->arch.pio.in);
}

static u64 pieces(const struct kvm_ft_session *s)
{
	u64 n = 0;
	u32 i;

	for (i = 0; i < s->header.nr_slots; i++)
		n += DIV_ROUND_UP(slot_pages(&s->header.slot[i]), PIECE);
	return n;
}

/**
 * kvm_ft_ram_record_all() - hash all of guest RAM, at the recording's end
 * @s: a recording session
 *
 * Nothing is hashed while the guest is reading from a device: then RAM is not
 * that of the position where the log will end.
 *
 * Return: 0; -EINTR for a signal, to be called again; another negative errno
 * after which the session has ended.
 */
int kvm_ft_ram_record_all(struct kvm_ft_session *s)
{
	int err = 0;

	if (!unchanged(s))
		return 0;
	if (!s->ram.left || s->ram.stopped_at != s->here.progress) {
		s->ram.slot = 0;
		s->ram.page = 0;
		s->ram.left = pieces(s);
		s->ram.stopped_at = s->here.progress;
	}
	while (s->ram.left && !err) {
		if (signal_pending(current))
			return -EINTR;
		err = kvm_ft_log_room(s, 0);
		if (!err)
			err = kvm_ft_ram_record(s);
		if (!err)
			s->ram.left--;
	}
	return err;
}

/* The log may ask for anything; only what is one of its own pieces is hashed. */
static bool is_piece(const struct kvm_ft_session *s, const struct kvm_ft_entry *e)
{
	u32 i;

	if (e->npages > PIECE)
		return false;
	for (i = 0; i < s->header.nr_slots; i++) {
		const struct kvm_ft_log_slot *slot = &s->header.slot[i];
		u64 first = slot->gpa >> PAGE_SHIFT;

		if (e->gfn >= first && e->gfn + e->npages <= first + slot_pages(slot))
			return true;
	}
	return false;
}

/**
 * kvm_ft_ram_replay() - hold guest RAM against the next entry
 * @s: a replaying session that stands at its next entry, a hash of RAM
 *
 * Return: 0, or a negative errno after which the session has ended.
 */
int kvm_ft_ram_replay(struct kvm_ft_session *s)
{
	struct kvm_ft_entry e = {
		.kind = KVM_FT_KIND_RAM_HASH,
		.gfn = s->replayer.next.gfn,
		.npages = s->replayer.next.npages,
	};
	int err;

	if (!is_piece(s, &e)) {
		kvm_ft_fail(s, -EBADMSG, "the log has a hash of what is not guest RAM");
		return -EBADMSG;
	}
	err = hash_pages(s, &e);
	if (err) {
		kvm_ft_fail(s, err, "cannot read guest RAM");
		return err;
	}
	return kvm_ft_async(s, &e);
}
