// SPDX-License-Identifier: GPL-2.0-only
#include "frame.h"

#define MAGIC		0x3154466bU	/* "kFT1" */

#define AT_MAGIC	0	/* le32 */
#define AT_TYPE		4	/* le32 */
#define AT_LENGTH	8	/* le32 */
#define AT_CRC		12	/* le32: of the head but itself */
#define AT_GENERATION	16	/* le64 */
#define AT_POSITION	24	/* le64 */
#define AT_VALUE	32	/* le64 */

static u32 crc_of(const u8 *buf)
{
	u32 crc = kvm_ft_crc32c(0, buf, AT_CRC);

	return kvm_ft_crc32c(crc, buf + AT_GENERATION, KVM_FT_FRAME_HEAD - AT_GENERATION);
}

void kvm_ft_frame_encode(const struct kvm_ft_frame *frame, u8 *buf)
{
	kvm_ft_put_le32(buf + AT_MAGIC, MAGIC);
	kvm_ft_put_le32(buf + AT_TYPE, frame->type);
	kvm_ft_put_le32(buf + AT_LENGTH, frame->length);
	kvm_ft_put_le64(buf + AT_GENERATION, frame->generation);
	kvm_ft_put_le64(buf + AT_POSITION, frame->position);
	kvm_ft_put_le64(buf + AT_VALUE, frame->value);
	kvm_ft_put_le32(buf + AT_CRC, crc_of(buf));
}

int kvm_ft_frame_decode(struct kvm_ft_frame *frame, const u8 *buf)
{
	if (kvm_ft_get_le32(buf + AT_MAGIC) != MAGIC ||
	    kvm_ft_get_le32(buf + AT_CRC) != crc_of(buf))
		return -EPROTO;
	frame->type = kvm_ft_get_le32(buf + AT_TYPE);
	frame->length = kvm_ft_get_le32(buf + AT_LENGTH);
	frame->generation = kvm_ft_get_le64(buf + AT_GENERATION);
	frame->position = kvm_ft_get_le64(buf + AT_POSITION);
	frame->value = kvm_ft_get_le64(buf + AT_VALUE);
	if (!frame->type || frame->type >= KVM_FT_FRAME_LIMIT || frame->length > KVM_FT_FRAME_MAX)
		return -EPROTO;
	return frame->type == KVM_FT_FRAME_DATA ? (frame->length ? 0 : -EPROTO) :
						  (frame->length ? -EPROTO : 0);
}
