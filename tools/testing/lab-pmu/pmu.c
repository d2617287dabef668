// SPDX-License-Identifier: GPL-2.0-only
/*
 * The perf PMU "kvm_ft_lab" with its event guest_instructions (config 1).
 *
 * Counts per task or per CPU, in guest mode only; exclude_host must be set,
 * since what the host executes is not counted and must not seem to be.  With a
 * sample period an overflow is reported through perf_event_overflow() at the
 * VM exit where a hardware counter's interrupt would have arrived.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/prandom.h>

#include "../../../kvm-ft/compat/symbols.h"
#include "lab-pmu.h"

#define LAB_PMU_GUEST_INSTRUCTIONS	1

static struct pmu lab_pmu;

/* Events that are counting on a CPU.  Interrupts off. */
struct lab_active {
	struct perf_event *event[LAB_PMU_MAX_EVENTS];
};

static DEFINE_PER_CPU(struct lab_active, active);

/* Skid: draws are serialised by the lock, which is taken with interrupts off. */
static DEFINE_RAW_SPINLOCK(skid_lock);
static struct rnd_state skid_random;
static unsigned int skid_bound;

/* perf_event_overflow() is what every hardware PMU calls; it is not exported. */
static int (*report_overflow)(struct perf_event *event, struct perf_sample_data *data,
			      struct pt_regs *regs);

int lab_pmu_set_skid(unsigned int skid)
{
	if (skid > LAB_PMU_MAX_SKID)
		return -ERANGE;
	WRITE_ONCE(skid_bound, skid);
	return 0;
}

void lab_pmu_set_seed(u64 seed)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&skid_lock, flags);
	prandom_seed_state(&skid_random, seed);
	raw_spin_unlock_irqrestore(&skid_lock, flags);
}

static s64 notrace draw_skid(void)
{
	u32 bound = READ_ONCE(skid_bound);
	unsigned long flags;
	u32 r;

	if (!bound)
		return 0;
	raw_spin_lock_irqsave(&skid_lock, flags);
	r = prandom_u32_state(&skid_random);
	raw_spin_unlock_irqrestore(&skid_lock, flags);
	return (s64)(r % (2 * bound + 1)) - bound;
}

/*
 * hw.period_left counts down to the moment of the overflow, with the drawn
 * skid in it; hw.config_base is that skid, to be taken out again at the
 * overflow so that skids do not add up.
 */
static void notrace next_period(struct perf_event *event)
{
	s64 period = event->hw.sample_period;
	s64 left = local64_read(&event->hw.period_left) - (s64)event->hw.config_base + period;
	s64 skid = draw_skid();

	if (left <= 0)
		left = period;
	skid = max(skid, 1 - left);
	event->hw.last_period = period;
	event->hw.config_base = skid;
	local64_set(&event->hw.period_left, left + skid);
}

/**
 * lab_pmu_distance() - instructions until the next overflow on this CPU
 *
 * Interrupts off.
 *
 * Return: at least 1; LAB_PMU_NEVER when no active event has a period.
 */
s64 notrace lab_pmu_distance(void)
{
	s64 nearest = LAB_PMU_NEVER;
	int i;

	for (i = 0; i < LAB_PMU_MAX_EVENTS; i++) {
		struct perf_event *event = __this_cpu_read(active.event[i]);

		if (event && is_sampling_event(event) && !event->hw.state)
			nearest = min_t(s64, nearest, local64_read(&event->hw.period_left));
	}
	return max_t(s64, nearest, 1);
}

static void notrace overflow(struct perf_event *event, struct pt_regs *regs)
{
	struct perf_sample_data data;

	perf_sample_data_init(&data, 0, event->hw.last_period);
	next_period(event);
	if (report_overflow(event, &data, regs))
		event->pmu->stop(event, 0);
}

/**
 * lab_pmu_count() - guest instructions have retired on this CPU
 * @instructions: how many
 * @regs: host registers, for the samples
 *
 * Interrupts off.
 */
void notrace lab_pmu_count(u64 instructions, struct pt_regs *regs)
{
	int i;

	for (i = 0; i < LAB_PMU_MAX_EVENTS; i++) {
		struct perf_event *event = __this_cpu_read(active.event[i]);

		if (!event || event->hw.state)
			continue;
		local64_add(instructions, &event->count);
		if (!is_sampling_event(event))
			continue;
		if (local64_sub_return(instructions, &event->hw.period_left) <= 0)
			overflow(event, regs);
	}
}

/**
 * lab_pmu_first() - the count of one event
 *
 * Interrupts off.
 *
 * Return: of the first that is active on this CPU; %LAB_PMU_NO_COUNT if none is.
 */
u64 notrace lab_pmu_first(void)
{
	struct perf_event *event = __this_cpu_read(active.event[0]);

	return event && !event->hw.state ? local64_read(&event->count) : LAB_PMU_NO_COUNT;
}

static int lab_event_init(struct perf_event *event)
{
	struct perf_event_attr *attr = &event->attr;

	if (attr->type != lab_pmu.type)
		return -ENOENT;
	if (attr->config != LAB_PMU_GUEST_INSTRUCTIONS)
		return -EINVAL;
	/* Guest and host, or kernel and user, cannot be told apart otherwise. */
	if (!attr->exclude_host || attr->exclude_guest || attr->exclude_user ||
	    attr->exclude_kernel || attr->exclude_hv || attr->exclude_idle)
		return -EINVAL;
	if (attr->freq || attr->precise_ip || has_branch_stack(event))
		return -EOPNOTSUPP;
	if (is_sampling_event(event)) {
		if (attr->sample_period > S64_MAX)
			return -EINVAL;
		/* The first period has a skid as well. */
		local64_set(&event->hw.period_left, 0);
	}
	return 0;
}

static void lab_event_start(struct perf_event *event, int flags)
{
	/* Nothing is left when the period was changed: it begins anew. */
	if (is_sampling_event(event) && local64_read(&event->hw.period_left) <= 0) {
		event->hw.config_base = 0;
		next_period(event);
	}
	event->hw.state = 0;
	perf_event_update_userpage(event);
}

static void lab_event_stop(struct perf_event *event, int flags)
{
	/* The count is up to date whenever the guest does not run. */
	event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
}

static int lab_event_add(struct perf_event *event, int flags)
{
	int i;

	for (i = 0; i < LAB_PMU_MAX_EVENTS; i++)
		if (!__this_cpu_read(active.event[i]))
			break;
	if (i == LAB_PMU_MAX_EVENTS)
		return -EAGAIN;

	event->hw.state = PERF_HES_STOPPED | PERF_HES_UPTODATE;
	event->hw.idx = i;
	__this_cpu_write(active.event[i], event);
	if (flags & PERF_EF_START)
		lab_event_start(event, PERF_EF_RELOAD);
	return 0;
}

static void lab_event_del(struct perf_event *event, int flags)
{
	lab_event_stop(event, PERF_EF_UPDATE);
	__this_cpu_write(active.event[event->hw.idx], NULL);
	perf_event_update_userpage(event);
}

static void lab_event_read(struct perf_event *event)
{
	/* The hooks keep event->count exact; there is nothing to fetch. */
}

PMU_FORMAT_ATTR(event, "config:0-63");

static struct attribute *format_attrs[] = {
	&format_attr_event.attr,
	NULL,
};

static const struct attribute_group format_group = {
	.name = "format",
	.attrs = format_attrs,
};

PMU_EVENT_ATTR_STRING(guest_instructions, attr_guest_instructions, "event=0x1");

static struct attribute *event_attrs[] = {
	&attr_guest_instructions.attr.attr,
	NULL,
};

static const struct attribute_group event_group = {
	.name = "events",
	.attrs = event_attrs,
};

static const struct attribute_group *attr_groups[] = {
	&format_group,
	&event_group,
	NULL,
};

static struct pmu lab_pmu = {
	.module = THIS_MODULE,
	/* The one context that several PMUs may share, as Intel PT does. */
	.task_ctx_nr = perf_sw_context,
	.attr_groups = attr_groups,
	.event_init = lab_event_init,
	.add = lab_event_add,
	.del = lab_event_del,
	.start = lab_event_start,
	.stop = lab_event_stop,
	.read = lab_event_read,
};

/**
 * lab_pmu_register() - offer the PMU to perf
 *
 * Return: 0, -ENODEV if perf has no perf_event_overflow(), or perf's error.
 */
int lab_pmu_register(void)
{
	report_overflow = kvm_ft_symbol("perf_event_overflow");
	if (!report_overflow)
		return -ENODEV;
	return perf_pmu_register(&lab_pmu, "kvm_ft_lab", -1);
}

void lab_pmu_unregister(void)
{
	perf_pmu_unregister(&lab_pmu);
}
