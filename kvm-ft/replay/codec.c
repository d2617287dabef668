// SPDX-License-Identifier: GPL-2.0-only
/*
 * Log entries to bytes and back. Documentation/replay-log.rst specifies the
 * encoding.
 *
 * Encoder and decoder share everything that decides: entry_ok() says which
 * entries exist, choose_form() and choose_region() which of several possible
 * encodings is the one, commit() how the context moves on. The decoder applies
 * them to what it has read, and so accepts exactly what the encoder writes.
 */
#include "codec.h"
#include "varint.h"

/* The first byte of an entry: two forms for predicted sites, or the kind. */
#define HEAD_SHORT	0x80	/* and V(6) of the value */
#define HEAD_MEDIUM	0x40	/* and V(5) of the progress */

/* The locator: V(4) of the RIP difference, and above it: */
#define LOCATOR_REGION	5	/* shift of the region's number */
#define LOCATOR_RCX	0x80	/* RCX follows */

/* A RIP this near to a region's, as zigzag, belongs to it: 1 MiB. */
#define REGION_REACH	0x200000

/* What an entry of a kind consists of. */
#define HAS_RIP		0x01
#define HAS_RCX		0x02	/* if flagged */
#define HAS_REG_HASH	0x04	/* in checking mode */
#define HAS_VALUE	0x08	/* as V(7), up to value_max */
#define HAS_HASH	0x10	/* value as 8 bytes */
#define HAS_RANGE	0x20
#define HAS_TAG		0x40	/* and payload */
#define IN_SITES	0x80	/* value is predicted by site */
#define IS_TSC		0x100	/* value is a TSC, predicted from the last one */

#define SITE_PARTS	(HAS_RIP | HAS_REG_HASH | IN_SITES)
#define TSC_PARTS	(SITE_PARTS | IS_TSC)
#define EVENT_PARTS	(HAS_RIP | HAS_RCX | HAS_REG_HASH)

struct kind_row {
	const char *name;
	enum kvm_ft_class class;
	u16 parts;
	u64 value_max;
};

static const struct kind_row kinds[KVM_FT_KIND_LIMIT] = {
	[KVM_FT_KIND_RDTSC] = {
		"rdtsc", KVM_FT_CLASS_SYNC, TSC_PARTS, U64_MAX },
	[KVM_FT_KIND_RDTSCP] = {
		"rdtscp", KVM_FT_CLASS_SYNC, TSC_PARTS, U64_MAX },
	[KVM_FT_KIND_MSR_TSC] = {
		"msr_tsc", KVM_FT_CLASS_SYNC, TSC_PARTS, U64_MAX },
	[KVM_FT_KIND_MSR_TSC_DEADLINE] = {
		"msr_tsc_deadline", KVM_FT_CLASS_SYNC, SITE_PARTS, U64_MAX },
	[KVM_FT_KIND_LAPIC_TMCCT] = {
		"lapic_tmcct", KVM_FT_CLASS_SYNC, SITE_PARTS, U32_MAX },
	[KVM_FT_KIND_VALUE] = {
		"value", KVM_FT_CLASS_SYNC, HAS_RIP | HAS_REG_HASH | HAS_TAG, 0 },
	[KVM_FT_KIND_EXIT] = {
		"exit", KVM_FT_CLASS_SYNC, SITE_PARTS, U32_MAX },
	[KVM_FT_KIND_EVENT] = {
		"event", KVM_FT_CLASS_ASYNC, EVENT_PARTS | HAS_TAG, 0 },
	[KVM_FT_KIND_TIMER] = {
		"timer", KVM_FT_CLASS_ASYNC, EVENT_PARTS, 0 },
	[KVM_FT_KIND_MARK] = {
		"mark", KVM_FT_CLASS_ASYNC, 0, 0 },
	[KVM_FT_KIND_REG_HASH] = {
		"reg_hash", KVM_FT_CLASS_CHECK, HAS_RIP | HAS_HASH, U64_MAX },
	[KVM_FT_KIND_RAM_HASH] = {
		"ram_hash", KVM_FT_CLASS_CHECK,
		HAS_RIP | HAS_REG_HASH | HAS_HASH | HAS_RANGE, U64_MAX },
	[KVM_FT_KIND_STOP] = {
		"stop", KVM_FT_CLASS_CONTROL,
		HAS_RIP | HAS_REG_HASH | HAS_VALUE, U32_MAX },
};

static const struct kind_row *kind_row(unsigned int kind)
{
	return kind < KVM_FT_KIND_LIMIT && kinds[kind].name ? &kinds[kind] : NULL;
}

const char *kvm_ft_kind_name(unsigned int kind)
{
	const struct kind_row *row = kind_row(kind);

	return row ? row->name : NULL;
}

enum kvm_ft_class kvm_ft_kind_class(unsigned int kind)
{
	const struct kind_row *row = kind_row(kind);

	return row ? row->class : KVM_FT_CLASS_NONE;
}

void kvm_ft_codec_init(struct kvm_ft_codec *c, u64 first_ordinal, bool checking)
{
	memset(c, 0, sizeof(*c));
	c->ordinal = first_ordinal;
	c->checking = checking;
}

void kvm_ft_codec_reset(struct kvm_ft_codec *c)
{
	kvm_ft_codec_init(c, c->ordinal, c->checking);
}

/* The context */

static unsigned int site_slot(u8 kind, u64 rip)
{
	return (rip ^ (u64)kind << 56) * 0x61c8864680b583ebULL >> 58;
}

static const struct kvm_ft_site *next_site(const struct kvm_ft_codec *c)
{
	return &c->site[c->next[c->history]];
}

/* What the site expects of the next value. */
static u64 expected_value(const struct kvm_ft_codec *c, const struct kvm_ft_site *s,
			  const struct kind_row *row)
{
	return (row->parts & IS_TSC ? c->tsc : s->value) + s->delta;
}

/* The site of an entry as far as it is known; a new one expects 0, or the TSC. */
static u64 predict_value(const struct kvm_ft_codec *c, u8 kind, u64 rip)
{
	static const struct kvm_ft_site unknown;
	const struct kvm_ft_site *s = &c->site[site_slot(kind, rip)];

	if (s->kind != kind || s->rip != rip)
		s = &unknown;
	return expected_value(c, s, &kinds[kind]);
}

/* How an entry is encoded; MEDIUM and SHORT say that it is at the next site. */
enum form { FORM_FULL, FORM_MEDIUM, FORM_SHORT };

static enum form choose_form(const struct kvm_ft_codec *c, const struct kvm_ft_entry *e)
{
	const struct kvm_ft_site *s = next_site(c);

	if (!(kinds[e->kind].parts & IN_SITES) || s->kind != e->kind || s->rip != e->rip)
		return FORM_FULL;
	if (c->site_progress + s->progress != e->progress)
		return FORM_MEDIUM;
	return FORM_SHORT;
}

/* The region whose RIP is nearest. */
static unsigned int choose_region(const struct kvm_ft_codec *c, u64 rip)
{
	u64 best = kvm_ft_zigzag(rip - c->region[0]);
	unsigned int i, region = 0;

	for (i = 1; i < KVM_FT_REGIONS; i++) {
		u64 distance = kvm_ft_zigzag(rip - c->region[i]);

		if (distance < best) {
			best = distance;
			region = i;
		}
	}
	return region;
}

/* Put @rip first; it replaces its region's last RIP, or else the oldest. */
static void commit_region(struct kvm_ft_codec *c, u64 rip)
{
	unsigned int i = choose_region(c, rip);

	if (kvm_ft_zigzag(rip - c->region[i]) >= REGION_REACH)
		i = KVM_FT_REGIONS - 1;
	for (; i; i--)
		c->region[i] = c->region[i - 1];
	c->region[0] = rip;
}

static void commit_site(struct kvm_ft_codec *c, const struct kvm_ft_entry *e)
{
	bool tsc = kinds[e->kind].parts & IS_TSC;
	unsigned int slot = site_slot(e->kind, e->rip);
	struct kvm_ft_site *s = &c->site[slot];

	if (s->kind == e->kind && s->rip == e->rip)
		s->delta = e->value - (tsc ? c->tsc : s->value);
	else
		s->delta = 0;
	s->kind = e->kind;
	s->rip = e->rip;
	s->value = e->value;
	s->progress = e->progress - c->site_progress;

	if (tsc)
		c->tsc = e->value;
	c->site_progress = e->progress;
	c->next[c->history] = slot;
	c->history = c->history << 4 ^ slot;
}

static void commit(struct kvm_ft_codec *c, const struct kvm_ft_entry *e, enum form form)
{
	if (form == FORM_FULL && (kinds[e->kind].parts & HAS_RIP))
		commit_region(c, e->rip);
	if (kinds[e->kind].parts & IN_SITES)
		commit_site(c, e);
	c->progress = e->progress;
	c->ordinal++;
}

/* Validity */

static bool has_reg_hash(const struct kvm_ft_codec *c, const struct kind_row *row)
{
	return c->checking && (row->parts & HAS_REG_HASH);
}

static bool range_ok(const struct kvm_ft_entry *e, u16 parts)
{
	if (!(parts & HAS_RANGE))
		return !e->gfn && !e->npages;
	return e->npages && e->npages <= KVM_FT_GFN_LIMIT &&
	       e->gfn <= KVM_FT_GFN_LIMIT - e->npages;
}

static bool payload_ok(const struct kvm_ft_entry *e, u16 parts)
{
	if (!(parts & HAS_TAG))
		return !e->tag && !e->payload_len;
	return e->payload_len <= KVM_FT_PAYLOAD_MAX && (e->payload || !e->payload_len);
}

static bool entry_ok(const struct kvm_ft_codec *c, const struct kvm_ft_entry *e)
{
	const struct kind_row *row = kind_row(e->kind);

	if (!row || e->progress < c->progress || e->value > row->value_max)
		return false;
	if (e->flags & ~(row->parts & HAS_RCX ? KVM_FT_ENTRY_RCX : 0))
		return false;
	if (e->rcx && !(e->flags & KVM_FT_ENTRY_RCX))
		return false;
	if (e->rip && !(row->parts & HAS_RIP))
		return false;
	if (e->reg_hash && !has_reg_hash(c, row))
		return false;
	return range_ok(e, row->parts) && payload_ok(e, row->parts);
}

/* Encoding */

static u8 *put_le64(u8 *p, u64 value)
{
	kvm_ft_put_le64(p, value);
	return p + sizeof(value);
}

static u8 *put_locator(const struct kvm_ft_codec *c, u8 *p, const struct kvm_ft_entry *e)
{
	unsigned int region = choose_region(c, e->rip);
	u8 head = region << LOCATOR_REGION;

	if (e->flags & KVM_FT_ENTRY_RCX)
		head |= LOCATOR_RCX;
	return kvm_ft_varint_put(p, kvm_ft_zigzag(e->rip - c->region[region]), 4, head);
}

/* What comes between the progress and the register hash. */
static u8 *put_parts(const struct kvm_ft_codec *c, u8 *p, const struct kvm_ft_entry *e,
		     u16 parts)
{
	if (e->flags & KVM_FT_ENTRY_RCX)
		p = kvm_ft_varint_put(p, e->rcx, 7, 0);
	if (parts & IN_SITES)
		p = kvm_ft_varint_put(p, kvm_ft_zigzag(e->value -
				      predict_value(c, e->kind, e->rip)), 7, 0);
	if (parts & HAS_VALUE)
		p = kvm_ft_varint_put(p, e->value, 7, 0);
	if (parts & HAS_HASH)
		p = put_le64(p, e->value);
	if (parts & HAS_RANGE) {
		p = kvm_ft_varint_put(p, e->gfn, 7, 0);
		p = kvm_ft_varint_put(p, e->npages, 7, 0);
	}
	if (parts & HAS_TAG) {
		p = kvm_ft_varint_put(p, e->tag, 7, 0);
		p = kvm_ft_varint_put(p, e->payload_len, 7, 0);
	}
	return p;
}

static u8 *put_full(const struct kvm_ft_codec *c, u8 *p, const struct kvm_ft_entry *e)
{
	u16 parts = kinds[e->kind].parts;

	*p++ = e->kind;
	if (parts & HAS_RIP)
		p = put_locator(c, p, e);
	p = kvm_ft_varint_put(p, e->progress - c->progress, 7, 0);
	return put_parts(c, p, e, parts);
}

static u8 *put_at_next_site(const struct kvm_ft_codec *c, u8 *p,
			    const struct kvm_ft_entry *e, enum form form)
{
	u64 value = kvm_ft_zigzag(e->value - expected_value(c, next_site(c),
							    &kinds[e->kind]));

	if (form == FORM_SHORT)
		return kvm_ft_varint_put(p, value, 6, HEAD_SHORT);
	p = kvm_ft_varint_put(p, e->progress - c->progress, 5, HEAD_MEDIUM);
	return kvm_ft_varint_put(p, value, 7, 0);
}

int kvm_ft_codec_encode(struct kvm_ft_codec *c, const struct kvm_ft_entry *e,
			u8 *buf, size_t size)
{
	u8 fixed[KVM_FT_ENTRY_FIXED_MAX];
	u8 *p = fixed;
	enum form form;
	size_t len;

	if (!entry_ok(c, e))
		return -EINVAL;
	form = choose_form(c, e);
	if (form == FORM_FULL)
		p = put_full(c, p, e);
	else
		p = put_at_next_site(c, p, e, form);
	if (has_reg_hash(c, &kinds[e->kind]))
		p = put_le64(p, e->reg_hash);

	len = p - fixed;
	if (len + e->payload_len > size)
		return -EMSGSIZE;
	memcpy(buf, fixed, len);
	if (e->payload_len)
		memcpy(buf + len, e->payload, e->payload_len);
	commit(c, e, form);
	return len + e->payload_len;
}

/* Decoding */

static u32 get_u32(struct kvm_ft_cursor *cur, u32 max)
{
	u64 value = kvm_ft_varint_get(cur);

	return value <= max ? value : kvm_ft_cursor_fail(cur, -EBADMSG);
}

static void get_locator(const struct kvm_ft_codec *c, struct kvm_ft_cursor *cur,
			struct kvm_ft_entry *e)
{
	u8 head = kvm_ft_cursor_u8(cur);
	unsigned int region = head >> LOCATOR_REGION & (KVM_FT_REGIONS - 1);
	u64 diff = kvm_ft_varint_rest(cur, head, 4);

	if (head & LOCATOR_RCX)
		e->flags |= KVM_FT_ENTRY_RCX;
	e->rip = c->region[region] + kvm_ft_unzigzag(diff);
	if (region != choose_region(c, e->rip))
		kvm_ft_cursor_fail(cur, -EBADMSG);
}

static void get_parts(const struct kvm_ft_codec *c, struct kvm_ft_cursor *cur,
		      struct kvm_ft_entry *e, u16 parts)
{
	if (e->flags & KVM_FT_ENTRY_RCX)
		e->rcx = kvm_ft_varint_get(cur);
	if (parts & IN_SITES)
		e->value = predict_value(c, e->kind, e->rip) +
			   kvm_ft_unzigzag(kvm_ft_varint_get(cur));
	if (parts & HAS_VALUE)
		e->value = kvm_ft_varint_get(cur);
	if (parts & HAS_HASH)
		e->value = kvm_ft_cursor_le64(cur);
	if (parts & HAS_RANGE) {
		e->gfn = kvm_ft_varint_get(cur);
		e->npages = kvm_ft_varint_get(cur);
	}
	if (parts & HAS_TAG) {
		e->tag = get_u32(cur, U32_MAX);
		e->payload_len = get_u32(cur, KVM_FT_PAYLOAD_MAX);
	}
}

static enum form get_full(const struct kvm_ft_codec *c, struct kvm_ft_cursor *cur,
			  u8 head, struct kvm_ft_entry *e)
{
	const struct kind_row *row = kind_row(head);

	if (!row) {
		kvm_ft_cursor_fail(cur, -EBADMSG);
		return FORM_FULL;
	}
	e->kind = head;
	if (row->parts & HAS_RIP)
		get_locator(c, cur, e);
	e->progress = c->progress + kvm_ft_varint_get(cur);
	get_parts(c, cur, e, row->parts);
	return FORM_FULL;
}

static enum form get_at_next_site(const struct kvm_ft_codec *c,
				  struct kvm_ft_cursor *cur, u8 head,
				  struct kvm_ft_entry *e)
{
	const struct kvm_ft_site *s = next_site(c);
	u64 value;

	if (!s->kind)
		kvm_ft_cursor_fail(cur, -EBADMSG);
	e->kind = s->kind;
	e->rip = s->rip;
	if (head & HEAD_SHORT) {
		e->progress = c->site_progress + s->progress;
		value = kvm_ft_varint_rest(cur, head, 6);
	} else {
		e->progress = c->progress + kvm_ft_varint_rest(cur, head, 5);
		value = kvm_ft_varint_get(cur);
	}
	e->value = expected_value(c, s, &kinds[s->kind]) + kvm_ft_unzigzag(value);
	return head & HEAD_SHORT ? FORM_SHORT : FORM_MEDIUM;
}

int kvm_ft_codec_decode(struct kvm_ft_codec *c, const u8 *buf, size_t len,
			struct kvm_ft_entry *e)
{
	struct kvm_ft_cursor cur = { .p = buf, .end = buf + len };
	u8 head = kvm_ft_cursor_u8(&cur);
	enum form form;

	if (cur.err)
		return cur.err;
	memset(e, 0, sizeof(*e));
	if (head & (HEAD_SHORT | HEAD_MEDIUM))
		form = get_at_next_site(c, &cur, head, e);
	else
		form = get_full(c, &cur, head, e);
	if (has_reg_hash(c, &kinds[e->kind]))
		e->reg_hash = kvm_ft_cursor_le64(&cur);
	if (e->payload_len)
		e->payload = kvm_ft_cursor_bytes(&cur, e->payload_len);

	if (cur.err)
		return cur.err;
	if (!entry_ok(c, e) || choose_form(c, e) != form)
		return -EBADMSG;
	e->ordinal = c->ordinal;
	commit(c, e, form);
	return cur.p - buf;
}
