// SPDX-License-Identifier: GPL-2.0-only
/*
 * Guest progress: a perf event of the vCPU's thread that counts in guest mode
 * only.  Everything goes through the kernel's perf, so that it shares the
 * counters with other users and the host may migrate the thread.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/processor.h>
#include <linux/moduleparam.h>
#include <linux/perf_event.h>
#include <linux/sched/task.h>

#include "../../session.h"

/*
 * A host may be known to do better than the model's row.  Too small a value is
 * found out at once: the replay passes its landmark and has diverged.
 */
static int skid = -1;
module_param(skid, int, 0644);
MODULE_PARM_DESC(skid, "Events by which a counter's overflow may be late, for sessions created from now on (-1: as known for the CPU model)");

/* No overflow: longer than any guest runs. */
#define PERIOD_NEVER	BIT_ULL(62)

static const struct kvm_ft_counter_model *model_of_this_cpu(void)
{
	enum kvm_ft_cpu_vendor vendor = KVM_FT_CPU_OTHER;

	if (boot_cpu_data.x86_vendor == X86_VENDOR_INTEL)
		vendor = KVM_FT_CPU_INTEL;
	else if (boot_cpu_data.x86_vendor == X86_VENDOR_AMD)
		vendor = KVM_FT_CPU_AMD;
	return kvm_ft_counter_model_of(vendor, boot_cpu_data.x86, boot_cpu_data.x86_model);
}

/**
 * kvm_ft_counter_choose() - which event this host counts
 * @s: the session
 *
 * Return: 0, or -ENODEV.
 */
int kvm_ft_counter_choose(struct kvm_ft_session *s)
{
	const struct kvm_ft_counter_model *model;

	if (!s->arch.lab_pmu)
		model = model_of_this_cpu();
	else
		model = boot_cpu_has(X86_FEATURE_HYPERVISOR) ? &kvm_ft_lab_model : NULL;
	if (!model)
		return -ENODEV;
	s->arch.model = model;
	s->arch.skid = READ_ONCE(skid) >= 0 ? READ_ONCE(skid) : s->arch.model->skid;
	return 0;
}

/* Any context, NMI too. */
static void overflow(struct perf_event *event, struct perf_sample_data *data,
		     struct pt_regs *regs)
{
	struct kvm_ft_session *s = event->overflow_handler_context;

	WRITE_ONCE(s->arch.overflowed, true);
	s->stats.overflows++;
	if (READ_ONCE(s->state) == KVM_FT_STATE_RECORDING)
		kvm_ft_intervals_due(s);
}

static void detach(struct kvm_ft_session *s)
{
	u64 enabled, running;

	if (!s->arch.counter)
		return;
	s->arch.counted += perf_event_read_value(s->arch.counter, &enabled, &running);
	perf_event_release_kernel(s->arch.counter);
	put_task_struct(s->arch.counter_task);
	s->arch.counter = NULL;
}

/**
 * kvm_ft_counter_attach() - count in the current thread
 * @s: the session
 *
 * Return: 0, or perf's error: no such PMU, or no free counter.
 */
int kvm_ft_counter_attach(struct kvm_ft_session *s)
{
	struct perf_event_attr attr = {
		.type = s->arch.lab_pmu ?: PERF_TYPE_RAW,
		.size = sizeof(attr),
		.config = s->arch.model->config,
		.sample_period = PERIOD_NEVER,
		.pinned = 1,
		.exclude_host = 1,
	};
	struct perf_event *event;

	if (s->arch.counter && s->arch.counter_task == current)
		return 0;
	detach(s);
	event = perf_event_create_kernel_counter(&attr, -1, current, overflow, s);
	if (IS_ERR(event))
		return PTR_ERR(event);
	if (s->arch.lab_pmu && strcmp(event->pmu->name, "kvm_ft_lab")) {
		perf_event_release_kernel(event);
		return -ENODEV;
	}
	WRITE_ONCE(s->armed, false);
	s->arch.approach = KVM_FT_FREE;
	s->arch.counter = event;
	s->arch.counter_task = get_task_struct(current);
	return 0;
}

void kvm_ft_counter_release(struct kvm_ft_session *s)
{
	detach(s);
}

/**
 * kvm_ft_counter_read() - guest progress now
 * @s: the session; the counter is attached to the current thread
 * @progress: the result
 *
 * The vCPU's thread; interrupts may be off.
 *
 * Return: 0, or -EIO if the counter was taken away, so that events were lost.
 */
int kvm_ft_counter_read(struct kvm_ft_session *s, u64 *progress)
{
	struct perf_event *event = s->arch.counter;
	unsigned long flags;
	int err = -EIO;

	local_irq_save(flags);
	if (event->state == PERF_EVENT_STATE_ACTIVE && event->oncpu == smp_processor_id() &&
	    !(event->hw.state & PERF_HES_STOPPED)) {
		event->pmu->read(event);
		*progress = s->arch.counted + local64_read(&event->count);
		err = 0;
	}
	local_irq_restore(flags);
	return err;
}

/**
 * kvm_ft_counter_overflow_after() - set the counter's period
 * @s: the session
 * @events: from now; 0 for none
 *
 * Process context.  May sleep.
 *
 * Return: 0, or perf's error.
 */
int kvm_ft_counter_overflow_after(struct kvm_ft_session *s, u64 events)
{
	WRITE_ONCE(s->arch.overflowed, false);
	return perf_event_period(s->arch.counter, events ?: PERIOD_NEVER);
}
