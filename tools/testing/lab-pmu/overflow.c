// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends a guest segment after a given number of instructions, with the local
 * APIC timer, which the host must not use itself (nolapic_timer).
 *
 * QEMU ends the execution of instructions exactly where a timer of its virtual
 * clock is due, and with -icount shift=0 one instruction takes one nanosecond.
 * With a divisor of 1 the timer can hit each of them.  The vector is one that
 * the kernel acknowledges and does nothing for: all that is wanted is the VM
 * exit.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/apic.h>
#include <asm/irq_vectors.h>
#include <asm/msr.h>
#include <linux/printk.h>
#include <linux/smp.h>

#include "lab-pmu.h"

static u32 old_lvtt, old_tdcr;

static void timer_set_up(void *unused)
{
	old_lvtt = native_apic_mem_read(APIC_LVTT);
	old_tdcr = native_apic_mem_read(APIC_TDCR);
	native_apic_mem_write(APIC_TMICT, 0);
	native_apic_mem_write(APIC_TDCR, APIC_TDR_DIV_1);
	native_apic_mem_write(APIC_LVTT, X86_PLATFORM_IPI_VECTOR);
}

static void timer_restore(void *unused)
{
	native_apic_mem_write(APIC_TMICT, 0);
	native_apic_mem_write(APIC_LVTT, old_lvtt);
	native_apic_mem_write(APIC_TDCR, old_tdcr);
}

/**
 * lab_timer_acquire() - take the local APIC timers of all CPUs
 *
 * Process context.
 *
 * Return: 0, or -ENODEV, -EOPNOTSUPP or -EBUSY with the reason in the kernel log.
 */
int lab_timer_acquire(void)
{
	u64 base;
	u32 lvtt;

	if (!boot_cpu_has(X86_FEATURE_APIC)) {
		pr_err("the host uses no local APIC; boot it with ACPI or MP tables, without nolapic\n");
		return -ENODEV;
	}
	rdmsrl(MSR_IA32_APICBASE, base);
	if (base & X2APIC_ENABLE) {
		pr_err("the local APIC is in x2APIC mode; boot the host with nox2apic\n");
		return -EOPNOTSUPP;
	}
	lvtt = native_apic_mem_read(APIC_LVTT);
	if (!(lvtt & APIC_LVT_MASKED)) {
		pr_err("the host uses the local APIC timer itself (LVTT %#x); boot it with nolapic_timer\n",
		       lvtt);
		return -EBUSY;
	}
	on_each_cpu(timer_set_up, NULL, true);
	return 0;
}

/**
 * lab_timer_release() - undo lab_timer_acquire()
 *
 * Process context; no guest segment is timed any more.
 */
void lab_timer_release(void)
{
	on_each_cpu(timer_restore, NULL, true);
}

/**
 * lab_timer_start() - interrupt this CPU after @ticks nanoseconds
 * @ticks: 1..U32_MAX, counted from the end of this call
 *
 * Interrupts off, right before VM entry; lab_timer_stop() follows after the
 * exit.
 */
void notrace lab_timer_start(u32 ticks)
{
	native_apic_mem_write(APIC_TMICT, ticks);
}

/**
 * lab_timer_stop() - the guest segment has ended
 *
 * Interrupts off, after VM exit.
 *
 * Return: true when the timer has fired.
 */
bool notrace lab_timer_stop(void)
{
	bool fired = !native_apic_mem_read(APIC_TMCCT);

	native_apic_mem_write(APIC_TMICT, 0);
	return fired;
}
