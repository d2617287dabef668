// SPDX-License-Identifier: GPL-2.0-only
/* ftadm log: what is in a recording's log.  Documentation/replay-log.rst has the format. */
#include <json-c/json.h>
#include <stdio.h>

#include "../../kvm-ft/replay/entry.h"
#include "ftadm.h"
#include "log_file.h"

static struct log_file the_log;

static unsigned int parts_of(const struct kvm_ft_entry *e)
{
	const struct kvm_ft_kind_row *row = kvm_ft_kind_row(e->kind);

	return row ? row->parts : 0;
}

static bool has_value(const struct kvm_ft_entry *e)
{
	return parts_of(e) & (HAS_VALUE | HAS_HASH | IN_SITES);
}

static void add_number(struct json_object *to, const char *key, u64 value)
{
	json_object_object_add(to, key, json_object_new_uint64(value));
}

static void add_text(struct json_object *to, const char *key, const char *text)
{
	json_object_object_add(to, key, json_object_new_string(text));
}

static struct json_object *entry_as_json(const struct kvm_ft_entry *e)
{
	struct json_object *o = json_object_new_object();
	unsigned int parts = parts_of(e);

	add_number(o, "entry", e->ordinal);
	add_text(o, "kind", kvm_ft_kind_name(e->kind));
	add_number(o, "progress", e->progress);
	if (parts & HAS_RIP)
		add_number(o, "rip", e->rip);
	if (e->flags & KVM_FT_ENTRY_RCX)
		add_number(o, "rcx", e->rcx);
	if (has_value(e))
		add_number(o, "value", e->value);
	if (parts & HAS_RANGE) {
		add_number(o, "gfn", e->gfn);
		add_number(o, "npages", e->npages);
	}
	if (parts & HAS_TAG) {
		add_number(o, "tag", e->tag);
		add_number(o, "payload_bytes", e->payload_len);
	}
	add_number(o, "bytes", the_log.entry_size);
	return o;
}

static void print_entry(const struct kvm_ft_entry *e)
{
	unsigned int parts = parts_of(e);

	printf("%8llu %-16s progress %llu", e->ordinal, kvm_ft_kind_name(e->kind), e->progress);
	if (parts & HAS_RIP)
		printf(" rip %#llx", e->rip);
	if (e->flags & KVM_FT_ENTRY_RCX)
		printf(" rcx %#llx", e->rcx);
	if (has_value(e))
		printf(" value %#llx", e->value);
	if (parts & HAS_RANGE)
		printf(" gfn %#llx npages %llu", e->gfn, e->npages);
	if (parts & HAS_TAG)
		printf(" tag %#x payload %u bytes", e->tag, e->payload_len);
	puts("");
}

/* A list that grows while it is printed: logs are long. */
static void print_json(struct json_object *o, bool first)
{
	printf("%s%s", first ? "[" : ",\n", json_object_to_json_string_ext(o, 0));
	json_object_put(o);
}

static int dump_entries(bool json)
{
	struct kvm_ft_entry e;
	bool first = true;
	int got;

	while ((got = log_file_next(&the_log, &e)) > 0) {
		if (json)
			print_json(entry_as_json(&e), first);
		else
			print_entry(&e);
		first = false;
	}
	if (json)
		puts(first ? "[]" : "]");
	return got;
}

/* How reading has ended: the exit status. */
static int judge(enum kvm_ft_log_state *state)
{
	if (log_file_state(&the_log, state))
		return EXIT_ERROR;
	if (*state == KVM_FT_LOG_COMPLETE)
		return 0;
	complain("%s is %s behind entry %llu, at byte %llu: %s", the_log.path,
		 kvm_ft_log_state_name(*state), the_log.reader.codec.ordinal,
		 the_log.reader.offset, kvm_ft_log_reason_name(the_log.reader.reason));
	return *state == KVM_FT_LOG_CORRUPT ? EXIT_CORRUPT : 0;
}

int log_dump(const char *path, bool json)
{
	enum kvm_ft_log_state state;
	int status;

	if (log_file_open(&the_log, path))
		return EXIT_ERROR;
	status = dump_entries(json) < 0 ? EXIT_ERROR : judge(&state);
	log_file_close(&the_log);
	return status;
}

/**
 * struct totals - of a log
 * @entries: by kind
 * @bytes: that they take, payload included
 * @payload: of these
 * @progress: of the last
 */
struct totals {
	u64 entries[KVM_FT_KIND_LIMIT];
	u64 bytes[KVM_FT_KIND_LIMIT];
	u64 payload[KVM_FT_KIND_LIMIT];
	u64 progress;
};

static int count(struct totals *t)
{
	struct kvm_ft_entry e;
	int got;

	while ((got = log_file_next(&the_log, &e)) > 0) {
		t->entries[e.kind]++;
		t->bytes[e.kind] += the_log.entry_size;
		t->payload[e.kind] += parts_of(&e) & HAS_TAG ? e.payload_len : 0;
		t->progress = e.progress;
	}
	return got;
}

static u64 sum(const u64 *numbers)
{
	u64 total = 0;
	int i;

	for (i = 0; i < KVM_FT_KIND_LIMIT; i++)
		total += numbers[i];
	return total;
}

static void print_totals(const struct totals *t, const char *state)
{
	const struct kvm_ft_log_header *h = &the_log.reader.header;
	int i;

	printf("guest       %s\n"
	       "kernel      %s\n"
	       "paging      %s\n"
	       "checking    %s\n"
	       "state       %s\n"
	       "bytes       %llu\n"
	       "entries     %llu\n"
	       "progress    %llu\n",
	       h->guest, h->kernel, h->flags & KVM_FT_LOG_NESTED ? "nested" : "strict",
	       h->flags & KVM_FT_LOG_CHECKING ? "yes" : "no", state, the_log.size,
	       sum(t->entries), t->progress);
	printf("\n%-16s %12s %12s %12s %10s\n", "kind", "entries", "bytes", "payload",
	       "bytes each");
	for (i = 0; i < KVM_FT_KIND_LIMIT; i++)
		if (t->entries[i])
			printf("%-16s %12llu %12llu %12llu %10.1f\n", kvm_ft_kind_name(i),
			       t->entries[i], t->bytes[i], t->payload[i],
			       (double)t->bytes[i] / t->entries[i]);
}

static struct json_object *kinds_as_json(const struct totals *t)
{
	struct json_object *kinds = json_object_new_object();
	int i;

	for (i = 0; i < KVM_FT_KIND_LIMIT; i++) {
		struct json_object *o;

		if (!t->entries[i])
			continue;
		o = json_object_new_object();
		add_number(o, "entries", t->entries[i]);
		add_number(o, "bytes", t->bytes[i]);
		add_number(o, "payload_bytes", t->payload[i]);
		json_object_object_add(kinds, kvm_ft_kind_name(i), o);
	}
	return kinds;
}

static void print_totals_as_json(const struct totals *t, const char *state)
{
	const struct kvm_ft_log_header *h = &the_log.reader.header;
	struct json_object *o = json_object_new_object();

	add_text(o, "guest", h->guest);
	add_text(o, "kernel", h->kernel);
	add_text(o, "paging", h->flags & KVM_FT_LOG_NESTED ? "nested" : "strict");
	json_object_object_add(o, "checking",
			       json_object_new_boolean(h->flags & KVM_FT_LOG_CHECKING));
	add_text(o, "state", state);
	add_number(o, "bytes", the_log.size);
	add_number(o, "entries", sum(t->entries));
	add_number(o, "progress", t->progress);
	json_object_object_add(o, "kinds", kinds_as_json(t));
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	json_object_put(o);
}

int log_stat(const char *path, bool json)
{
	static struct totals t;
	enum kvm_ft_log_state state;
	int status;

	if (log_file_open(&the_log, path))
		return EXIT_ERROR;
	status = count(&t) < 0 ? EXIT_ERROR : judge(&state);
	if (status != EXIT_ERROR && json)
		print_totals_as_json(&t, kvm_ft_log_state_name(state));
	else if (status != EXIT_ERROR)
		print_totals(&t, kvm_ft_log_state_name(state));
	log_file_close(&the_log);
	return status;
}
