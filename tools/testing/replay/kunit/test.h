/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * As much of KUnit's interface as the suites in kvm-ft/replay/ use, for user
 * space: the same suites then run with sanitizers, in seconds. kunit.c runs
 * them.
 */
#ifndef KVM_FT_TESTING_KUNIT_TEST_H
#define KVM_FT_TESTING_KUNIT_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define GFP_KERNEL		0
#define KUNIT_PARAM_DESC_SIZE	128

struct kunit_memory;

struct kunit {
	void *priv;
	const void *param_value;
	bool failed;
	struct kunit_memory *memory;	/* freed when the case ends */
};

struct kunit_case {
	void (*run_case)(struct kunit *test);
	const char *name;
	const void *(*generate_params)(const void *prev, char *desc);
};

struct kunit_suite {
	const char *name;
	int (*init)(struct kunit *test);
	void (*exit)(struct kunit *test);
	struct kunit_case *test_cases;
	struct kunit_suite *next;
};

void kunit_add_suite(struct kunit_suite *suite);
void *kunit_kzalloc(struct kunit *test, size_t size, int gfp);
void kunit_fail(struct kunit *test, bool fatal, const char *file, int line,
		const char *text, long long left, long long right);
const void *kunit_next_param(const void *prev, const void *array, size_t array_size,
			     size_t size, size_t name_offset, char *desc);

#define kunit_info(test, fmt, ...) \
	((void)(test), printf("    # " fmt "\n", ##__VA_ARGS__))

#define kunit_test_suite(suite)						\
	static void __attribute__((constructor)) add_##suite(void)	\
	{								\
		kunit_add_suite(&(suite));				\
	}

#define KUNIT_CASE(test)		{ .run_case = test, .name = #test }
#define KUNIT_CASE_PARAM(test, gen) \
	{ .run_case = test, .name = #test, .generate_params = gen }

#define KUNIT_ARRAY_PARAM_DESC(name, array, member)			\
	static const void *name##_gen_params(const void *prev, char *desc) \
	{								\
		return kunit_next_param(prev, array, sizeof(array),	\
					sizeof((array)[0]),		\
					offsetof(typeof((array)[0]), member), desc); \
	}

/* A macro that ends the case on failure has @fatal true. */
#define KUNIT_COMPARE(fatal, test, left, op, right)			\
	do {								\
		typeof(left) l_ = (left);				\
		typeof(right) r_ = (right);				\
									\
		if (!(l_ op r_))					\
			kunit_fail(test, fatal, __FILE__, __LINE__,	\
				   #left " " #op " " #right,		\
				   (long long)l_, (long long)r_);	\
	} while (0)

#define KUNIT_CHECK(fatal, test, condition)				\
	do {								\
		if (!(condition))					\
			kunit_fail(test, fatal, __FILE__, __LINE__,	\
				   #condition, 0, 0);			\
	} while (0)

#define KUNIT_EXPECT_EQ(test, a, b)		KUNIT_COMPARE(false, test, a, ==, b)
#define KUNIT_EXPECT_NE(test, a, b)		KUNIT_COMPARE(false, test, a, !=, b)
#define KUNIT_EXPECT_LE(test, a, b)		KUNIT_COMPARE(false, test, a, <=, b)
#define KUNIT_EXPECT_GT(test, a, b)		KUNIT_COMPARE(false, test, a, >, b)
#define KUNIT_EXPECT_GE(test, a, b)		KUNIT_COMPARE(false, test, a, >=, b)
#define KUNIT_EXPECT_TRUE(test, c)		KUNIT_CHECK(false, test, c)
#define KUNIT_EXPECT_FALSE(test, c)		KUNIT_CHECK(false, test, !(c))
#define KUNIT_EXPECT_NULL(test, p)		KUNIT_CHECK(false, test, !(p))
#define KUNIT_EXPECT_NOT_NULL(test, p)		KUNIT_CHECK(false, test, p)
#define KUNIT_EXPECT_STREQ(test, a, b)		KUNIT_CHECK(false, test, !strcmp(a, b))
#define KUNIT_EXPECT_MEMEQ(test, a, b, n)	KUNIT_CHECK(false, test, !memcmp(a, b, n))

#define KUNIT_ASSERT_EQ(test, a, b)		KUNIT_COMPARE(true, test, a, ==, b)
#define KUNIT_ASSERT_LE(test, a, b)		KUNIT_COMPARE(true, test, a, <=, b)
#define KUNIT_ASSERT_GT(test, a, b)		KUNIT_COMPARE(true, test, a, >, b)
#define KUNIT_ASSERT_NOT_NULL(test, p)		KUNIT_CHECK(true, test, p)
#define KUNIT_ASSERT_TRUE(test, c)		KUNIT_CHECK(true, test, c)
#define KUNIT_ASSERT_MEMEQ(test, a, b, n)	KUNIT_CHECK(true, test, !memcmp(a, b, n))

#endif /* KVM_FT_TESTING_KUNIT_TEST_H */
