// SPDX-License-Identifier: GPL-2.0-only
/* Runs KUnit suites in user space and prints KTAP; see kunit/test.h. */
#include <fnmatch.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kunit/test.h"

struct kunit_memory {
	struct kunit_memory *next;
	max_align_t bytes[];
};

static struct kunit_suite *suites;
static jmp_buf end_of_case;
static const char *filter = "*";
static int passed, failed;

void kunit_add_suite(struct kunit_suite *suite)
{
	struct kunit_suite **place = &suites;

	while (*place && strcmp((*place)->name, suite->name) < 0)
		place = &(*place)->next;
	suite->next = *place;
	*place = suite;
}

void *kunit_kzalloc(struct kunit *test, size_t size, int gfp)
{
	struct kunit_memory *memory = calloc(1, sizeof(*memory) + size);

	(void)gfp;
	if (!memory)
		return NULL;
	memory->next = test->memory;
	test->memory = memory;
	return memory->bytes;
}

static void free_all(struct kunit *test)
{
	struct kunit_memory *memory;

	while ((memory = test->memory)) {
		test->memory = memory->next;
		free(memory);
	}
}

void kunit_fail(struct kunit *test, bool fatal, const char *file, int line,
		const char *text, long long left, long long right)
{
	printf("    # %s FAILED at %s:%d\n    #   %s (%lld, %lld)\n",
	       fatal ? "ASSERTION" : "EXPECTATION", file, line, text, left, right);
	test->failed = true;
	if (fatal)
		longjmp(end_of_case, 1);
}

/* The element behind @prev; each has its name, a string, at @name_offset. */
const void *kunit_next_param(const void *prev, const void *array, size_t array_size,
			     size_t size, size_t name_offset, char *desc)
{
	const char *next = prev ? (const char *)prev + size : array;

	if (next == (const char *)array + array_size)
		return NULL;
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%s",
		 *(const char * const *)(next + name_offset));
	return next;
}

/* One case with one parameter; whether it passed. */
static bool run_once(const struct kunit_suite *suite, const struct kunit_case *c,
		     const void *param)
{
	struct kunit *test = calloc(1, sizeof(*test));
	bool ok;

	if (!test)
		abort();
	test->param_value = param;
	if (!setjmp(end_of_case)) {
		if (suite->init && suite->init(test))
			test->failed = true;
		else
			c->run_case(test);
	}
	if (suite->exit)
		suite->exit(test);
	ok = !test->failed;
	free_all(test);
	free(test);
	return ok;
}

static bool run_params(const struct kunit_suite *suite, const struct kunit_case *c)
{
	char desc[KUNIT_PARAM_DESC_SIZE] = "";
	const void *param = NULL;
	bool all = true, ok;

	while ((param = c->generate_params(param, desc))) {
		ok = run_once(suite, c, param);
		all = all && ok;
		if (!ok)
			printf("    # with %s\n", desc);
	}
	return all;
}

static bool wanted(const struct kunit_suite *suite, const struct kunit_case *c)
{
	char name[256];

	snprintf(name, sizeof(name), "%s.%s", suite->name, c->name);
	return !fnmatch(filter, name, 0) || !fnmatch(filter, suite->name, 0);
}

static void run_suite(const struct kunit_suite *suite)
{
	const struct kunit_case *c;
	int number = 0;
	bool ok;

	for (c = suite->test_cases; c->run_case; c++) {
		if (!wanted(suite, c))
			continue;
		ok = c->generate_params ? run_params(suite, c) : run_once(suite, c, NULL);
		printf("%s %d %s.%s\n", ok ? "ok" : "not ok", ++number, suite->name, c->name);
		ok ? passed++ : failed++;
	}
}

int main(int argc, char **argv)
{
	const struct kunit_suite *suite;

	if (argc > 2 || (argc == 2 && argv[1][0] == '-')) {
		fprintf(stderr, "usage: %s [SUITE | SUITE.CASE]   (* and ? match any)\n",
			argv[0]);
		return 2;
	}
	if (argc == 2)
		filter = argv[1];
	puts("KTAP version 1");
	for (suite = suites; suite; suite = suite->next)
		run_suite(suite);
	printf("# %d passed, %d failed\n", passed, failed);
	return failed || !passed;
}
