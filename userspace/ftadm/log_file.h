/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reading a log from a file, with the reader that the module has.
 *
 * What is in the file is not trusted: no more than one block of it is in memory, and
 * the reader checks all of that.
 */
#ifndef FTADM_LOG_FILE_H
#define FTADM_LOG_FILE_H

#include "../../kvm-ft/replay/log.h"

/**
 * struct log_file - a log
 * @path: of the file
 * @fd: its descriptor
 * @size: its bytes
 * @pos: bytes that were read
 * @reader: has the header, and says why reading ended
 * @done: nothing more can be read
 * @entry_size: bytes of the entry that was read last
 * @block: the block that entries are read from
 */
struct log_file {
	const char *path;
	int fd;
	u64 size;
	u64 pos;
	struct kvm_ft_log_reader reader;
	bool done;
	size_t entry_size;
	u8 block[KVM_FT_BLOCK_MAX];
};

/**
 * log_file_open() - open a log and read its header
 * @log: the log; log_file_close() is to be called if there is no error
 * @path: of the file
 *
 * Return: 0, or -1 with the reason told: there is no such file, or no log in it.
 */
int log_file_open(struct log_file *log, const char *path);

void log_file_close(struct log_file *log);

/**
 * log_file_next() - read an entry
 * @log: the log
 * @entry: the entry; its payload stays until the next call
 *
 * Return: 1; 0 if there is none that can be read: log_file_state() says what that
 * means; -1 with the reason told, if the file cannot be read.
 */
int log_file_next(struct log_file *log, struct kvm_ft_entry *entry);

/**
 * log_file_state() - what the log is worth
 * @log: the log; log_file_next() has returned 0
 * @state: complete, torn or corrupt
 *
 * Return: 0, or -1 with the reason told.
 */
int log_file_state(struct log_file *log, enum kvm_ft_log_state *state);

#endif
