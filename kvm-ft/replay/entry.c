// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which entries exist: the kinds with what belongs to each, and the rules that
 * an entry must keep, whether it is about to be written or was just read.
 */
#include "entry.h"

#define SITE_PARTS	(HAS_RIP | HAS_REGS | IN_SITES)
#define TSC_PARTS	(SITE_PARTS | IS_TSC)
#define EVENT_PARTS	(HAS_RIP | HAS_RCX | HAS_REGS)

const struct kvm_ft_kind_row kvm_ft_kinds[KVM_FT_KIND_LIMIT] = {
	[KVM_FT_KIND_RDTSC] = {
		"rdtsc", KVM_FT_CLASS_SYNC, TSC_PARTS, U64_MAX },
	[KVM_FT_KIND_RDTSCP] = {
		"rdtscp", KVM_FT_CLASS_SYNC, TSC_PARTS, U64_MAX },
	[KVM_FT_KIND_MSR_TSC] = {
		"msr_tsc", KVM_FT_CLASS_SYNC, TSC_PARTS, U64_MAX },
	[KVM_FT_KIND_MSR_TSC_DEADLINE] = {
		"msr_tsc_deadline", KVM_FT_CLASS_SYNC, SITE_PARTS, U64_MAX },
	[KVM_FT_KIND_LAPIC_TMCCT] = {
		"lapic_tmcct", KVM_FT_CLASS_SYNC, SITE_PARTS, U32_MAX },
	[KVM_FT_KIND_VALUE] = {
		"value", KVM_FT_CLASS_SYNC, HAS_RIP | HAS_REGS | HAS_TAG, 0 },
	[KVM_FT_KIND_EXIT] = {
		"exit", KVM_FT_CLASS_SYNC, SITE_PARTS | IS_CHECKED, U32_MAX },
	[KVM_FT_KIND_BREAKPOINT] = {
		"breakpoint", KVM_FT_CLASS_SYNC, SITE_PARTS | IS_CHECKED, 0xf },
	[KVM_FT_KIND_EVENT] = {
		"event", KVM_FT_CLASS_ASYNC, EVENT_PARTS | HAS_TAG, 0 },
	[KVM_FT_KIND_TIMER] = {
		"timer", KVM_FT_CLASS_ASYNC, EVENT_PARTS, 0 },
	[KVM_FT_KIND_MARK] = {
		"mark", KVM_FT_CLASS_ASYNC, 0, 0 },
	[KVM_FT_KIND_RAM_HASH] = {
		"ram_hash", KVM_FT_CLASS_CHECK, EVENT_PARTS | HAS_HASH | HAS_RANGE, U64_MAX },
	[KVM_FT_KIND_STOP] = {
		"stop", KVM_FT_CLASS_CONTROL, EVENT_PARTS | HAS_VALUE, U32_MAX },
};

const struct kvm_ft_kind_row *kvm_ft_kind_row(unsigned int kind)
{
	return kind < KVM_FT_KIND_LIMIT && kvm_ft_kinds[kind].name ? &kvm_ft_kinds[kind] : NULL;
}

const char *kvm_ft_kind_name(unsigned int kind)
{
	const struct kvm_ft_kind_row *row = kvm_ft_kind_row(kind);

	return row ? row->name : NULL;
}

enum kvm_ft_class kvm_ft_kind_class(unsigned int kind)
{
	const struct kvm_ft_kind_row *row = kvm_ft_kind_row(kind);

	return row ? row->class : KVM_FT_CLASS_NONE;
}

bool kvm_ft_kind_has_rcx(unsigned int kind)
{
	const struct kvm_ft_kind_row *row = kvm_ft_kind_row(kind);

	return row && (row->parts & HAS_RCX);
}

bool kvm_ft_kind_is_checked(unsigned int kind)
{
	const struct kvm_ft_kind_row *row = kvm_ft_kind_row(kind);

	return row && (row->parts & IS_CHECKED);
}

const char *kvm_ft_register_name(unsigned int i)
{
	static const char * const names[KVM_FT_NR_REGS] = {
		"RAX", "RBX", "RCX", "RDX", "RSI", "RDI", "RSP", "RBP",
		"R8", "R9", "R10", "R11", "R12", "R13", "R14", "R15",
		[KVM_FT_REG_RIP] = "RIP", [KVM_FT_REG_RFLAGS] = "RFLAGS",
	};

	return i < KVM_FT_NR_REGS ? names[i] : NULL;
}

bool kvm_ft_entry_has_regs(const struct kvm_ft_codec *c, const struct kvm_ft_kind_row *row)
{
	return c->checking && (row->parts & HAS_REGS);
}

static bool range_ok(const struct kvm_ft_entry *e, u16 parts)
{
	if (!(parts & HAS_RANGE))
		return !e->gfn && !e->npages;
	return e->npages && e->npages <= KVM_FT_GFN_LIMIT &&
	       e->gfn <= KVM_FT_GFN_LIMIT - e->npages;
}

static bool payload_ok(const struct kvm_ft_entry *e, u16 parts)
{
	if (!(parts & HAS_TAG))
		return !e->tag && !e->payload_len;
	return e->payload_len <= KVM_FT_PAYLOAD_MAX && (e->payload || !e->payload_len);
}

bool kvm_ft_entry_ok(const struct kvm_ft_codec *c, const struct kvm_ft_entry *e)
{
	const struct kvm_ft_kind_row *row = kvm_ft_kind_row(e->kind);

	if (!row || e->progress < c->progress || e->value > row->value_max)
		return false;
	if (e->flags & ~(row->parts & HAS_RCX ? KVM_FT_ENTRY_RCX : 0))
		return false;
	if (e->rcx && !(e->flags & KVM_FT_ENTRY_RCX))
		return false;
	if (e->rip && !(row->parts & HAS_RIP))
		return false;
	return range_ok(e, row->parts) && payload_ok(e, row->parts);
}
