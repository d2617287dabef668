// SPDX-License-Identifier: GPL-2.0-only
/* The guest has left the log's path: what is said of it, and where. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bitops.h>
#include <linux/printk.h>
#include <linux/string.h>

#include "session.h"
#include "trace.h"

/* Does the log have the registers of the entry that was not met? */
static bool registers_logged(const struct kvm_ft_session *s)
{
	u8 kind = s->replayer.divergence.logged.kind;

	return s->header.flags & KVM_FT_LOG_CHECKING && kind && kind != KVM_FT_KIND_MARK;
}

static u32 different_registers(const struct kvm_ft_session *s,
			       const struct kvm_ft_divergence *d)
{
	if (!registers_logged(s))
		return 0;
	return kvm_ft_different_registers(d->logged.regs, d->found.regs);
}

static void print_range(const struct kvm_ft_session *s, const struct kvm_ft_divergence *d)
{
	if (d->logged.kind == KVM_FT_KIND_RAM_HASH)
		pr_err("%s: in guest frames %#llx to %#llx, log: %016llx, guest: %016llx\n",
		       s->name, d->logged.gfn, d->logged.gfn + d->logged.npages - 1,
		       d->logged.value, d->found.value);
}

static void print_registers(const struct kvm_ft_session *s, const struct kvm_ft_divergence *d)
{
	unsigned long differs = different_registers(s, d);
	unsigned int i;

	for_each_set_bit(i, &differs, KVM_FT_NR_REGS)
		pr_err("%s: %s, log: %#llx, guest: %#llx\n", s->name, kvm_ft_register_name(i),
		       d->logged.regs[i], d->found.regs[i]);
}

void kvm_ft_diverged(struct kvm_ft_session *s)
{
	struct kvm_ft_divergence *d = &s->replayer.divergence;

	/* In checking mode as they were at the exit: KVM may have gone on since. */
	if (s->header.flags & KVM_FT_LOG_CHECKING)
		memcpy(d->found.regs, s->here.regs, sizeof(d->found.regs));
	else
		kvm_ft_registers(s, d->found.regs);
	kvm_ft_set_state(s, KVM_FT_STATE_DIVERGED);
	trace_kvm_ft_divergence(s->id, d);
	pr_err("%s: replay diverged at entry %llu: %s; log: %s at progress %llu rip %#llx, guest: %s at progress %llu rip %#llx\n",
	       s->name, d->logged.ordinal, d->what,
	       kvm_ft_kind_name(d->logged.kind) ?: "nothing", d->logged.progress, d->logged.rip,
	       kvm_ft_kind_name(d->found.kind) ?: "nothing", d->found.progress, d->found.rip);
	print_range(s, d);
	print_registers(s, d);
}

static void describe_position(struct kvm_ft_position *p, const struct kvm_ft_entry *e)
{
	p->kind = e->kind;
	p->progress = e->progress;
	p->rip = e->rip;
	p->value = e->value;
	p->gfn = e->gfn;
	p->npages = e->npages;
	memcpy(p->regs, e->regs, sizeof(p->regs));
}

static_assert(KVM_FT_REGS == KVM_FT_NR_REGS);

/**
 * kvm_ft_describe_divergence() - for KVM_FT_STATUS
 * @s: a session that has diverged
 * @st: receives what differs
 */
void kvm_ft_describe_divergence(const struct kvm_ft_session *s, struct kvm_ft_status *st)
{
	const struct kvm_ft_divergence *d = &s->replayer.divergence;

	strscpy(st->what, d->what, sizeof(st->what));
	describe_position(&st->logged, &d->logged);
	describe_position(&st->found, &d->found);
	st->logged.has_regs = registers_logged(s);
	st->found.has_regs = true;
	st->differs = different_registers(s, d);
}
