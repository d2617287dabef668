// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ftadm.h"
#include "log_file.h"

/* As much as there is, up to @size bytes. */
static ssize_t read_at(struct log_file *log, u64 offset, u8 *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = pread(log->fd, to + done, size - done, offset + done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return complain("cannot read %s: %s", log->path, strerror(errno));
		if (!got)
			break;
		done += got;
	}
	return done;
}

static int read_header(struct log_file *log)
{
	ssize_t got = read_at(log, 0, log->block, KVM_FT_LOG_HEADER_MAX);
	int len;

	if (got < 0)
		return -1;
	len = kvm_ft_log_reader_init(&log->reader, log->block, got);
	if (len < 0)
		return complain("%s is not a log that can be read: %s", log->path,
				kvm_ft_log_reason_name(log->reader.reason));
	log->pos = len;
	return 0;
}

int log_file_open(struct log_file *log, const char *path)
{
	struct stat info;

	log->path = path;
	log->done = false;
	log->entry_size = 0;
	log->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (log->fd < 0)
		return complain("cannot open %s: %s", path, strerror(errno));
	if (fstat(log->fd, &info) || !S_ISREG(info.st_mode)) {
		complain("%s is not a file: name the file \"log\" of a recording", path);
		goto close;
	}
	log->size = info.st_size;
	if (!read_header(log))
		return 0;
close:
	close(log->fd);
	return -1;
}

void log_file_close(struct log_file *log)
{
	close(log->fd);
}

/* 1, or 0 if there is no further block. */
static int next_block(struct log_file *log)
{
	ssize_t got = read_at(log, log->pos, log->block, sizeof(log->block));
	int len;

	if (got < 0)
		return -1;
	if (!got)
		return 0;
	len = kvm_ft_log_reader_block(&log->reader, log->block, got);
	if (len < 0)
		return 0;
	log->pos += len;
	return 1;
}

int log_file_next(struct log_file *log, struct kvm_ft_entry *entry)
{
	int got = 0;

	while (!log->done) {
		const u8 *before = log->reader.pos;

		got = kvm_ft_log_reader_next(&log->reader, entry);
		if (got > 0) {
			log->entry_size = log->reader.pos - before;
			return 1;
		}
		if (!got)
			got = next_block(log);
		log->done = got <= 0;
	}
	return got < 0 && log->reader.reason == KVM_FT_LOG_OK ? -1 : 0;
}

int log_file_state(struct log_file *log, enum kvm_ft_log_state *state)
{
	size_t len = log->size < KVM_FT_BLOCK_HEADER ? log->size : KVM_FT_BLOCK_HEADER;
	u8 tail[KVM_FT_BLOCK_HEADER];
	ssize_t got = read_at(log, log->size - len, tail, len);

	if (got < 0)
		return -1;
	*state = kvm_ft_log_reader_verdict(&log->reader, tail, got);
	return 0;
}
