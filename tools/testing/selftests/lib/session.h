/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sessions one call at a time, for tests that need more than replay.h does, and
 * what the module shows of them.  Errors end the test program unless said
 * otherwise.
 */
#ifndef SELFTESTS_SESSION_H
#define SELFTESTS_SESSION_H

#include <linux/kvm_ft.h>
#include <stdint.h>

#include "guest.h"

/* KVM_FT_CREATE for a guest with an irqchip; returns the session. */
int session_create(const struct guest *g, const char *name);

/* KVM_FT_SET_LOG and KVM_FT_START. */
void session_start(int session, uint32_t role, int log);

/* The session's number in sysfs. */
unsigned int session_id(int session);

/*
 * Contents of a file of the session, without the newline at their end; NULL,
 * with errno, if it cannot be read.  Overwritten by the next call of the same
 * thread.
 */
const char *session_sysfs(unsigned int id, const char *file);
const char *session_debugfs(unsigned int id, const char *file);

/* The number in a file of sysfs. */
uint64_t session_number(unsigned int id, const char *file);

/* The number after a word at the beginning of a line of a file in debugfs. */
uint64_t session_internal(unsigned int id, const char *file, const char *word);

/* How many there are now. */
int sessions_in_sysfs(void);

/* An unnamed temporary file. */
int temporary_file(void);

#endif
