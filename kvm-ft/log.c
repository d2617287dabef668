// SPDX-License-Identifier: GPL-2.0-only
/*
 * A session's log: between the engine, which makes and takes blocks, and the
 * transport, which moves them.  In the session's thread, no lock of KVM's held.
 */
#include <linux/err.h>
#include <linux/random.h>

#include "session.h"
#include "transport/transport.h"

/**
 * kvm_ft_log_create() - begin to record
 * @s: the session; @s->header describes guest and host
 *
 * Return: 0, or an error of the header or of the transport.
 */
int kvm_ft_log_create(struct kvm_ft_session *s)
{
	int len, err;

	get_random_bytes(s->header.session_id, sizeof(s->header.session_id));
	len = kvm_ft_recorder_init(&s->recorder, &s->header, s->block);
	if (len < 0)
		return len;
	err = s->log->ops->store(s->log, 0, s->block, len, true);
	if (err)
		return err;
	s->log_pos = len;
	return kvm_ft_recorder_begin(&s->recorder);
}

/**
 * kvm_ft_log_store() - store the block and begin the next
 * @s: a recording session
 * @wait: until there is room for it
 *
 * Return: 0; -EAGAIN if there is no room, or -EINTR for a signal, after which it
 * has to be called again before entries can be added; an error of the transport.
 */
int kvm_ft_log_store(struct kvm_ft_session *s, bool wait)
{
	struct kvm_ft_log_writer *w = &s->recorder.writer;
	int len, err;

	if (!s->unstored) {
		if (!w->entries)
			return 0;
		len = kvm_ft_log_writer_finish(w);
		if (len < 0)
			return len;
		s->unstored = len;
	}
	err = s->log->ops->store(s->log, s->log_pos, s->block, s->unstored, wait);
	if (err)
		return err;
	s->log_pos += s->unstored;
	s->unstored = 0;
	return w->closed ? 0 : kvm_ft_recorder_begin(&s->recorder);
}

/* A signal and a lack of room are not the end of the session. */
static int ends(struct kvm_ft_session *s, int err)
{
	if (err == -EPIPE)
		kvm_ft_fail(s, err, "nobody reads the log any more");
	else if (err && err != -EINTR && err != -EAGAIN)
		kvm_ft_fail(s, err, "cannot write the log");
	return err;
}

/**
 * kvm_ft_log_room() - make room for the next entries
 * @s: a recording session
 * @payload: bytes of payload that the next entry will have
 *
 * Waits until the transport has taken the block.
 *
 * Return: 0; -EINTR for a signal; another negative errno after which the
 * session has ended.
 */
int kvm_ft_log_room(struct kvm_ft_session *s, size_t payload)
{
	if (!kvm_ft_recorder_full(&s->recorder, payload))
		return 0;
	return ends(s, kvm_ft_log_store(s, true));
}

/**
 * kvm_ft_log_is_live() - does somebody wait for each entry?
 * @s: a session with a log
 *
 * Return: true if so.
 */
bool kvm_ft_log_is_live(const struct kvm_ft_session *s)
{
	return s->log->ops->live;
}

/**
 * kvm_ft_log_flush() - hand over what there is, if somebody waits for it
 * @s: a recording session
 * @wait: until there is room for it
 *
 * Return: 0, also if there is no room and @wait is false; otherwise as
 * kvm_ft_log_room().
 */
int kvm_ft_log_flush(struct kvm_ft_session *s, bool wait)
{
	int err;

	if (!kvm_ft_log_is_live(s))
		return 0;
	err = ends(s, kvm_ft_log_store(s, wait));
	return err == -EAGAIN ? 0 : err;
}

/**
 * kvm_ft_log_close() - store the last block and complete the log
 * @s: a recording session
 *
 * Return: 0; -EINTR for a signal, to be called again; another negative errno
 * after which the session has ended.
 */
int kvm_ft_log_close(struct kvm_ft_session *s)
{
	struct kvm_ft_log_writer *w = &s->recorder.writer;
	int err;

	if (!w->closed) {
		err = kvm_ft_log_store(s, true);
		if (err)
			return ends(s, err);
		err = kvm_ft_log_writer_close(w, s->block, KVM_FT_BLOCK_MAX);
		if (err < 0)
			return ends(s, err);
		s->unstored = err;
	}
	err = kvm_ft_log_store(s, true);
	if (!err && s->log->ops->sync)
		err = s->log->ops->sync(s->log);
	return ends(s, err);
}

/**
 * kvm_ft_log_open() - begin to replay
 * @s: the session
 *
 * Waits for the log's header.
 *
 * Return: 0, or an error of the transport or of kvm_ft_replayer_init().
 */
int kvm_ft_log_open(struct kvm_ft_session *s)
{
	ssize_t got;
	int len;

	got = s->log->ops->load(s->log, 0, s->block, KVM_FT_BLOCK_MAX, true);
	if (got < 0)
		return got;
	len = kvm_ft_replayer_init(&s->replayer, s->block, got);
	if (len < 0)
		return len == -ENODATA ? -EBADMSG : len;
	s->log_pos = len;
	return 0;
}

/* There is no more. */
static int ended(struct kvm_ft_session *s)
{
	s->log_end = s->replayer.reader.closed ? KVM_FT_END_COMPLETE : KVM_FT_END_TORN;
	return 0;
}

/*
 * What should be the next block is none.  If the log was once closed, or is of a
 * sort that no crash leaves behind, it was damaged.
 */
static int broken(struct kvm_ft_session *s)
{
	u8 tail[KVM_FT_BLOCK_HEADER];
	ssize_t len;

	if (!s->log->ops->tail)
		return -EBADMSG;
	len = s->log->ops->tail(s->log, tail, sizeof(tail));
	if (len < 0)
		return len;
	if (kvm_ft_log_reader_verdict(&s->replayer.reader, tail, len) == KVM_FT_LOG_TORN)
		return ended(s);
	return -EBADMSG;
}

static int next_block(struct kvm_ft_session *s, bool wait)
{
	ssize_t got;
	int len;

	got = s->log->ops->load(s->log, s->log_pos, s->block, KVM_FT_BLOCK_MAX, wait);
	if (got <= 0)
		return got ?: ended(s);
	s->block_len = got;
	len = kvm_ft_replayer_load(&s->replayer, s->block, got);
	if (len < 0)
		return broken(s);
	s->log_pos += len;
	return 1;
}

/*
 * The closing block has been read: nothing may be behind it.  A recorder that waits
 * for us to have it is told, but whether it was is no matter of this side's.
 */
static int closed(struct kvm_ft_session *s)
{
	ssize_t got = 0;

	if (!kvm_ft_log_is_live(s))
		got = s->log->ops->load(s->log, s->log_pos, s->block, KVM_FT_BLOCK_MAX, true);
	else if (s->log->ops->sync && s->log->ops->sync(s->log) == -EINTR)
		got = -EINTR;
	if (got < 0)
		return got;
	if (!got)
		return ended(s);
	return kvm_ft_log_reader_block(&s->replayer.reader, s->block, got);
}

/**
 * kvm_ft_log_problem() - what is wrong with the log that is replayed
 * @s: the session
 * @err: what reading it returned
 *
 * Return: text for people, static.
 */
const char *kvm_ft_log_problem(const struct kvm_ft_session *s, int err)
{
	enum kvm_ft_log_reason reason = s->replayer.reader.reason;

	if (err != -EBADMSG || reason == KVM_FT_LOG_OK)
		return "cannot read the log";
	return kvm_ft_log_reason_name(reason);
}

/**
 * kvm_ft_log_next_block() - load what comes next
 * @s: a replaying session without a next entry
 * @wait: if it is not there yet
 *
 * Return: 1; 0 at the end of the log, complete or not; -EAGAIN if there is no
 * entry yet, but perhaps the guest may go on further (@s->replayer.free_until);
 * -EINTR for a signal; -EBADMSG if the log is damaged; an error of the transport.
 */
int kvm_ft_log_next_block(struct kvm_ft_session *s, bool wait)
{
	int r;

	do {
		if (kvm_ft_replayer_limited(&s->replayer)) {
			s->log_end = KVM_FT_END_UNTIL;
			return 0;
		}
		if (s->replayer.reader.closed)
			return closed(s);
		r = next_block(s, wait);
		if (r <= 0 || s->replayer.have)
			return r;
	} while (!kvm_ft_log_is_live(s) || s->replayer.reader.closed);
	return -EAGAIN;
}

/**
 * kvm_ft_log_release() - have no more to do with the log
 * @s: a session; may be one without a log
 *
 * The other end of the transport, if there is one, learns of it.
 */
void kvm_ft_log_release(struct kvm_ft_session *s)
{
	if (s->log)
		kvm_ft_transport_release(s->log);
	s->log = NULL;
}
