// SPDX-License-Identifier: GPL-2.0-only
/* The log in a file: block by block, in the thread of KVM_FT_RUN. */
#include <linux/fs.h>
#include <linux/random.h>

#include "session.h"

static int store(struct kvm_ft_session *s, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = kernel_write(s->log, s->block + done, len - done, &s->log_pos);

		if (n <= 0)
			return n ?: -EIO;
		done += n;
	}
	return 0;
}

/**
 * kvm_ft_log_create() - begin to record
 * @s: the session; @s->header describes guest and host
 *
 * Return: 0, or an error of the header or of the file.
 */
int kvm_ft_log_create(struct kvm_ft_session *s)
{
	int len, err;

	get_random_bytes(s->header.session_id, sizeof(s->header.session_id));
	len = kvm_ft_recorder_init(&s->recorder, &s->header, s->block);
	if (len < 0)
		return len;
	s->log_pos = 0;
	err = store(s, len);
	if (err)
		return err;
	return kvm_ft_recorder_begin(&s->recorder);
}

/**
 * kvm_ft_log_store() - store the block and begin the next
 * @s: a recording session
 *
 * Return: 0, or an error of the file.
 */
int kvm_ft_log_store(struct kvm_ft_session *s)
{
	int len, err;

	if (!s->recorder.writer.entries)
		return 0;
	len = kvm_ft_log_writer_finish(&s->recorder.writer);
	if (len < 0)
		return len;
	err = store(s, len);
	if (err)
		return err;
	return kvm_ft_recorder_begin(&s->recorder);
}

/**
 * kvm_ft_log_room() - make room for the next entries
 * @s: a recording session
 * @payload: bytes of payload that the next entry will have
 *
 * Return: 0, or a negative errno after which the session has ended.
 */
int kvm_ft_log_room(struct kvm_ft_session *s, size_t payload)
{
	int err;

	if (!kvm_ft_recorder_full(&s->recorder, payload))
		return 0;
	err = kvm_ft_log_store(s);
	if (err)
		kvm_ft_fail(s, err, "cannot write the log");
	return err;
}

/**
 * kvm_ft_log_close() - store the last block and complete the log
 * @s: a recording session
 *
 * Return: 0, or an error of the file.
 */
int kvm_ft_log_close(struct kvm_ft_session *s)
{
	int len, err;

	err = kvm_ft_log_store(s);
	if (err)
		return err;
	len = kvm_ft_log_writer_close(&s->recorder.writer, s->block, KVM_FT_BLOCK_MAX);
	if (len < 0)
		return len;
	err = store(s, len);
	return err ?: vfs_fsync(s->log, 0);
}

/* Fills @s->block from @s->log_pos; what there is, if less. */
static int fill(struct kvm_ft_session *s)
{
	loff_t pos = s->log_pos;

	s->block_len = 0;
	while (s->block_len < KVM_FT_BLOCK_MAX) {
		ssize_t n = kernel_read(s->log, s->block + s->block_len,
					KVM_FT_BLOCK_MAX - s->block_len, &pos);

		if (n < 0)
			return n;
		if (!n)
			break;
		s->block_len += n;
	}
	return 0;
}

/**
 * kvm_ft_log_open() - begin to replay
 * @s: the session
 *
 * Return: 0, or an error of the file or of kvm_ft_replayer_init().
 */
int kvm_ft_log_open(struct kvm_ft_session *s)
{
	int err, len;

	s->log_pos = 0;
	err = fill(s);
	if (err)
		return err;
	len = kvm_ft_replayer_init(&s->replayer, s->block, s->block_len);
	if (len < 0)
		return len == -ENODATA ? -EBADMSG : len;
	s->log_pos = len;
	return 0;
}

/**
 * kvm_ft_log_next_block() - load the next block
 * @s: a replaying session without a next entry
 *
 * Return: 1; 0 at the end of the log, complete or not; -EBADMSG if it is
 * damaged; an error of the file.
 */
int kvm_ft_log_next_block(struct kvm_ft_session *s)
{
	int err, len;

	if (s->replayer.reader.closed)
		return 0;
	err = fill(s);
	if (err)
		return err;
	if (!s->block_len)
		return 0;
	len = kvm_ft_replayer_load(&s->replayer, s->block, s->block_len);
	if (len == -ENODATA)
		return 0;
	if (len < 0)
		return len;
	s->log_pos += len;
	return s->replayer.have;
}
