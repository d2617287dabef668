/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's harness, with more time for each test on slow hosts. */
#ifndef SELFTESTS_KSELFTEST_HARNESS_H
#define SELFTESTS_KSELFTEST_HARNESS_H

#include <unistd.h>

#include "environment.h"

#define alarm(seconds)	alarm((seconds) * environment_slower())
#include_next <kselftest_harness.h>
#undef alarm

#endif
