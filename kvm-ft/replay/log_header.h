/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The log's header: what was recorded, where, and in which format. Everything
 * a replaying host must agree to is in here. Layout and rules are in
 * Documentation/replay-log.rst.
 */
#ifndef KVM_FT_REPLAY_LOG_HEADER_H
#define KVM_FT_REPLAY_LOG_HEADER_H

#include "env.h"

/* Another major version is refused; a higher minor one only appends to the header. */
#define KVM_FT_LOG_MAJOR	2
#define KVM_FT_LOG_MINOR	2

#define KVM_FT_LOG_SLOTS_MAX	64
#define KVM_FT_LOG_NAME_SIZE	64	/* of each string, with its terminating NUL */
#define KVM_FT_LOG_HEADER_FIXED	304	/* bytes before the slots */
#define KVM_FT_LOG_SLOT_SIZE	24	/* bytes per slot */
/* Bound of what is accepted: this version's longest, and room for later ones. */
#define KVM_FT_LOG_HEADER_MAX	4096

/* Bits of kvm_ft_log_header.flags; unknown ones are refused. */
#define KVM_FT_LOG_NESTED	0x01	/* nested paging; else strict (shadow) */
#define KVM_FT_LOG_CHECKING	0x02	/* every entry carries the registers */
#define KVM_FT_LOG_FLAGS	0x03

/**
 * enum kvm_ft_counter - what guest progress counts; in the log, never reused
 * @KVM_FT_COUNTER_COND_BRANCHES: conditional branches retired
 * @KVM_FT_COUNTER_LAB_INSTRUCTIONS: instructions retired, emulated hosts only
 */
enum kvm_ft_counter {
	KVM_FT_COUNTER_COND_BRANCHES	= 1,
	KVM_FT_COUNTER_LAB_INSTRUCTIONS	= 2,
};

/* Bits of kvm_ft_log_slot.flags; unknown ones are refused. */
#define KVM_FT_LOG_SLOT_READONLY	0x01
#define KVM_FT_LOG_SLOT_FLAGS		0x01

/**
 * struct kvm_ft_log_slot - one range of guest memory
 * @gpa: guest physical address, page aligned
 * @size: in bytes, page aligned, not 0
 * @slot: KVM's number of the slot
 * @flags: KVM_FT_LOG_SLOT_*
 */
struct kvm_ft_log_slot {
	u64 gpa;
	u64 size;
	u32 slot;
	u32 flags;
};

/**
 * struct kvm_ft_log_header - the header in memory
 * @major: format version, set by the decoder; the encoder writes its own
 * @minor: likewise
 * @ft_version: of the replication protocol; hosts with different ones do not pair
 * @flags: KVM_FT_LOG_*
 * @counter: enum kvm_ft_counter
 * @session_id: random, the same for all logs of one protected VM
 * @generation: counts the logs of the session
 * @first_ordinal: number of the first entry
 * @tsc_khz: rate of the guest's TSC, not 0
 * @cpu_vendor: the 12 characters of CPUID leaf 0, no NUL
 * @cpu_family: display family
 * @cpu_model: display model
 * @cpu_stepping: stepping
 * @cpu_features: hash over the host CPU's features that matter
 * @cpuid_hash: hash over the CPUID table the guest sees
 * @kernel: release of the recording host's kernel
 * @build: build id of the recording module
 * @guest: name of the guest
 * @nr_slots: how many of @slot are used, 0 to %KVM_FT_LOG_SLOTS_MAX
 * @slot: guest memory, by ascending address, without overlap
 * @crc: checksum of the header, set by both encoder and decoder; the blocks'
 *	checksums start from it, so that a block of another log does not fit
 *
 * The strings hold printable ASCII; @kernel, @build and @guest are not empty.
 * About 1.9 KiB: not for the stack.
 */
struct kvm_ft_log_header {
	u16 major;
	u16 minor;
	u32 ft_version;
	u32 flags;
	u32 counter;
	u8 session_id[16];
	u32 generation;
	u32 tsc_khz;
	u64 first_ordinal;
	u8 cpu_vendor[12];
	u32 cpu_family;
	u32 cpu_model;
	u32 cpu_stepping;
	u64 cpu_features;
	u64 cpuid_hash;
	char kernel[KVM_FT_LOG_NAME_SIZE];
	char build[KVM_FT_LOG_NAME_SIZE];
	char guest[KVM_FT_LOG_NAME_SIZE];
	u32 nr_slots;
	struct kvm_ft_log_slot slot[KVM_FT_LOG_SLOTS_MAX];
	u32 crc;
};

/**
 * kvm_ft_log_header_encode - write a header
 * @h: the header; its @crc, @major and @minor are set
 * @buf: where the bytes go
 * @size: room there; %KVM_FT_LOG_HEADER_MAX always suffices
 *
 * Return: bytes written; -EINVAL if a field breaks a rule of
 * struct kvm_ft_log_header; -EMSGSIZE if @size is too small.
 */
int kvm_ft_log_header_encode(struct kvm_ft_log_header *h, u8 *buf, size_t size);

/**
 * kvm_ft_log_header_decode - read and check a header
 * @h: the header; undefined on error
 * @buf: the log's first bytes, from anywhere: they need not be trusted
 * @len: how many there are
 *
 * Return: bytes consumed; -ENODATA if there are too few; -EPROTONOSUPPORT if
 * this is a log, but of another major version or with unknown flags; -EBADMSG
 * if it is no log or is damaged.
 */
int kvm_ft_log_header_decode(struct kvm_ft_log_header *h, const u8 *buf, size_t len);

/*
 * What can differ between a log and a host; bits of the result of
 * kvm_ft_log_header_compare().
 */
#define KVM_FT_DIFF_FT_VERSION		0x0001
#define KVM_FT_DIFF_PAGING_MODE		0x0002
#define KVM_FT_DIFF_COUNTER		0x0004
#define KVM_FT_DIFF_CPU_VENDOR		0x0008
#define KVM_FT_DIFF_CPU_MODEL		0x0010	/* family, model or stepping */
#define KVM_FT_DIFF_CPU_FEATURES	0x0020
#define KVM_FT_DIFF_CPUID		0x0040
#define KVM_FT_DIFF_TSC_KHZ		0x0080
#define KVM_FT_DIFF_MEMORY		0x0100
#define KVM_FT_DIFF_KERNEL		0x0200
#define KVM_FT_DIFF_BUILD		0x0400

/**
 * kvm_ft_log_header_compare - what a replaying host has differently
 * @log: header of the log
 * @here: the header this host would write
 *
 * Which differences matter is up to the caller. Identity (session, generation,
 * guest name) and the checking mode are not compared.
 *
 * Return: KVM_FT_DIFF_* bits, 0 if there is no difference.
 */
u32 kvm_ft_log_header_compare(const struct kvm_ft_log_header *log,
			      const struct kvm_ft_log_header *here);

/**
 * kvm_ft_log_diff_name - name of a difference, for people
 * @bit: one KVM_FT_DIFF_* bit
 *
 * Return: for example "CPU model"; NULL if it is not one known bit.
 */
const char *kvm_ft_log_diff_name(u32 bit);

#endif /* KVM_FT_REPLAY_LOG_HEADER_H */
