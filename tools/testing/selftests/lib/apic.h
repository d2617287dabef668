/* SPDX-License-Identifier: GPL-2.0-only */
/* Guest code that uses the local APIC, whose address is in R15. */
#ifndef SELFTESTS_APIC_H
#define SELFTESTS_APIC_H

#define APIC_BASE	0xfee00000

#define APIC_ON		"movl $0x1ff, 0x0f0(%r15)\n"
#define APIC_EOI	"movl $0, 0x0b0(%r15)\n"

/*
 * The timer counts @ticks, once or over and over, then vector 0x40.  A tick is a
 * nanosecond, or more on a slow host: guest_create_irqchip() has set the divider.
 */
#define APIC_TIMER_VECTOR	0x40
#define APIC_ONCE(ticks) \
	"movl $0x40, 0x320(%r15)\n" APIC_AGAIN(ticks)
#define APIC_PERIODIC(ticks) \
	"movl $0x20040, 0x320(%r15)\n" APIC_AGAIN(ticks)
#define APIC_AGAIN(ticks)	"movl $" #ticks ", 0x380(%r15)\n"

#endif
