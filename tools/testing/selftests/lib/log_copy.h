/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A log in memory, entry by entry, to be changed and written again: with the
 * module's own codec, so that every checksum is right and only what the
 * entries say is wrong.  Errors end the test program.
 */
#ifndef SELFTESTS_LOG_COPY_H
#define SELFTESTS_LOG_COPY_H

#include "../../../../kvm-ft/replay/log.h"

/**
 * struct log_copy - a complete log
 * @bytes: as they are in the file
 * @size: how many
 * @header: may be changed
 * @entries: may be changed, their payloads excepted
 * @nr: how many; may be less than there were
 */
struct log_copy {
	uint8_t *bytes;
	size_t size;
	struct kvm_ft_log_header header;
	struct kvm_ft_entry *entries;
	unsigned int nr;
};

/* Reads the file @fd, which has to be complete. */
void log_copy_read(struct log_copy *log, int fd);

void log_copy_free(struct log_copy *log);

/* To a new unnamed file, with at most @per_block entries in each block; 0: as many as fit. */
int log_copy_write(const struct log_copy *log, unsigned int per_block);

/* The bytes, to a new unnamed file. */
int log_bytes_write(const uint8_t *bytes, size_t size);

/* The entry as it stands in the log is the same, but for where it stands. */
int log_entries_equal(const struct kvm_ft_entry *a, const struct kvm_ft_entry *b);

/* Is it an exit of the guest's own making? */
int log_entry_is_sync(const struct kvm_ft_entry *e);

#endif
