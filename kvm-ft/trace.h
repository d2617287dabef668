/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints, in tracefs under events/kvm_ft/.  Each names the session by its
 * number in sysfs.  Nobody should rely on their order relative to KVM's own
 * events of the same VM exit.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kvm_ft

#if !defined(KVM_FT_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KVM_FT_TRACE_H

#include <linux/kvm_ft.h>
#include <linux/tracepoint.h>

#include "replay/engine.h"

/* enum kvm_ft_kind, for readers of raw traces; all but those of the future. */
TRACE_DEFINE_ENUM(KVM_FT_KIND_RDTSC);
TRACE_DEFINE_ENUM(KVM_FT_KIND_RDTSCP);
TRACE_DEFINE_ENUM(KVM_FT_KIND_MSR_TSC);
TRACE_DEFINE_ENUM(KVM_FT_KIND_MSR_TSC_DEADLINE);
TRACE_DEFINE_ENUM(KVM_FT_KIND_LAPIC_TMCCT);
TRACE_DEFINE_ENUM(KVM_FT_KIND_VALUE);
TRACE_DEFINE_ENUM(KVM_FT_KIND_EXIT);
TRACE_DEFINE_ENUM(KVM_FT_KIND_BREAKPOINT);
TRACE_DEFINE_ENUM(KVM_FT_KIND_EVENT);
TRACE_DEFINE_ENUM(KVM_FT_KIND_TIMER);
TRACE_DEFINE_ENUM(KVM_FT_KIND_MARK);
TRACE_DEFINE_ENUM(KVM_FT_KIND_RAM_HASH);
TRACE_DEFINE_ENUM(KVM_FT_KIND_STOP);

#define kvm_ft_show_kind(kind)					\
	__print_symbolic(kind,					\
		{ 0,				"nothing" },	\
		{ KVM_FT_KIND_RDTSC,		"rdtsc" },	\
		{ KVM_FT_KIND_RDTSCP,		"rdtscp" },	\
		{ KVM_FT_KIND_MSR_TSC,		"msr_tsc" },	\
		{ KVM_FT_KIND_MSR_TSC_DEADLINE,	"msr_tsc_deadline" }, \
		{ KVM_FT_KIND_LAPIC_TMCCT,	"lapic_tmcct" },	\
		{ KVM_FT_KIND_VALUE,		"value" },	\
		{ KVM_FT_KIND_EXIT,		"exit" },	\
		{ KVM_FT_KIND_BREAKPOINT,	"breakpoint" },	\
		{ KVM_FT_KIND_EVENT,		"event" },	\
		{ KVM_FT_KIND_TIMER,		"timer" },	\
		{ KVM_FT_KIND_MARK,		"mark" },	\
		{ KVM_FT_KIND_RAM_HASH,		"ram_hash" },	\
		{ KVM_FT_KIND_STOP,		"stop" })

#define kvm_ft_show_state(state)				\
	__print_symbolic(state,					\
		{ KVM_FT_STATE_NEW,		"new" },	\
		{ KVM_FT_STATE_RECORDING,	"recording" },	\
		{ KVM_FT_STATE_REPLAYING,	"replaying" },	\
		{ KVM_FT_STATE_STOPPED,		"stopped" },	\
		{ KVM_FT_STATE_DIVERGED,	"diverged" },	\
		{ KVM_FT_STATE_FAILED,		"failed" })

DECLARE_EVENT_CLASS(kvm_ft_entry,
	TP_PROTO(unsigned int session, u64 ordinal, const struct kvm_ft_entry *e),
	TP_ARGS(session, ordinal, e),

	TP_STRUCT__entry(
		__field(u64,		ordinal)
		__field(u64,		progress)
		__field(u64,		rip)
		__field(u64,		value)
		__field(unsigned int,	session)
		__field(u32,		len)
		__field(u8,		kind)
	),

	TP_fast_assign(
		__entry->ordinal	= ordinal;
		__entry->progress	= e->progress;
		__entry->rip		= e->rip;
		__entry->value		= e->value;
		__entry->session	= session;
		__entry->len		= e->payload_len;
		__entry->kind		= e->kind;
	),

	TP_printk("session=%u ordinal=%llu kind=%s progress=%llu rip=%#llx value=%#llx len=%u",
		  __entry->session, __entry->ordinal, kvm_ft_show_kind(__entry->kind),
		  __entry->progress, __entry->rip, __entry->value, __entry->len)
);

/* An entry went into the log. */
DEFINE_EVENT(kvm_ft_entry, kvm_ft_record,
	TP_PROTO(unsigned int session, u64 ordinal, const struct kvm_ft_entry *e),
	TP_ARGS(session, ordinal, e)
);

/* An entry of the log was found to agree with the guest, and has taken effect. */
DEFINE_EVENT(kvm_ft_entry, kvm_ft_replay,
	TP_PROTO(unsigned int session, u64 ordinal, const struct kvm_ft_entry *e),
	TP_ARGS(session, ordinal, e)
);

/* Replay: the breakpoint has stopped the guest at the next entry's instruction. */
TRACE_EVENT(kvm_ft_landmark,
	TP_PROTO(unsigned int session, const struct kvm_ft_entry *next, u64 progress,
		 bool matched),
	TP_ARGS(session, next, progress, matched),

	TP_STRUCT__entry(
		__field(u64,		ordinal)
		__field(u64,		target)
		__field(u64,		progress)
		__field(u64,		rip)
		__field(unsigned int,	session)
		__field(bool,		matched)
	),

	TP_fast_assign(
		__entry->ordinal	= next->ordinal;
		__entry->target		= next->progress;
		__entry->progress	= progress;
		__entry->rip		= next->rip;
		__entry->session	= session;
		__entry->matched	= matched;
	),

	TP_printk("session=%u ordinal=%llu rip=%#llx progress=%llu target=%llu matched=%d",
		  __entry->session, __entry->ordinal, __entry->rip, __entry->progress,
		  __entry->target, __entry->matched)
);

TRACE_EVENT(kvm_ft_divergence,
	TP_PROTO(unsigned int session, const struct kvm_ft_divergence *d),
	TP_ARGS(session, d),

	TP_STRUCT__entry(
		__field(u64,		ordinal)
		__field(u64,		logged_progress)
		__field(u64,		logged_rip)
		__field(u64,		found_progress)
		__field(u64,		found_rip)
		__field(unsigned int,	session)
		__field(u8,		logged_kind)
		__field(u8,		found_kind)
		__array(char,		what,	64)
	),

	TP_fast_assign(
		__entry->ordinal	 = d->logged.ordinal;
		__entry->logged_progress = d->logged.progress;
		__entry->logged_rip	 = d->logged.rip;
		__entry->found_progress	 = d->found.progress;
		__entry->found_rip	 = d->found.rip;
		__entry->session	 = session;
		__entry->logged_kind	 = d->logged.kind;
		__entry->found_kind	 = d->found.kind;
		strscpy(__entry->what, d->what ?: "", sizeof(__entry->what));
	),

	TP_printk("session=%u ordinal=%llu what=\"%s\" log: kind=%s progress=%llu rip=%#llx guest: kind=%s progress=%llu rip=%#llx",
		  __entry->session, __entry->ordinal, __entry->what,
		  kvm_ft_show_kind(__entry->logged_kind), __entry->logged_progress,
		  __entry->logged_rip, kvm_ft_show_kind(__entry->found_kind),
		  __entry->found_progress, __entry->found_rip)
);

TRACE_EVENT(kvm_ft_state,
	TP_PROTO(unsigned int session, u32 from, u32 to),
	TP_ARGS(session, from, to),

	TP_STRUCT__entry(
		__field(unsigned int,	session)
		__field(u32,		from)
		__field(u32,		to)
	),

	TP_fast_assign(
		__entry->session	= session;
		__entry->from		= from;
		__entry->to		= to;
	),

	TP_printk("session=%u from=%s to=%s", __entry->session,
		  kvm_ft_show_state(__entry->from), kvm_ft_show_state(__entry->to))
);

#endif /* KVM_FT_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
