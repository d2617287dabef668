// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log's header to bytes and back. Documentation/replay-log.rst has the
 * layout in words, fields[] has it here, for both directions.
 */
#include "log_header.h"

#define MAGIC		"KVMFTLOG"
#define MAGIC_SIZE	8

/* Offsets of what is not a plain field. */
#define AT_MAJOR	8
#define AT_MINOR	10
#define AT_LENGTH	12
#define AT_CRC		16
#define AT_AFTER_CRC	20
#define AT_NR_SLOTS	296
#define AT_RESERVED	300

#define PREFIX_SIZE	AT_CRC	/* what tells whether and how to read on */
#define PAGE_MASK_4K	0xfffULL

struct field {
	u16 at;		/* in the log */
	u16 size;	/* 4 and 8 are integers, all else is bytes */
	u16 member;	/* in struct kvm_ft_log_header */
};

#define MEMBER(name)	offsetof(struct kvm_ft_log_header, name)

static const struct field fields[] = {
	{ 20, 4, MEMBER(ft_version) },
	{ 24, 4, MEMBER(flags) },
	{ 28, 4, MEMBER(counter) },
	{ 32, 16, MEMBER(session_id) },
	{ 48, 4, MEMBER(generation) },
	{ 52, 4, MEMBER(tsc_khz) },
	{ 56, 8, MEMBER(first_ordinal) },
	{ 64, 12, MEMBER(cpu_vendor) },
	{ 76, 4, MEMBER(cpu_family) },
	{ 80, 4, MEMBER(cpu_model) },
	{ 84, 4, MEMBER(cpu_stepping) },
	{ 88, 8, MEMBER(cpu_features) },
	{ 96, 8, MEMBER(cpuid_hash) },
	{ 104, KVM_FT_LOG_NAME_SIZE, MEMBER(kernel) },
	{ 168, KVM_FT_LOG_NAME_SIZE, MEMBER(build) },
	{ 232, KVM_FT_LOG_NAME_SIZE, MEMBER(guest) },
	{ AT_NR_SLOTS, 4, MEMBER(nr_slots) },
};

static void put_field(const struct field *f, const struct kvm_ft_log_header *h, u8 *buf)
{
	const u8 *member = (const u8 *)h + f->member;

	if (f->size == sizeof(u32))
		kvm_ft_put_le32(buf + f->at, *(const u32 *)member);
	else if (f->size == sizeof(u64))
		kvm_ft_put_le64(buf + f->at, *(const u64 *)member);
	else
		memcpy(buf + f->at, member, f->size);
}

static void get_field(const struct field *f, struct kvm_ft_log_header *h, const u8 *buf)
{
	u8 *member = (u8 *)h + f->member;

	if (f->size == sizeof(u32))
		*(u32 *)member = kvm_ft_get_le32(buf + f->at);
	else if (f->size == sizeof(u64))
		*(u64 *)member = kvm_ft_get_le64(buf + f->at);
	else
		memcpy(member, buf + f->at, f->size);
}

static void put_slot(const struct kvm_ft_log_slot *s, u8 *buf)
{
	kvm_ft_put_le64(buf, s->gpa);
	kvm_ft_put_le64(buf + 8, s->size);
	kvm_ft_put_le32(buf + 16, s->slot);
	kvm_ft_put_le32(buf + 20, s->flags);
}

static void get_slot(struct kvm_ft_log_slot *s, const u8 *buf)
{
	s->gpa = kvm_ft_get_le64(buf);
	s->size = kvm_ft_get_le64(buf + 8);
	s->slot = kvm_ft_get_le32(buf + 16);
	s->flags = kvm_ft_get_le32(buf + 20);
}

/* Over the whole header except the checksum itself. */
static u32 header_crc(const u8 *buf, size_t len)
{
	u32 crc = kvm_ft_crc32c(0, buf, AT_CRC);

	return kvm_ft_crc32c(crc, buf + AT_AFTER_CRC, len - AT_AFTER_CRC);
}

/* Validity, the same for what is written and what is read */

static bool printable(const char *s, size_t len)
{
	while (len--) {
		if (*s < 0x20 || *s > 0x7e)
			return false;
		s++;
	}
	return true;
}

/* Not empty, printable, and zero from the terminating NUL to the end. */
static bool string_ok(const char *s)
{
	size_t len = strnlen(s, KVM_FT_LOG_NAME_SIZE);
	size_t i;

	for (i = len; i < KVM_FT_LOG_NAME_SIZE; i++)
		if (s[i])
			return false;
	return len && len < KVM_FT_LOG_NAME_SIZE && printable(s, len);
}

static bool slots_ok(const struct kvm_ft_log_header *h)
{
	const struct kvm_ft_log_slot *s;
	u64 next = 0;

	if (h->nr_slots > KVM_FT_LOG_SLOTS_MAX)
		return false;
	for (s = h->slot; s < h->slot + h->nr_slots; s++) {
		if ((s->gpa | s->size) & PAGE_MASK_4K || !s->size)
			return false;
		if (s->gpa < next || s->gpa > U64_MAX - s->size)
			return false;
		next = s->gpa + s->size;
	}
	return true;
}

/* No flag or number that a later version may have given a meaning. */
static bool header_known(const struct kvm_ft_log_header *h)
{
	u32 i;

	if (h->flags & ~KVM_FT_LOG_FLAGS)
		return false;
	if (h->counter < KVM_FT_COUNTER_COND_BRANCHES ||
	    h->counter > KVM_FT_COUNTER_LAB_INSTRUCTIONS)
		return false;
	for (i = 0; i < h->nr_slots; i++)
		if (h->slot[i].flags & ~KVM_FT_LOG_SLOT_FLAGS)
			return false;
	return true;
}

static bool header_ok(const struct kvm_ft_log_header *h)
{
	return h->tsc_khz &&
	       printable((const char *)h->cpu_vendor, sizeof(h->cpu_vendor)) &&
	       string_ok(h->kernel) && string_ok(h->build) && string_ok(h->guest) &&
	       slots_ok(h);
}

int kvm_ft_log_header_encode(struct kvm_ft_log_header *h, u8 *buf, size_t size)
{
	size_t len, i;

	if (!header_ok(h) || !header_known(h))
		return -EINVAL;
	len = KVM_FT_LOG_HEADER_FIXED + h->nr_slots * KVM_FT_LOG_SLOT_SIZE;
	if (len > size)
		return -EMSGSIZE;

	h->major = KVM_FT_LOG_MAJOR;
	h->minor = KVM_FT_LOG_MINOR;
	memset(buf, 0, len);
	memcpy(buf, MAGIC, MAGIC_SIZE);
	kvm_ft_put_le16(buf + AT_MAJOR, h->major);
	kvm_ft_put_le16(buf + AT_MINOR, h->minor);
	kvm_ft_put_le32(buf + AT_LENGTH, len);
	for (i = 0; i < ARRAY_SIZE(fields); i++)
		put_field(&fields[i], h, buf);
	for (i = 0; i < h->nr_slots; i++)
		put_slot(&h->slot[i], buf + KVM_FT_LOG_HEADER_FIXED +
				      i * KVM_FT_LOG_SLOT_SIZE);
	h->crc = header_crc(buf, len);
	kvm_ft_put_le32(buf + AT_CRC, h->crc);
	return len;
}

/* Whether this is a log of a version we know; its length, or an error. */
static int decode_prefix(struct kvm_ft_log_header *h, const u8 *buf, size_t len)
{
	u32 total;

	if (memcmp(buf, MAGIC, len < MAGIC_SIZE ? len : MAGIC_SIZE))
		return -EBADMSG;
	if (len < PREFIX_SIZE)
		return -ENODATA;
	h->major = kvm_ft_get_le16(buf + AT_MAJOR);
	h->minor = kvm_ft_get_le16(buf + AT_MINOR);
	if (h->major != KVM_FT_LOG_MAJOR)
		return -EPROTONOSUPPORT;
	total = kvm_ft_get_le32(buf + AT_LENGTH);
	if (total < KVM_FT_LOG_HEADER_FIXED || total > KVM_FT_LOG_HEADER_MAX)
		return -EBADMSG;
	return total;
}

/* A later minor version may have used what is reserved, and append. */
static bool extent_ok(const struct kvm_ft_log_header *h, const u8 *buf, size_t total)
{
	size_t known = KVM_FT_LOG_HEADER_FIXED + h->nr_slots * KVM_FT_LOG_SLOT_SIZE;

	if (h->minor > KVM_FT_LOG_MINOR)
		return known <= total;
	return known == total && !kvm_ft_get_le32(buf + AT_RESERVED);
}

int kvm_ft_log_header_decode(struct kvm_ft_log_header *h, const u8 *buf, size_t len)
{
	int total;
	u32 i;

	memset(h, 0, sizeof(*h));
	total = decode_prefix(h, buf, len);
	if (total < 0)
		return total;
	if ((size_t)total > len)
		return -ENODATA;
	h->crc = kvm_ft_get_le32(buf + AT_CRC);
	if (h->crc != header_crc(buf, total))
		return -EBADMSG;

	for (i = 0; i < ARRAY_SIZE(fields); i++)
		get_field(&fields[i], h, buf);
	if (h->nr_slots > KVM_FT_LOG_SLOTS_MAX || !extent_ok(h, buf, total))
		return -EBADMSG;
	for (i = 0; i < h->nr_slots; i++)
		get_slot(&h->slot[i], buf + KVM_FT_LOG_HEADER_FIXED +
				      i * KVM_FT_LOG_SLOT_SIZE);
	if (!header_known(h))
		return -EPROTONOSUPPORT;
	return header_ok(h) ? total : -EBADMSG;
}

/* Comparison */

static bool same_memory(const struct kvm_ft_log_header *a,
			const struct kvm_ft_log_header *b)
{
	return a->nr_slots == b->nr_slots &&
	       !memcmp(a->slot, b->slot, a->nr_slots * sizeof(a->slot[0]));
}

static bool same_cpu_model(const struct kvm_ft_log_header *a,
			   const struct kvm_ft_log_header *b)
{
	return a->cpu_family == b->cpu_family && a->cpu_model == b->cpu_model &&
	       a->cpu_stepping == b->cpu_stepping;
}

u32 kvm_ft_log_header_compare(const struct kvm_ft_log_header *log,
			      const struct kvm_ft_log_header *here)
{
	u32 diff = 0;

	if (log->ft_version != here->ft_version)
		diff |= KVM_FT_DIFF_FT_VERSION;
	if ((log->flags ^ here->flags) & KVM_FT_LOG_NESTED)
		diff |= KVM_FT_DIFF_PAGING_MODE;
	if (log->counter != here->counter)
		diff |= KVM_FT_DIFF_COUNTER;
	if (memcmp(log->cpu_vendor, here->cpu_vendor, sizeof(log->cpu_vendor)))
		diff |= KVM_FT_DIFF_CPU_VENDOR;
	if (!same_cpu_model(log, here))
		diff |= KVM_FT_DIFF_CPU_MODEL;
	if (log->cpu_features != here->cpu_features)
		diff |= KVM_FT_DIFF_CPU_FEATURES;
	if (log->cpuid_hash != here->cpuid_hash)
		diff |= KVM_FT_DIFF_CPUID;
	if (log->tsc_khz != here->tsc_khz)
		diff |= KVM_FT_DIFF_TSC_KHZ;
	if (!same_memory(log, here))
		diff |= KVM_FT_DIFF_MEMORY;
	if (strcmp(log->kernel, here->kernel))
		diff |= KVM_FT_DIFF_KERNEL;
	if (strcmp(log->build, here->build))
		diff |= KVM_FT_DIFF_BUILD;
	return diff;
}

const char *kvm_ft_log_diff_name(u32 bit)
{
	switch (bit) {
	case KVM_FT_DIFF_FT_VERSION:	return "FT version";
	case KVM_FT_DIFF_PAGING_MODE:	return "paging mode";
	case KVM_FT_DIFF_COUNTER:	return "progress counter";
	case KVM_FT_DIFF_CPU_VENDOR:	return "CPU vendor";
	case KVM_FT_DIFF_CPU_MODEL:	return "CPU model";
	case KVM_FT_DIFF_CPU_FEATURES:	return "CPU features";
	case KVM_FT_DIFF_CPUID:		return "guest CPUID table";
	case KVM_FT_DIFF_TSC_KHZ:	return "TSC frequency";
	case KVM_FT_DIFF_MEMORY:	return "memory layout";
	case KVM_FT_DIFF_KERNEL:	return "kernel release";
	case KVM_FT_DIFF_BUILD:		return "module build";
	}
	return NULL;
}
