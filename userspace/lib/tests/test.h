/* SPDX-License-Identifier: GPL-2.0-only */
/* What the unit tests have in common: one program for each suite, which prints KTAP. */
#ifndef KVMFT_TEST_H
#define KVMFT_TEST_H

#include <stdio.h>
#include <string.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

static int failed;

#define EXPECT(condition)							\
	do {									\
		if (!(condition)) {						\
			printf("# %s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			failed = 1;						\
		}								\
	} while (0)

struct test {
	const char *name;
	void (*run)(void);
};

#define TEST(function) { #function, function }

static void set_up(void);
static void tear_down(void);

/* Those whose name is the argument, or all.  Returns the exit status. */
static int run_tests(const char *suite, const struct test *tests, size_t count, int argc,
		     char **argv)
{
	const char *only = argc > 1 ? argv[1] : "";
	size_t i, number = 0;
	int any = 0;

	printf("KTAP version 1\n1..%zu\n", *only ? 1 : count);
	for (i = 0; i < count; i++) {
		if (*only && strcmp(only, tests[i].name))
			continue;
		failed = 0;
		set_up();
		tests[i].run();
		tear_down();
		printf("%sok %zu %s.%s\n", failed ? "not " : "", ++number, suite, tests[i].name);
		any |= failed;
	}
	return any || !number;
}

#endif
