/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log: a header, blocks of entries, a closing block.
 *
 * Writing: kvm_ft_log_writer_init() gives the header's bytes; then, as often
 * as the caller has something to commit, kvm_ft_log_writer_begin(),
 * kvm_ft_log_writer_append() for each entry, kvm_ft_log_writer_finish(); in the
 * end kvm_ft_log_writer_close(). Each block is complete in itself: it may go
 * into a file or through a socket at once.
 *
 * Reading: kvm_ft_log_reader_init(), then kvm_ft_log_reader_block() and
 * kvm_ft_log_reader_next() until there are no more; kvm_ft_log_reader_verdict()
 * says whether the log is complete. All bytes may come from an enemy.
 *
 * The functions neither allocate nor sleep; calls on one writer or reader are
 * serialised by the caller. A writer is about 3 KiB, a reader about 5 KiB: not
 * for the stack.
 */
#ifndef KVM_FT_REPLAY_LOG_H
#define KVM_FT_REPLAY_LOG_H

#include "codec.h"
#include "log_header.h"

#define KVM_FT_BLOCK_HEADER	32	/* bytes before a block's entries */
/* Longest block with its header: any entry fits into an empty block. */
#define KVM_FT_BLOCK_MAX	(68 * 1024)

/* Bits of a block's flags; unknown ones are refused. */
#define KVM_FT_BLOCK_RESET	0x01	/* the codec starts afresh: reading may begin here */
#define KVM_FT_BLOCK_CLOSE	0x02	/* the log's end; no entries, nothing follows */

/**
 * enum kvm_ft_log_reason - what is wrong with a log
 * @KVM_FT_LOG_OK: nothing
 * @KVM_FT_LOG_NOT_CLOSED: it ends after a block, without the closing one
 * @KVM_FT_LOG_TRUNCATED: it ends within a block or within the header
 * @KVM_FT_LOG_UNWRITTEN: zeros where a block should begin
 * @KVM_FT_LOG_MAGIC: something else where a block should begin
 * @KVM_FT_LOG_LENGTH: a block claims a length that no writer produces
 * @KVM_FT_LOG_CHECKSUM: a block is damaged, or belongs to another log
 * @KVM_FT_LOG_BLOCK_FLAGS: a block has flags that are unknown or do not go together
 * @KVM_FT_LOG_SEQUENCE: blocks are missing, repeated or swapped
 * @KVM_FT_LOG_ENTRY: a block holds bytes that are no entry
 * @KVM_FT_LOG_COUNT: a block holds more or fewer entries than it says
 * @KVM_FT_LOG_AFTER_CLOSE: there is more behind the closing block
 * @KVM_FT_LOG_STOP: an entry follows the recording's end, or the log is closed
 *	without one; found by the replayer, not by a reader
 * @KVM_FT_LOG_VERSION: the header is of an unknown version or has unknown flags
 * @KVM_FT_LOG_HEADER: this is no log, or its header is damaged
 */
enum kvm_ft_log_reason {
	KVM_FT_LOG_OK,
	KVM_FT_LOG_NOT_CLOSED,
	KVM_FT_LOG_TRUNCATED,
	KVM_FT_LOG_UNWRITTEN,
	KVM_FT_LOG_MAGIC,
	KVM_FT_LOG_LENGTH,
	KVM_FT_LOG_CHECKSUM,
	KVM_FT_LOG_BLOCK_FLAGS,
	KVM_FT_LOG_SEQUENCE,
	KVM_FT_LOG_ENTRY,
	KVM_FT_LOG_COUNT,
	KVM_FT_LOG_AFTER_CLOSE,
	KVM_FT_LOG_STOP,
	KVM_FT_LOG_VERSION,
	KVM_FT_LOG_HEADER,
};

/**
 * enum kvm_ft_log_state - what a log is worth
 * @KVM_FT_LOG_COMPLETE: whole and closed
 * @KVM_FT_LOG_TORN: never closed; what was read is good, the rest was cut off,
 *	not written, or is not what was written
 * @KVM_FT_LOG_CORRUPT: not what a writer leaves behind, not even a killed one
 */
enum kvm_ft_log_state {
	KVM_FT_LOG_COMPLETE,
	KVM_FT_LOG_TORN,
	KVM_FT_LOG_CORRUPT,
};

/**
 * struct kvm_ft_log_writer - produces the bytes of one log
 * @codec: @codec.ordinal is the number of the next entry
 * @seq: number of the next block
 * @offset: bytes of the log produced so far, up to the last finished block
 * @buf: block under construction, NULL if there is none
 * @size: its size
 * @len: bytes used in it
 * @entries: entries in it
 * @first_ordinal: of its first entry
 * @seed: checksum of the header
 * @flags: of the block
 * @closed: the closing block was written
 */
struct kvm_ft_log_writer {
	struct kvm_ft_codec codec;
	u64 seq;
	u64 offset;
	u8 *buf;
	size_t size;
	size_t len;
	u32 entries;
	u64 first_ordinal;
	u32 seed;
	u8 flags;
	bool closed;
};

/**
 * kvm_ft_log_writer_init - begin a log
 * @w: the writer
 * @h: the header; its version and checksum fields are set
 * @buf: receives the header's bytes
 * @size: room there; %KVM_FT_LOG_HEADER_MAX always suffices
 *
 * Return: bytes written, or an error of kvm_ft_log_header_encode().
 */
int kvm_ft_log_writer_init(struct kvm_ft_log_writer *w,
			   struct kvm_ft_log_header *h, u8 *buf, size_t size);

/**
 * kvm_ft_log_writer_begin - begin a block
 * @w: the writer; no block may be under construction
 * @buf: where the block goes; used until it is finished
 * @size: room there, more than %KVM_FT_BLOCK_HEADER; what exceeds
 *	%KVM_FT_BLOCK_MAX is not used. In a buffer of that size every entry fits.
 * @reset: start the codec afresh, so that reading can begin at this block; the
 *	first block always does
 *
 * Return: 0, or -EINVAL.
 */
int kvm_ft_log_writer_begin(struct kvm_ft_log_writer *w, u8 *buf, size_t size,
			    bool reset);

/**
 * kvm_ft_log_writer_append - add an entry to the block
 * @w: the writer; a block must be under construction
 * @e: the entry
 *
 * Return: 0; -EMSGSIZE if it does not fit: finish this block, begin another and
 * try again; -EINVAL if the entry breaks a rule, or there is no block. On error
 * nothing has changed.
 */
int kvm_ft_log_writer_append(struct kvm_ft_log_writer *w,
			     const struct kvm_ft_entry *e);

/**
 * kvm_ft_log_writer_finish - complete the block
 * @w: the writer; the block has at least one entry
 *
 * Return: length of the block, now ready to be written or sent; -EINVAL if
 * there is no block or it is empty (an empty one stays under construction).
 */
int kvm_ft_log_writer_finish(struct kvm_ft_log_writer *w);

/**
 * kvm_ft_log_writer_close - end the log
 * @w: the writer; no block may be under construction, except an empty one,
 *	which is dropped
 * @buf: receives the closing block
 * @size: room there, at least %KVM_FT_BLOCK_HEADER
 *
 * Return: bytes written; -EINVAL if a block is unfinished or the log is already
 * closed; -EMSGSIZE if @size is too small.
 */
int kvm_ft_log_writer_close(struct kvm_ft_log_writer *w, u8 *buf, size_t size);

/**
 * struct kvm_ft_log_reader - reads one log
 * @header: as decoded
 * @codec: @codec.ordinal is the number of the next entry
 * @seq: number of the next block
 * @offset: where the next block begins in the log
 * @pos: next entry in the open block
 * @end: where its entries end
 * @left: entries left in it
 * @reason: why the last call failed
 * @closed: the closing block was read
 * @begin: the next block must have %KVM_FT_BLOCK_RESET
 */
struct kvm_ft_log_reader {
	struct kvm_ft_log_header header;
	struct kvm_ft_codec codec;
	u64 seq;
	u64 offset;
	const u8 *pos;
	const u8 *end;
	u32 left;
	enum kvm_ft_log_reason reason;
	bool closed;
	bool begin;
};

/**
 * kvm_ft_log_reader_init - begin reading
 * @r: the reader
 * @buf: the log's first bytes
 * @len: how many there are; with %KVM_FT_LOG_HEADER_MAX the header is among them
 *
 * Return: length of the header, or an error of kvm_ft_log_header_decode(), with
 * @r->reason set. After an error nothing but kvm_ft_log_reader_verdict() may be
 * called.
 */
int kvm_ft_log_reader_init(struct kvm_ft_log_reader *r, const u8 *buf, size_t len);

/**
 * kvm_ft_log_reader_seek - go on at another block
 * @r: the reader
 * @offset: where it begins in the log
 * @seq: its number
 * @ordinal: number of its first entry
 *
 * The caller kept these three when it saved the guest's state. The block there
 * must have %KVM_FT_BLOCK_RESET, kvm_ft_log_reader_block() checks it.
 */
void kvm_ft_log_reader_seek(struct kvm_ft_log_reader *r, u64 offset, u64 seq,
			    u64 ordinal);

/**
 * kvm_ft_block_size - length of the block that begins with these bytes
 * @buf: at least %KVM_FT_BLOCK_HEADER bytes
 *
 * For receivers that must know how much more to read. Nothing but magic and
 * length has been checked.
 *
 * Return: %KVM_FT_BLOCK_HEADER to %KVM_FT_BLOCK_MAX, or -EBADMSG.
 */
int kvm_ft_block_size(const u8 *buf);

/**
 * kvm_ft_log_reader_block - check and open the next block
 * @r: the reader; the entries of the block before have all been taken
 * @buf: the bytes that follow in the log; must stay while the entries are used
 * @len: how many there are; with %KVM_FT_BLOCK_MAX the block is among them
 *
 * Return: length of the block; -ENODATA if it is not all there (with @r->reason
 * saying truncated, which it is if there is no more); -EBADMSG, with @r->reason;
 * -EINVAL if entries are left in the block before. The closing block sets
 * @r->closed and has no entries.
 */
int kvm_ft_log_reader_block(struct kvm_ft_log_reader *r, const u8 *buf, size_t len);

/**
 * kvm_ft_log_reader_next - take the next entry of the open block
 * @r: the reader
 * @e: the entry; its payload points into the block's buffer
 *
 * Return: 1 with an entry, 0 if there is no more in this block, -EBADMSG with
 * @r->reason if the block's contents are wrong.
 */
int kvm_ft_log_reader_next(struct kvm_ft_log_reader *r, struct kvm_ft_entry *e);

/**
 * kvm_ft_log_reader_verdict - judge the log
 * @r: the reader, after the last call that succeeded or the first that failed
 * @tail: the last %KVM_FT_BLOCK_HEADER bytes of the log (fewer if it is shorter)
 * @len: how many these are
 *
 * A log that ends in a valid closing block was once complete: damage before
 * that is corruption. One that does not is torn at @r->offset, because of
 * @r->reason, and all before that is good. If no call has failed,
 * the caller must have reached the end of the log.
 *
 * Return: the state.
 */
enum kvm_ft_log_state
kvm_ft_log_reader_verdict(struct kvm_ft_log_reader *r, const u8 *tail, size_t len);

/**
 * kvm_ft_log_reason_name - text for a reason
 * @reason: enum kvm_ft_log_reason
 *
 * Return: a phrase for people, never NULL.
 */
const char *kvm_ft_log_reason_name(enum kvm_ft_log_reason reason);

/**
 * kvm_ft_log_state_name - text for a state
 * @state: enum kvm_ft_log_state
 *
 * Return: one word for people, never NULL.
 */
const char *kvm_ft_log_state_name(enum kvm_ft_log_state state);

#endif /* KVM_FT_REPLAY_LOG_H */
