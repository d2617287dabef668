// SPDX-License-Identifier: GPL-2.0-only
/*
 * Log entries to bytes and back. Documentation/replay-log.rst specifies the
 * encoding.
 *
 * Encoder and decoder share everything that decides: kvm_ft_entry_ok() says which
 * entries exist, choose_form() and choose_region() which of several possible
 * encodings is the one, commit() how the context moves on. The decoder applies
 * them to what it has read, and so accepts exactly what the encoder writes.
 */
#include "entry.h"
#include "varint.h"

/* The first byte of an entry: two forms for predicted sites, or the kind. */
#define HEAD_SHORT	0x80	/* and V(6) of the value */
#define HEAD_MEDIUM	0x40	/* and V(5) of the progress */

/* The locator: V(4) of the RIP difference, and above it: */
#define LOCATOR_REGION	5	/* shift of the region's number */
#define LOCATOR_RCX	0x80	/* RCX follows */

/* A RIP this near to a region's, as zigzag, belongs to it: 1 MiB. */
#define REGION_REACH	0x200000

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
			  const struct kvm_ft_kind_row *row)
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
	return expected_value(c, s, &kvm_ft_kinds[kind]);
}

/* How an entry is encoded; MEDIUM and SHORT say that it is at the next site. */
enum form { FORM_FULL, FORM_MEDIUM, FORM_SHORT };

static enum form choose_form(const struct kvm_ft_codec *c, const struct kvm_ft_entry *e)
{
	const struct kvm_ft_site *s = next_site(c);

	if (!(kvm_ft_kinds[e->kind].parts & IN_SITES) || s->kind != e->kind || s->rip != e->rip)
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
	bool tsc = kvm_ft_kinds[e->kind].parts & IS_TSC;
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
	if (kvm_ft_entry_has_regs(c, &kvm_ft_kinds[e->kind]))
		memcpy(c->regs, e->regs, sizeof(c->regs));
	if (form == FORM_FULL && (kvm_ft_kinds[e->kind].parts & HAS_RIP))
		commit_region(c, e->rip);
	if (kvm_ft_kinds[e->kind].parts & IN_SITES)
		commit_site(c, e);
	c->progress = e->progress;
	c->ordinal++;
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

/* What comes between the progress and the registers. */
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
	u16 parts = kvm_ft_kinds[e->kind].parts;

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
							    &kvm_ft_kinds[e->kind]));

	if (form == FORM_SHORT)
		return kvm_ft_varint_put(p, value, 6, HEAD_SHORT);
	p = kvm_ft_varint_put(p, e->progress - c->progress, 5, HEAD_MEDIUM);
	return kvm_ft_varint_put(p, value, 7, 0);
}

/*
 * The registers that are not as in the entry before: a map of them, then their
 * differences.  RFLAGS, which changes most, is the map's lowest bit.  RIP is
 * held against the entry's own, from which only a segment's base sets it apart.
 */
static unsigned int map_bit(unsigned int reg)
{
	return (reg + 1) % KVM_FT_NR_REGS;
}

static u64 expected_reg(const struct kvm_ft_codec *c, const struct kvm_ft_entry *e,
			unsigned int reg)
{
	return reg == KVM_FT_REG_RIP ? e->rip : c->regs[reg];
}

static u8 *put_regs(const struct kvm_ft_codec *c, u8 *p, const struct kvm_ft_entry *e)
{
	unsigned int i;
	u32 map = 0;

	for (i = 0; i < KVM_FT_NR_REGS; i++)
		if (e->regs[i] != expected_reg(c, e, i))
			map |= 1U << map_bit(i);
	p = kvm_ft_varint_put(p, map, 7, 0);
	for (i = 0; i < KVM_FT_NR_REGS; i++)
		if (map & 1U << map_bit(i))
			p = kvm_ft_varint_put(p, kvm_ft_zigzag(e->regs[i] -
							       expected_reg(c, e, i)), 7, 0);
	return p;
}

int kvm_ft_codec_encode(struct kvm_ft_codec *c, const struct kvm_ft_entry *e,
			u8 *buf, size_t size)
{
	u8 fixed[KVM_FT_ENTRY_FIXED_MAX];
	u8 *p = fixed;
	enum form form;
	size_t len;

	if (!kvm_ft_entry_ok(c, e))
		return -EINVAL;
	form = choose_form(c, e);
	if (form == FORM_FULL)
		p = put_full(c, p, e);
	else
		p = put_at_next_site(c, p, e, form);
	if (kvm_ft_entry_has_regs(c, &kvm_ft_kinds[e->kind]))
		p = put_regs(c, p, e);

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

static void get_regs(const struct kvm_ft_codec *c, struct kvm_ft_cursor *cur,
		     struct kvm_ft_entry *e)
{
	u32 map = get_u32(cur, (1U << KVM_FT_NR_REGS) - 1);
	unsigned int i;

	for (i = 0; i < KVM_FT_NR_REGS; i++) {
		u64 diff = 0;

		if (map & 1U << map_bit(i)) {
			diff = kvm_ft_varint_get(cur);
			if (!diff)	/* then its bit would not be set */
				kvm_ft_cursor_fail(cur, -EBADMSG);
		}
		e->regs[i] = expected_reg(c, e, i) + kvm_ft_unzigzag(diff);
	}
}

static enum form get_full(const struct kvm_ft_codec *c, struct kvm_ft_cursor *cur,
			  u8 head, struct kvm_ft_entry *e)
{
	const struct kvm_ft_kind_row *row = kvm_ft_kind_row(head);

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

	/* An empty site's kind is 0, which no entry has: refused in the end. */
	e->kind = s->kind;
	e->rip = s->rip;
	if (head & HEAD_SHORT) {
		e->progress = c->site_progress + s->progress;
		value = kvm_ft_varint_rest(cur, head, 6);
	} else {
		e->progress = c->progress + kvm_ft_varint_rest(cur, head, 5);
		value = kvm_ft_varint_get(cur);
	}
	e->value = expected_value(c, s, &kvm_ft_kinds[s->kind]) + kvm_ft_unzigzag(value);
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
	if (kvm_ft_entry_has_regs(c, &kvm_ft_kinds[e->kind]))
		get_regs(c, &cur, e);
	if (e->payload_len)
		e->payload = kvm_ft_cursor_bytes(&cur, e->payload_len);

	if (cur.err)
		return cur.err;
	if (!kvm_ft_entry_ok(c, e) || choose_form(c, e) != form)
		return -EBADMSG;
	e->ordinal = c->ordinal;
	commit(c, e, form);
	return cur.p - buf;
}
