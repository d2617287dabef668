// SPDX-License-Identifier: GPL-2.0-only
/*
 * kvm-ft-leak: loses memory on purpose, to show that a scan for leaks finds
 * some.  Several objects, since a stale copy of a pointer may hide one.
 */
#include <linux/module.h>
#include <linux/slab.h>

#define OBJECTS	16
#define SIZE	192

/* Not __init: a report that comes later could not name it. */
static noinline int lose_memory(void)
{
	int i;

	for (i = 0; i < OBJECTS; i++)
		if (!kzalloc(SIZE, GFP_KERNEL))
			return -ENOMEM;
	return 0;
}

static int __init leak_init(void)
{
	return lose_memory();
}

static void __exit leak_exit(void)
{
}

module_init(leak_init);
module_exit(leak_exit);
MODULE_DESCRIPTION("Leaks memory when it is loaded (tests only)");
MODULE_LICENSE("GPL");
