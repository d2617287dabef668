// SPDX-License-Identifier: GPL-2.0-only
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log_copy.h"
#include "session.h"

static void read_all(struct log_copy *log, int fd)
{
	log->size = lseek(fd, 0, SEEK_END);
	log->bytes = malloc(log->size);
	if (!log->bytes || pread(fd, log->bytes, log->size, 0) != (ssize_t)log->size)
		err(1, "reading a log");
}

static void add_entry(struct log_copy *log, const struct kvm_ft_entry *e)
{
	log->entries = reallocarray(log->entries, log->nr + 1, sizeof(*e));
	if (!log->entries)
		err(1, "a log's entries");
	log->entries[log->nr++] = *e;
}

void log_copy_read(struct log_copy *log, int fd)
{
	static struct kvm_ft_log_reader reader;
	struct kvm_ft_entry e;
	size_t pos;
	int len;

	memset(log, 0, sizeof(*log));
	read_all(log, fd);
	len = kvm_ft_log_reader_init(&reader, log->bytes, log->size);
	for (pos = len; len > 0 && pos < log->size; pos += len) {
		len = kvm_ft_log_reader_block(&reader, log->bytes + pos, log->size - pos);
		while (len > 0 && kvm_ft_log_reader_next(&reader, &e) == 1)
			add_entry(log, &e);
	}
	if (!reader.closed)
		errx(1, "a log that is not complete: %s", kvm_ft_log_reason_name(reader.reason));
	log->header = reader.header;
}

void log_copy_free(struct log_copy *log)
{
	free(log->bytes);
	free(log->entries);
}

static void append(int fd, const uint8_t *bytes, int size)
{
	if (size < 0)
		errx(1, "the log cannot be encoded: error %d", size);
	if (write(fd, bytes, size) != size)
		err(1, "writing a log");
}

int log_copy_write(const struct log_copy *log, unsigned int per_block)
{
	static uint8_t block[KVM_FT_BLOCK_MAX];
	static struct kvm_ft_log_header header;
	static struct kvm_ft_log_writer w;
	int fd = temporary_file();
	unsigned int i;

	header = log->header;
	append(fd, block, kvm_ft_log_writer_init(&w, &header, block, sizeof(block)));
	for (i = 0; i < log->nr; i++) {
		int failed = !w.buf || (per_block && w.entries == per_block) ? -EMSGSIZE :
			     kvm_ft_log_writer_append(&w, &log->entries[i]);

		if (failed == -EMSGSIZE) {
			if (w.buf)
				append(fd, block, kvm_ft_log_writer_finish(&w));
			kvm_ft_log_writer_begin(&w, block, sizeof(block), false);
			failed = kvm_ft_log_writer_append(&w, &log->entries[i]);
		}
		if (failed)
			errx(1, "entry %u cannot be encoded: error %d", i, failed);
	}
	if (w.buf)
		append(fd, block, kvm_ft_log_writer_finish(&w));
	append(fd, block, kvm_ft_log_writer_close(&w, block, sizeof(block)));
	return fd;
}

int log_bytes_write(const uint8_t *bytes, size_t size)
{
	int fd = temporary_file();

	append(fd, bytes, size);
	return fd;
}

int log_entries_equal(const struct kvm_ft_entry *a, const struct kvm_ft_entry *b)
{
	return a->kind == b->kind && a->flags == b->flags && a->rip == b->rip &&
	       a->rcx == b->rcx && a->value == b->value && a->gfn == b->gfn &&
	       a->npages == b->npages && a->tag == b->tag &&
	       a->payload_len == b->payload_len &&
	       (!a->payload_len || !memcmp(a->payload, b->payload, a->payload_len)) &&
	       !memcmp(a->regs, b->regs, sizeof(a->regs));
}

int log_entry_is_sync(const struct kvm_ft_entry *e)
{
	return kvm_ft_kind_class(e->kind) == KVM_FT_CLASS_SYNC;
}
