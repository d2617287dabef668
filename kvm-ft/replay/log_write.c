// SPDX-License-Identifier: GPL-2.0-only
/* Writing the log: entries into blocks, blocks into caller's buffers. */
#include "block.h"

int kvm_ft_log_writer_init(struct kvm_ft_log_writer *w,
			   struct kvm_ft_log_header *h, u8 *buf, size_t size)
{
	int len = kvm_ft_log_header_encode(h, buf, size);

	if (len < 0)
		return len;
	memset(w, 0, sizeof(*w));
	kvm_ft_codec_init(&w->codec, h->first_ordinal, h->flags & KVM_FT_LOG_CHECKING);
	w->seed = h->crc;
	w->offset = len;
	return len;
}

int kvm_ft_log_writer_begin(struct kvm_ft_log_writer *w, u8 *buf, size_t size,
			    bool reset)
{
	if (w->buf || w->closed || size <= KVM_FT_BLOCK_HEADER)
		return -EINVAL;
	w->buf = buf;
	w->size = size < KVM_FT_BLOCK_MAX ? size : KVM_FT_BLOCK_MAX;
	w->len = KVM_FT_BLOCK_HEADER;
	w->entries = 0;
	w->first_ordinal = w->codec.ordinal;
	w->flags = reset || !w->seq ? KVM_FT_BLOCK_RESET : 0;
	if (w->flags & KVM_FT_BLOCK_RESET)
		kvm_ft_codec_reset(&w->codec);
	return 0;
}

int kvm_ft_log_writer_append(struct kvm_ft_log_writer *w,
			     const struct kvm_ft_entry *e)
{
	int len;

	if (!w->buf)
		return -EINVAL;
	len = kvm_ft_codec_encode(&w->codec, e, w->buf + w->len, w->size - w->len);
	if (len < 0)
		return len;
	w->len += len;
	w->entries++;
	return 0;
}

/* Fill in the header of a block whose entries are in place. */
static int seal_block(struct kvm_ft_log_writer *w, u8 *buf, size_t size)
{
	memcpy(buf, BLOCK_MAGIC, BLOCK_MAGIC_SIZE);
	buf[BLOCK_AT_FLAGS] = w->flags;
	kvm_ft_put_le32(buf + BLOCK_AT_LENGTH, size - KVM_FT_BLOCK_HEADER);
	kvm_ft_put_le64(buf + BLOCK_AT_SEQ, w->seq);
	kvm_ft_put_le64(buf + BLOCK_AT_ORDINAL, w->first_ordinal);
	kvm_ft_put_le32(buf + BLOCK_AT_ENTRIES, w->entries);
	kvm_ft_put_le32(buf + BLOCK_AT_CRC, kvm_ft_block_crc(w->seed, buf, size));
	w->seq++;
	w->offset += size;
	w->buf = NULL;
	return size;
}

int kvm_ft_log_writer_finish(struct kvm_ft_log_writer *w)
{
	if (!w->buf || !w->entries)
		return -EINVAL;
	return seal_block(w, w->buf, w->len);
}

int kvm_ft_log_writer_close(struct kvm_ft_log_writer *w, u8 *buf, size_t size)
{
	if (w->closed || (w->buf && w->entries))
		return -EINVAL;
	if (size < KVM_FT_BLOCK_HEADER)
		return -EMSGSIZE;
	w->flags = KVM_FT_BLOCK_CLOSE;
	w->entries = 0;
	w->first_ordinal = w->codec.ordinal;
	w->closed = true;
	return seal_block(w, buf, KVM_FT_BLOCK_HEADER);
}
