/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine: what is recorded, and how replay is held against it.
 *
 * The recorder turns what happened into log entries; the replayer hands out
 * the entries in order and compares the guest with each.  Both know positions
 * and values only, nothing of KVM, and leave storage and transport to the
 * caller, who gives them one block at a time.
 *
 * Context: as the log's functions; one thread uses a recorder or a replayer.
 */
#ifndef KVM_FT_REPLAY_ENGINE_H
#define KVM_FT_REPLAY_ENGINE_H

#include "log.h"

/*
 * Entries without payload that fit after kvm_ft_recorder_full() said no: as many
 * as there can be before it is asked again.  One instruction that is emulated
 * reads the APIC's current count at most eight times: REP CMPSB, both of whose
 * operands are its four bytes.  That may follow the emulation of one which had to
 * wait for the VMM, and had another operand then: four times.
 */
#define KVM_FT_RECORDER_RESERVE		12

/**
 * struct kvm_ft_recorder - records into blocks
 * @writer: of the log
 * @block: %KVM_FT_BLOCK_MAX bytes, the caller's
 * @entries: entries recorded, by kind
 * @bytes: how many bytes they take in the log, by kind
 */
struct kvm_ft_recorder {
	struct kvm_ft_log_writer writer;
	u8 *block;
	u64 entries[KVM_FT_KIND_LIMIT];
	u64 bytes[KVM_FT_KIND_LIMIT];
};

/**
 * kvm_ft_recorder_init - begin a log
 * @r: the recorder
 * @h: its header
 * @block: %KVM_FT_BLOCK_MAX bytes; receives the header's bytes, which the
 *	caller stores before kvm_ft_recorder_begin()
 *
 * Return: bytes of the header, or an error of kvm_ft_log_writer_init().
 */
int kvm_ft_recorder_init(struct kvm_ft_recorder *r, struct kvm_ft_log_header *h, u8 *block);

/**
 * kvm_ft_recorder_begin - begin the next block
 * @r: the recorder; the block before is finished and stored
 *
 * Return: 0, or an error of kvm_ft_log_writer_begin().
 */
int kvm_ft_recorder_begin(struct kvm_ft_recorder *r);

/**
 * kvm_ft_recorder_full - must the block be stored before the guest runs on?
 * @r: the recorder
 * @payload: bytes of payload that the next entry will have
 *
 * Return: true if the next entries might not fit, or there is no block.
 */
bool kvm_ft_recorder_full(const struct kvm_ft_recorder *r, size_t payload);

/**
 * kvm_ft_recorder_add - record an entry
 * @r: the recorder
 * @e: the entry
 *
 * Return: 0, or an error of kvm_ft_log_writer_append().
 */
int kvm_ft_recorder_add(struct kvm_ft_recorder *r, const struct kvm_ft_entry *e);

/**
 * struct kvm_ft_divergence - the guest did not do what the log says
 * @what: what differs, for people
 * @logged: the entry in the log, without payload
 * @found: what the guest did instead
 */
struct kvm_ft_divergence {
	const char *what;
	struct kvm_ft_entry logged;
	struct kvm_ft_entry found;
};

/**
 * struct kvm_ft_replayer - replays from blocks
 * @reader: of the log
 * @next: the next entry, if @have
 * @have: there is one
 * @free_until: progress up to which nothing happens that is not in the entries
 *	so far: that of the last mark.  Without a next entry the guest may run
 *	until there, but not to it: something may follow at the same progress
 * @limit: number of the entry before which the replay ends; 0 for none
 * @stopped: the recording's end was taken: nothing may follow but the closing
 *	block, which may follow nothing else
 * @divergence: why kvm_ft_replayer_take() failed
 * @next_len: bytes that it takes in the log
 * @entries: entries replayed, by kind
 * @bytes: how many bytes they take in the log, by kind
 */
struct kvm_ft_replayer {
	struct kvm_ft_log_reader reader;
	struct kvm_ft_entry next;
	bool have;
	u64 free_until;
	u64 limit;
	bool stopped;
	struct kvm_ft_divergence divergence;
	size_t next_len;
	u64 entries[KVM_FT_KIND_LIMIT];
	u64 bytes[KVM_FT_KIND_LIMIT];
};

/**
 * kvm_ft_replayer_init - begin with the log's first bytes
 * @r: the replayer
 * @buf: these bytes
 * @len: how many there are
 *
 * Return: length of the header, or an error of kvm_ft_log_reader_init().
 */
int kvm_ft_replayer_init(struct kvm_ft_replayer *r, const u8 *buf, size_t len);

/**
 * kvm_ft_replayer_limited - does the replay end here, whatever else the log has?
 * @r: the replayer
 *
 * Return: true if as many entries were taken as @r->limit says.
 */
bool kvm_ft_replayer_limited(const struct kvm_ft_replayer *r);

/**
 * kvm_ft_replayer_load - go on with the next block
 * @r: the replayer; it has no next entry
 * @buf: what follows in the log; must stay until the next call
 * @len: how many bytes there are
 *
 * Return: length of the block, or an error of kvm_ft_log_reader_block(). There
 * is no next entry after the closing block, and it is -EBADMSG if the log does not
 * end with a stop.
 */
int kvm_ft_replayer_load(struct kvm_ft_replayer *r, const u8 *buf, size_t len);

/**
 * kvm_ft_replayer_stops - must the guest be stopped at the next entry?
 * @r: the replayer
 *
 * Return: true if it is one that the guest does not come to by itself.
 */
bool kvm_ft_replayer_stops(const struct kvm_ft_replayer *r);

/**
 * kvm_ft_replayer_at - does the guest stand at the next entry's landmark?
 * @r: the replayer; kvm_ft_replayer_stops()
 * @progress: the guest's progress
 * @rip: its position
 * @rcx: its RCX
 *
 * Return: 1 if it does, 0 if it has yet to come there, -EILSEQ if it has passed
 * it (with @r->divergence set).
 */
int kvm_ft_replayer_at(struct kvm_ft_replayer *r, u64 progress, u64 rip, u64 rcx);

/**
 * kvm_ft_replayer_take - hold what the guest did against the log
 * @r: the replayer
 * @found: kind, position, registers and, of a check, range and value as
 *	kvm_ft_recorder_add() would get them; receives the logged entry if they
 *	agree
 *
 * Return: 0; -EILSEQ if they do not agree, with @r->divergence set; -ENODATA if
 * there is no next entry; -EBADMSG if the block is damaged. Before
 * @r->free_until it is a divergence that there is none.
 */
int kvm_ft_replayer_take(struct kvm_ft_replayer *r, struct kvm_ft_entry *found);

/**
 * kvm_ft_different_registers - which registers are not the same
 * @a: %KVM_FT_NR_REGS registers
 * @b: as many
 *
 * Return: bit i is set if those of number i differ.
 */
u32 kvm_ft_different_registers(const u64 *a, const u64 *b);

#endif /* KVM_FT_REPLAY_ENGINE_H */
