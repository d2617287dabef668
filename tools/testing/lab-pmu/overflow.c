// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ends a guest segment after a given number of instructions, by borrowing the
 * host's local APIC timer for the time that the guest runs.
 *
 * QEMU ends the execution of instructions exactly where a timer of its virtual
 * clock is due, and with -icount shift=0 one instruction takes one nanosecond.
 * Linux runs the timer with a divisor of 16; between VM entry and VM exit it
 * runs here with a divisor of 1, so that each instruction can be hit.  The
 * host's own deadline is kept: if it comes first, it stays programmed.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <asm/apic.h>
#include <asm/msr.h>
#include <linux/percpu.h>
#include <linux/printk.h>

#include "lab-pmu.h"

/**
 * struct lab_timer - the host's timer while it is borrowed
 * @divide: its divide configuration register
 * @remaining: what was left of its initial count, in its own units
 * @shift: log2 of its divisor
 * @ticks: what it was set to, 0 when it was left alone
 */
struct lab_timer {
	u32 divide;
	u32 remaining;
	u32 shift;
	u32 ticks;
};

static DEFINE_PER_CPU(struct lab_timer, lab_timer);

/* SDM vol. 3 "Divide Configuration Register": 0b1011 divides by 1. */
static u32 notrace divide_shift(u32 tdcr)
{
	u32 code = (tdcr & 3) | ((tdcr & 8) >> 1);

	return (code + 1) & 7;
}

/**
 * lab_timer_check() - can the local APIC timer be borrowed here?
 *
 * Return: 0, or -EOPNOTSUPP with the reason in the kernel log.
 */
int lab_timer_check(void)
{
	u64 base;
	u32 lvtt;

	rdmsrl(MSR_IA32_APICBASE, base);
	if (base & X2APIC_ENABLE) {
		pr_err("the local APIC is in x2APIC mode; boot the host with nox2apic\n");
		return -EOPNOTSUPP;
	}
	lvtt = native_apic_mem_read(APIC_LVTT);
	if (lvtt & APIC_LVT_MASKED || lvtt & (APIC_LVT_TIMER_PERIODIC | APIC_LVT_TIMER_TSCDEADLINE)) {
		pr_err("the host's tick does not come from a one-shot local APIC timer (LVTT %#x); boot with highres=on and without lapic timer options\n",
		       lvtt);
		return -EOPNOTSUPP;
	}
	return 0;
}

/**
 * lab_timer_start() - interrupt this CPU after @ticks nanoseconds
 * @ticks: 1..U32_MAX, counted from the end of this call
 *
 * Interrupts off, right before VM entry; lab_timer_stop() follows after the
 * exit.  The last thing it does is to start the timer, so that the distance
 * from there to the guest is constant.
 */
void notrace lab_timer_start(u64 ticks)
{
	struct lab_timer *t = this_cpu_ptr(&lab_timer);

	t->ticks = 0;
	t->divide = native_apic_mem_read(APIC_TDCR);
	t->shift = divide_shift(t->divide);
	t->remaining = native_apic_mem_read(APIC_TMCCT);
	if (ticks > U32_MAX || (t->remaining && ((u64)t->remaining << t->shift) <= ticks))
		ticks = 0;
	t->ticks = ticks;
	/*
	 * The same instructions run whether or not the timer is borrowed: the
	 * calibrated distance to the guest must not depend on it.
	 */
	native_apic_mem_write(APIC_TDCR, ticks ? APIC_TDR_DIV_1 : t->divide);
	native_apic_mem_write(APIC_TMICT, ticks ?: t->remaining);
}

/**
 * lab_timer_stop() - give the timer back to the host
 *
 * Interrupts off, after VM exit.  If it has fired, the host takes one timer
 * interrupt for which nothing is due, and programs its next one.
 *
 * Return: true when it has fired.
 */
bool notrace lab_timer_stop(void)
{
	struct lab_timer *t = this_cpu_ptr(&lab_timer);
	u32 left, passed;

	if (!t->ticks)
		return false;
	left = native_apic_mem_read(APIC_TMCCT);
	passed = (t->ticks - left) >> t->shift;
	native_apic_mem_write(APIC_TDCR, t->divide);
	if (t->remaining)
		native_apic_mem_write(APIC_TMICT, t->remaining > passed ?
				      t->remaining - passed : 1);
	else
		native_apic_mem_write(APIC_TMICT, 0);
	return !left;
}
