/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Log entries and their encoding.
 *
 * An entry says what happened to the guest and where: one value that an
 * intercepted instruction returned, one event delivered at an exact
 * instruction, one check. The codec turns entries into bytes and back. It is
 * adaptive: both sides keep the same small context (struct kvm_ft_codec), which
 * predicts the next entry from those before, so that an RDTSC in a loop takes
 * one to three bytes. The encoding is specified in
 * Documentation/replay-log.rst; every valid sequence of entries has exactly
 * one encoding, and the decoder refuses every other.
 *
 * Context: any, the functions neither allocate nor sleep. One codec serves one
 * direction of one log; its calls are serialised by the caller.
 */
#ifndef KVM_FT_REPLAY_CODEC_H
#define KVM_FT_REPLAY_CODEC_H

#include "env.h"

/**
 * enum kvm_ft_kind - what an entry is
 *
 * These numbers are in the log: they are never changed and never reused. 0 and
 * those not listed are refused. Kept free for later: 7-15 more synchronous
 * values, 18-23 more exits that are only checked (port and memory-mapped I/O),
 * 27-39 more asynchronous events, 42-55 more checks, 57-63 more control. 40 was
 * a hash of the registers in format 1.
 *
 * @KVM_FT_KIND_RDTSC: RDTSC returned @value
 * @KVM_FT_KIND_RDTSCP: RDTSCP returned @value (TSC_AUX is the guest's own)
 * @KVM_FT_KIND_MSR_TSC: RDMSR of IA32_TSC returned @value
 * @KVM_FT_KIND_MSR_TSC_DEADLINE: RDMSR of IA32_TSC_DEADLINE returned @value
 * @KVM_FT_KIND_LAPIC_TMCCT: the LAPIC's current count was read as @value (32 bits)
 * @KVM_FT_KIND_VALUE: the VMM obtained @payload, of the kind @tag, from outside
 * @KVM_FT_KIND_EXIT: the guest cannot go on unless the VMM resets it; only
 *	checked; @value is KVM's exit reason (32 bits)
 * @KVM_FT_KIND_BREAKPOINT: breakpoints of the guest's hit that leave no debug
 *	register for a landmark's; only checked; @value is DR6's B0 to B3 (4 bits)
 * @KVM_FT_KIND_EVENT: the VMM delivered @payload, of the kind @tag, here
 * @KVM_FT_KIND_TIMER: the LAPIC timer expired here
 * @KVM_FT_KIND_MARK: nothing asynchronous happens up to this progress; no @rip
 * @KVM_FT_KIND_RAM_HASH: @value is the hash of @npages guest pages from @gfn
 * @KVM_FT_KIND_STOP: recording ended here, @value is enum kvm_ft_stop (32 bits)
 */
enum kvm_ft_kind {
	KVM_FT_KIND_RDTSC		= 1,
	KVM_FT_KIND_RDTSCP		= 2,
	KVM_FT_KIND_MSR_TSC		= 3,
	KVM_FT_KIND_MSR_TSC_DEADLINE	= 4,
	KVM_FT_KIND_LAPIC_TMCCT		= 5,
	KVM_FT_KIND_VALUE		= 6,
	KVM_FT_KIND_EXIT		= 16,
	KVM_FT_KIND_BREAKPOINT		= 17,
	KVM_FT_KIND_EVENT		= 24,
	KVM_FT_KIND_TIMER		= 25,
	KVM_FT_KIND_MARK		= 26,
	KVM_FT_KIND_RAM_HASH		= 41,
	KVM_FT_KIND_STOP		= 56,
};

#define KVM_FT_KIND_LIMIT	64	/* kinds are below this */

/**
 * enum kvm_ft_stop - where a replay ends
 * @KVM_FT_STOP_HERE: where the recording did
 * @KVM_FT_STOP_BEFORE: behind the entry before: where the recording ended, no replay could
 *	be stopped
 */
enum kvm_ft_stop {
	KVM_FT_STOP_HERE,
	KVM_FT_STOP_BEFORE,
};

/**
 * enum kvm_ft_class - how the engine comes to an entry of a kind
 * @KVM_FT_CLASS_NONE: no such kind
 * @KVM_FT_CLASS_SYNC: the guest's own doing: the same instruction exits on replay
 * @KVM_FT_CLASS_ASYNC: comes from outside: replay must stop at the landmark
 * @KVM_FT_CLASS_CHECK: changes nothing, is compared
 * @KVM_FT_CLASS_CONTROL: about the log itself
 */
enum kvm_ft_class {
	KVM_FT_CLASS_NONE,
	KVM_FT_CLASS_SYNC,
	KVM_FT_CLASS_ASYNC,
	KVM_FT_CLASS_CHECK,
	KVM_FT_CLASS_CONTROL,
};

/* Bits of kvm_ft_entry.flags. */
#define KVM_FT_ENTRY_RCX	0x01	/* @rcx is part of the landmark (REP) */
#define KVM_FT_ENTRY_FLAGS	0x01	/* all known flags */

/* Registers of an entry: RAX to R15 in the order of struct kvm_regs, RIP, RFLAGS. */
#define KVM_FT_NR_REGS		18
#define KVM_FT_REG_RIP		16
#define KVM_FT_REG_RFLAGS	17

/* Longest payload of one VALUE or EVENT; more goes into several of them. */
#define KVM_FT_PAYLOAD_MAX	65536
/* Upper bound of an encoded entry without its payload, and with it. */
#define KVM_FT_ENTRY_FIXED_MAX	288
#define KVM_FT_ENTRY_MAX	(KVM_FT_ENTRY_FIXED_MAX + KVM_FT_PAYLOAD_MAX)
/* Guest frame numbers are below this: 52 bits of address in 4 KiB pages. */
#define KVM_FT_GFN_LIMIT	0x10000000000ULL

/**
 * struct kvm_ft_entry - one log entry in memory
 * @ordinal: number of the entry in the log; set by the decoder, not looked at
 *	by the encoder, which counts by itself
 * @progress: guest progress, cumulative since the log began, at this entry;
 *	never less than in the entry before
 * @rip: guest RIP, the register's value; 0 in MARK
 * @rcx: guest RCX, in entries with %KVM_FT_ENTRY_RCX, which EVENT, TIMER,
 *	RAM_HASH and STOP may have
 * @value: see enum kvm_ft_kind
 * @gfn: first guest frame of a RAM_HASH
 * @npages: how many pages from there, at least 1
 * @payload: bytes of a VALUE or EVENT; decoded entries point into the buffer
 *	that was decoded
 * @payload_len: 0 to %KVM_FT_PAYLOAD_MAX
 * @tag: kind of a VALUE or EVENT, the VMM's own numbering
 * @kind: enum kvm_ft_kind
 * @flags: KVM_FT_ENTRY_*
 * @regs: the registers; looked at in checking mode only, in all kinds but MARK
 *
 * Other fields without a meaning for the kind must be 0: the encoder refuses the
 * entry otherwise.
 */
struct kvm_ft_entry {
	u64 ordinal;
	u64 progress;
	u64 rip;
	u64 rcx;
	u64 value;
	u64 gfn;
	u64 npages;
	const u8 *payload;
	u32 payload_len;
	u32 tag;
	u8 kind;
	u8 flags;
	u64 regs[KVM_FT_NR_REGS];
};

/* An entry of @kind without anything; its registers stay as they are. */
static inline void kvm_ft_entry_begin(struct kvm_ft_entry *e, u8 kind)
{
	memset(e, 0, offsetof(struct kvm_ft_entry, regs));
	e->kind = kind;
}

#define KVM_FT_SITES		64	/* power of two, see site_slot() */
#define KVM_FT_HISTORIES	256	/* power of two */
#define KVM_FT_REGIONS		4	/* two bits in the encoding */

/**
 * struct kvm_ft_site - what is remembered of one exiting instruction
 * @rip: where it is
 * @value: what it returned last
 * @delta: by how much that differed from the value before
 * @progress: progress from the exit before it to this one, last time
 * @kind: of the entry, 0 if the slot is empty
 */
struct kvm_ft_site {
	u64 rip;
	u64 value;
	u64 delta;
	u64 progress;
	u8 kind;
};

/**
 * struct kvm_ft_codec - context of one direction of a log
 * @ordinal: number of the next entry
 * @progress: of the last entry
 * @site_progress: of the last entry that went through the site table
 * @tsc: the last TSC value of any kind
 * @regs: registers of the last entry, in checking mode
 * @region: recent RIPs in different parts of memory, the latest first
 * @site: exiting instructions, by hash of kind and RIP
 * @next: slot of the site that followed the last two last time
 * @history: hash of the last two sites
 * @checking: entries carry the registers
 *
 * About 3 KiB; the fields are the codec's own except @ordinal and @progress,
 * which may be read.
 */
struct kvm_ft_codec {
	u64 ordinal;
	u64 progress;
	u64 site_progress;
	u64 tsc;
	u64 regs[KVM_FT_NR_REGS];
	u64 region[KVM_FT_REGIONS];
	struct kvm_ft_site site[KVM_FT_SITES];
	u8 next[KVM_FT_HISTORIES];
	u8 history;
	bool checking;
};

/**
 * kvm_ft_codec_init - prepare a codec for a new log
 * @c: the codec
 * @first_ordinal: number of the first entry
 * @checking: entries carry the registers (%KVM_FT_LOG_CHECKING)
 */
void kvm_ft_codec_init(struct kvm_ft_codec *c, u64 first_ordinal, bool checking);

/**
 * kvm_ft_codec_reset - forget everything that predicts
 * @c: the codec
 *
 * The ordinal goes on. Both sides must do it at the same entry; the log does
 * it at blocks that carry %KVM_FT_BLOCK_RESET.
 */
void kvm_ft_codec_reset(struct kvm_ft_codec *c);

/**
 * kvm_ft_codec_encode - append an entry to a buffer
 * @c: the codec
 * @e: the entry
 * @buf: where the bytes go
 * @size: room there; %KVM_FT_ENTRY_FIXED_MAX plus the payload always suffices
 *
 * Return: the number of bytes written; -EINVAL if the entry breaks a rule of
 * struct kvm_ft_entry; -EMSGSIZE if @size is too small. On error neither the
 * codec nor the buffer has changed.
 */
int kvm_ft_codec_encode(struct kvm_ft_codec *c, const struct kvm_ft_entry *e,
			u8 *buf, size_t size);

/**
 * kvm_ft_codec_decode - take one entry from a buffer
 * @c: the codec
 * @buf: encoded entries, from anywhere: they need not be trusted
 * @len: how many bytes there are
 * @e: the entry; its payload points into @buf
 *
 * Return: the number of bytes consumed; -ENODATA if @buf ends within the entry;
 * -EBADMSG if no encoder can have written these bytes. On error the codec has
 * not changed, and @e is undefined.
 */
int kvm_ft_codec_decode(struct kvm_ft_codec *c, const u8 *buf, size_t len,
			struct kvm_ft_entry *e);

/**
 * kvm_ft_kind_name - name of a kind, for people
 * @kind: enum kvm_ft_kind
 *
 * Return: lower-case name as used in sysfs and reports, NULL if there is no
 * such kind.
 */
const char *kvm_ft_kind_name(unsigned int kind);

/**
 * kvm_ft_kind_class - what sort of entry a kind is
 * @kind: enum kvm_ft_kind
 *
 * Return: its class, %KVM_FT_CLASS_NONE if there is no such kind.
 */
enum kvm_ft_class kvm_ft_kind_class(unsigned int kind);

/**
 * kvm_ft_kind_has_rcx - may RCX be part of the landmark of this kind?
 * @kind: enum kvm_ft_kind
 *
 * Return: true if so: when the guest stands at a REP instruction, it has to be.
 */
bool kvm_ft_kind_has_rcx(unsigned int kind);

/**
 * kvm_ft_kind_is_checked - is the value of such an entry the guest's own?
 * @kind: the kind
 *
 * Return: true if so: then replay compares it; false if there is no value, or
 * replay provides it.
 */
bool kvm_ft_kind_is_checked(unsigned int kind);

/**
 * kvm_ft_register_name - name of a register, for people
 * @i: its number in kvm_ft_entry.regs
 *
 * Return: for example "RAX"; NULL if there is no such register.
 */
const char *kvm_ft_register_name(unsigned int i);

#endif /* KVM_FT_REPLAY_CODEC_H */
