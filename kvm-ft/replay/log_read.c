// SPDX-License-Identifier: GPL-2.0-only
/* Reading the log: every byte is suspect until its block's checksum fits. */
#include "block.h"

int kvm_ft_log_reader_init(struct kvm_ft_log_reader *r, const u8 *buf, size_t len)
{
	int ret;

	memset(r, 0, sizeof(*r));
	ret = kvm_ft_log_header_decode(&r->header, buf, len);
	if (ret < 0) {
		r->reason = ret == -ENODATA ? KVM_FT_LOG_TRUNCATED :
			    ret == -EPROTONOSUPPORT ? KVM_FT_LOG_VERSION :
			    KVM_FT_LOG_HEADER;
		return ret;
	}
	kvm_ft_log_reader_seek(r, ret, 0, r->header.first_ordinal);
	return ret;
}

void kvm_ft_log_reader_seek(struct kvm_ft_log_reader *r, u64 offset, u64 seq,
			    u64 ordinal)
{
	kvm_ft_codec_init(&r->codec, ordinal, r->header.flags & KVM_FT_LOG_CHECKING);
	r->seq = seq;
	r->offset = offset;
	r->left = 0;
	r->reason = KVM_FT_LOG_OK;
	r->closed = false;
	r->begin = true;
}

static int bad(struct kvm_ft_log_reader *r, enum kvm_ft_log_reason reason)
{
	r->reason = reason;
	return reason == KVM_FT_LOG_TRUNCATED ? -ENODATA : -EBADMSG;
}

static u32 block_length(const u8 *buf)
{
	return kvm_ft_get_le32(buf + BLOCK_AT_LENGTH);
}

static bool is_block(const u8 *buf)
{
	return !memcmp(buf, BLOCK_MAGIC, BLOCK_MAGIC_SIZE);
}

static bool is_zero(const u8 *buf, size_t len)
{
	while (len && !*buf) {
		buf++;
		len--;
	}
	return !len;
}

int kvm_ft_block_size(const u8 *buf)
{
	u32 length = block_length(buf);

	if (!is_block(buf) || length > KVM_FT_BLOCK_MAX - KVM_FT_BLOCK_HEADER)
		return -EBADMSG;
	return KVM_FT_BLOCK_HEADER + length;
}

/* The block's extent and integrity; its size, or why it is not one. */
static int check_bytes(struct kvm_ft_log_reader *r, const u8 *buf, size_t len)
{
	size_t head = len < KVM_FT_BLOCK_HEADER ? len : KVM_FT_BLOCK_HEADER;
	int size;

	if (head && is_zero(buf, head))
		return bad(r, KVM_FT_LOG_UNWRITTEN);
	if (memcmp(buf, BLOCK_MAGIC, head < BLOCK_MAGIC_SIZE ? head : BLOCK_MAGIC_SIZE))
		return bad(r, KVM_FT_LOG_MAGIC);
	if (len < KVM_FT_BLOCK_HEADER)
		return bad(r, KVM_FT_LOG_TRUNCATED);
	size = kvm_ft_block_size(buf);
	if (size < 0)
		return bad(r, KVM_FT_LOG_LENGTH);
	if (len < (size_t)size)
		return bad(r, KVM_FT_LOG_TRUNCATED);
	if (kvm_ft_get_le32(buf + BLOCK_AT_CRC) !=
	    kvm_ft_block_crc(r->header.crc, buf, size))
		return bad(r, KVM_FT_LOG_CHECKSUM);
	return size;
}

static bool flags_ok(const struct kvm_ft_log_reader *r, u8 flags, u32 length, u32 entries)
{
	if (flags == KVM_FT_BLOCK_CLOSE)
		return !length && !entries;
	if (flags == KVM_FT_BLOCK_RESET)
		return true;
	return !flags && !r->begin;
}

/* Whether an intact block is the one that belongs here. */
static enum kvm_ft_log_reason check_place(const struct kvm_ft_log_reader *r, const u8 *buf)
{
	u32 entries = kvm_ft_get_le32(buf + BLOCK_AT_ENTRIES);
	u8 flags = buf[BLOCK_AT_FLAGS];

	if (r->closed)
		return KVM_FT_LOG_AFTER_CLOSE;
	if (!flags_ok(r, flags, block_length(buf), entries))
		return KVM_FT_LOG_BLOCK_FLAGS;
	if (kvm_ft_get_le64(buf + BLOCK_AT_SEQ) != r->seq ||
	    kvm_ft_get_le64(buf + BLOCK_AT_ORDINAL) != r->codec.ordinal)
		return KVM_FT_LOG_SEQUENCE;
	if (!entries && flags != KVM_FT_BLOCK_CLOSE)
		return KVM_FT_LOG_COUNT;
	return KVM_FT_LOG_OK;
}

int kvm_ft_log_reader_block(struct kvm_ft_log_reader *r, const u8 *buf, size_t len)
{
	enum kvm_ft_log_reason reason;
	int size;

	if (r->left)
		return -EINVAL;
	if (r->closed && len)
		return bad(r, KVM_FT_LOG_AFTER_CLOSE);
	size = check_bytes(r, buf, len);
	if (size < 0)
		return size;
	reason = check_place(r, buf);
	if (reason != KVM_FT_LOG_OK)
		return bad(r, reason);

	r->closed = buf[BLOCK_AT_FLAGS] & KVM_FT_BLOCK_CLOSE;
	if (buf[BLOCK_AT_FLAGS] & KVM_FT_BLOCK_RESET)
		kvm_ft_codec_reset(&r->codec);
	r->left = kvm_ft_get_le32(buf + BLOCK_AT_ENTRIES);
	r->pos = buf + KVM_FT_BLOCK_HEADER;
	r->end = buf + size;
	r->seq++;
	r->offset += size;
	r->begin = false;
	r->reason = KVM_FT_LOG_OK;
	return size;
}

int kvm_ft_log_reader_next(struct kvm_ft_log_reader *r, struct kvm_ft_entry *e)
{
	int len;

	if (!r->left)
		return 0;
	len = kvm_ft_codec_decode(&r->codec, r->pos, r->end - r->pos, e);
	if (len < 0)
		return bad(r, len == -ENODATA ? KVM_FT_LOG_COUNT : KVM_FT_LOG_ENTRY);
	r->pos += len;
	r->left--;
	if (!r->left && r->pos != r->end)
		return bad(r, KVM_FT_LOG_COUNT);
	return 1;
}

/* Whether a log's last bytes are an intact closing block, of this log. */
static bool closes(const struct kvm_ft_log_reader *r, const u8 *tail, size_t len)
{
	return len == KVM_FT_BLOCK_HEADER && is_block(tail) &&
	       tail[BLOCK_AT_FLAGS] == KVM_FT_BLOCK_CLOSE && !block_length(tail) &&
	       kvm_ft_get_le32(tail + BLOCK_AT_CRC) ==
	       kvm_ft_block_crc(r->header.crc, tail, KVM_FT_BLOCK_HEADER);
}

enum kvm_ft_log_state
kvm_ft_log_reader_verdict(struct kvm_ft_log_reader *r, const u8 *tail, size_t len)
{
	switch (r->reason) {
	case KVM_FT_LOG_OK:
		if (r->closed)
			return KVM_FT_LOG_COMPLETE;
		r->reason = KVM_FT_LOG_NOT_CLOSED;
		return KVM_FT_LOG_TORN;
	case KVM_FT_LOG_NOT_CLOSED:
		return KVM_FT_LOG_TORN;
	case KVM_FT_LOG_TRUNCATED:
	case KVM_FT_LOG_UNWRITTEN:
	case KVM_FT_LOG_MAGIC:
	case KVM_FT_LOG_LENGTH:
	case KVM_FT_LOG_CHECKSUM:
		return closes(r, tail, len) ? KVM_FT_LOG_CORRUPT : KVM_FT_LOG_TORN;
	default:
		return KVM_FT_LOG_CORRUPT;
	}
}

const char *kvm_ft_log_reason_name(enum kvm_ft_log_reason reason)
{
	static const char * const names[] = {
		[KVM_FT_LOG_OK]		 = "no error",
		[KVM_FT_LOG_NOT_CLOSED]	 = "ends without a closing block",
		[KVM_FT_LOG_TRUNCATED]	 = "ends within a block or the header",
		[KVM_FT_LOG_UNWRITTEN]	 = "zeros instead of a block",
		[KVM_FT_LOG_MAGIC]	 = "no block where one should begin",
		[KVM_FT_LOG_LENGTH]	 = "impossible length of a block",
		[KVM_FT_LOG_CHECKSUM]	 = "wrong checksum of a block",
		[KVM_FT_LOG_BLOCK_FLAGS] = "wrong flags of a block",
		[KVM_FT_LOG_SEQUENCE]	 = "blocks missing, repeated or swapped",
		[KVM_FT_LOG_ENTRY]	 = "invalid entry",
		[KVM_FT_LOG_COUNT]	 = "wrong number of entries in a block",
		[KVM_FT_LOG_AFTER_CLOSE] = "data after the closing block",
		[KVM_FT_LOG_STOP]	 = "no stop, or something behind it",
		[KVM_FT_LOG_VERSION]	 = "unknown version or flags in the header",
		[KVM_FT_LOG_HEADER]	 = "not a log, or its header is damaged",
	};

	return reason < ARRAY_SIZE(names) ? names[reason] : "unknown reason";
}

const char *kvm_ft_log_state_name(enum kvm_ft_log_state state)
{
	switch (state) {
	case KVM_FT_LOG_COMPLETE:	return "complete";
	case KVM_FT_LOG_TORN:		return "torn";
	case KVM_FT_LOG_CORRUPT:	return "corrupt";
	}
	return "unknown";
}
