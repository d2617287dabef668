// SPDX-License-Identifier: GPL-2.0-only
#include "engine.h"

int kvm_ft_replayer_init(struct kvm_ft_replayer *r, const u8 *buf, size_t len)
{
	memset(r->entries, 0, sizeof(r->entries));
	memset(r->bytes, 0, sizeof(r->bytes));
	memset(&r->divergence, 0, sizeof(r->divergence));
	r->have = false;
	r->free_until = 0;
	r->limit = 0;
	r->stopped = false;
	return kvm_ft_log_reader_init(&r->reader, buf, len);
}

static int decode_next(struct kvm_ft_replayer *r)
{
	const u8 *before = r->reader.pos;
	int got = kvm_ft_log_reader_next(&r->reader, &r->next);

	r->next_len = got > 0 ? r->reader.pos - before : 0;
	return got;
}

static void count(struct kvm_ft_replayer *r)
{
	r->entries[r->next.kind]++;
	r->bytes[r->next.kind] += r->next_len;
}

static int bad_end(struct kvm_ft_replayer *r)
{
	r->reader.reason = KVM_FT_LOG_STOP;
	return -EBADMSG;
}

bool kvm_ft_replayer_limited(const struct kvm_ft_replayer *r)
{
	return r->limit && !r->have && r->reader.codec.ordinal >= r->limit;
}

/*
 * Not for the guest to come to: marks, which say how far it may run where there is no next
 * entry yet, and a stop that is behind what was replayed already.
 */
static bool has_no_place(struct kvm_ft_replayer *r)
{
	if (r->next.kind == KVM_FT_KIND_MARK)
		r->free_until = r->next.progress;
	else if (r->next.kind == KVM_FT_KIND_STOP && r->next.value == KVM_FT_STOP_BEFORE)
		r->stopped = true;
	else
		return false;
	count(r);
	return true;
}

static int advance(struct kvm_ft_replayer *r)
{
	int got;

	do {
		if (kvm_ft_replayer_limited(r))
			return 0;
		got = decode_next(r);
		if (got > 0 && (r->stopped || (r->next.kind == KVM_FT_KIND_STOP &&
					       r->next.value > KVM_FT_STOP_BEFORE)))
			return bad_end(r);
	} while (got > 0 && has_no_place(r));
	r->have = got > 0;
	return got < 0 ? got : 0;
}

int kvm_ft_replayer_load(struct kvm_ft_replayer *r, const u8 *buf, size_t len)
{
	int size, err;

	size = kvm_ft_log_reader_block(&r->reader, buf, len);
	if (size < 0)
		return size;
	if (r->reader.closed && !r->stopped)
		return bad_end(r);
	err = advance(r);
	return err ?: size;
}

bool kvm_ft_replayer_stops(const struct kvm_ft_replayer *r)
{
	if (!r->have)
		return false;
	switch (kvm_ft_kind_class(r->next.kind)) {
	case KVM_FT_CLASS_ASYNC:
	case KVM_FT_CLASS_CHECK:
	case KVM_FT_CLASS_CONTROL:
		return true;
	default:
		return false;
	}
}

u32 kvm_ft_different_registers(const u64 *a, const u64 *b)
{
	u32 map = 0;
	int i;

	for (i = 0; i < KVM_FT_NR_REGS; i++)
		if (a[i] != b[i])
			map |= 1U << i;
	return map;
}

static int diverged(struct kvm_ft_replayer *r, const struct kvm_ft_entry *found,
		    const char *what)
{
	r->divergence.what = what;
	r->divergence.logged = r->next;
	r->divergence.logged.payload = NULL;
	r->divergence.found = *found;
	r->divergence.found.payload = NULL;
	return -EILSEQ;
}

int kvm_ft_replayer_at(struct kvm_ft_replayer *r, u64 progress, u64 rip, u64 rcx)
{
	struct kvm_ft_entry found = {
		.kind = r->next.kind, .progress = progress, .rip = rip, .rcx = rcx,
	};

	if (progress > r->next.progress)
		return diverged(r, &found, "the guest passed the landmark");
	if (progress < r->next.progress || rip != r->next.rip)
		return 0;
	return !(r->next.flags & KVM_FT_ENTRY_RCX) || rcx == r->next.rcx;
}

static const char *difference(const struct kvm_ft_replayer *r,
			      const struct kvm_ft_entry *found)
{
	if (found->kind != r->next.kind)
		return "kind of exit";
	if (found->progress != r->next.progress)
		return "progress";
	if (found->rip != r->next.rip)
		return "instruction pointer";
	if ((r->next.flags & KVM_FT_ENTRY_RCX) && found->rcx != r->next.rcx)
		return "RCX";
	if (r->reader.header.flags & KVM_FT_LOG_CHECKING &&
	    kvm_ft_different_registers(found->regs, r->next.regs))
		return "registers";
	if (kvm_ft_kind_is_checked(found->kind) && found->value != r->next.value)
		return "reason of an exit";
	if (kvm_ft_kind_class(found->kind) != KVM_FT_CLASS_CHECK)
		return NULL;
	if (found->gfn != r->next.gfn || found->npages != r->next.npages)
		return "range of RAM";
	return found->value != r->next.value ? "RAM hash" : NULL;
}

int kvm_ft_replayer_take(struct kvm_ft_replayer *r, struct kvm_ft_entry *found)
{
	const char *what;

	if (!r->have && found->progress >= r->free_until)
		return -ENODATA;
	if (!r->have) {
		r->next = (struct kvm_ft_entry){
			.kind = KVM_FT_KIND_MARK, .progress = r->free_until,
			.ordinal = r->reader.codec.ordinal,
		};
		return diverged(r, found, "kind of exit");
	}
	what = difference(r, found);
	if (what)
		return diverged(r, found, what);
	*found = r->next;
	count(r);
	r->have = false;
	r->stopped = found->kind == KVM_FT_KIND_STOP;
	return advance(r);
}
