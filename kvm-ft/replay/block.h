/* SPDX-License-Identifier: GPL-2.0-only */
/* Layout of a block's header; for log_write.c and log_read.c alone. */
#ifndef KVM_FT_REPLAY_BLOCK_H
#define KVM_FT_REPLAY_BLOCK_H

#include "log.h"

#define BLOCK_MAGIC		"kFB"
#define BLOCK_MAGIC_SIZE	3

#define BLOCK_AT_FLAGS		3	/* u8 */
#define BLOCK_AT_LENGTH		4	/* le32: of the entries, in bytes */
#define BLOCK_AT_SEQ		8	/* le64 */
#define BLOCK_AT_ORDINAL	16	/* le64 */
#define BLOCK_AT_ENTRIES	24	/* le32: how many */
#define BLOCK_AT_CRC		28	/* le32 */

/* Over the block except the checksum itself, going on from the log header's. */
static inline u32 kvm_ft_block_crc(u32 seed, const u8 *buf, size_t size)
{
	u32 crc = kvm_ft_crc32c(seed, buf, BLOCK_AT_CRC);

	return kvm_ft_crc32c(crc, buf + KVM_FT_BLOCK_HEADER, size - KVM_FT_BLOCK_HEADER);
}

#endif /* KVM_FT_REPLAY_BLOCK_H */
