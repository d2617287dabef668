// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads logs with the reader that the module has, and prints entries and states
 * as read_log.py does, for comparison.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../../kvm-ft/replay/log.h"

#define LOG_MAX	0x100000	/* bytes of a log that are read */

static struct kvm_ft_log_reader reader;

static bool has_rip(const struct kvm_ft_entry *e)
{
	return e->kind != KVM_FT_KIND_MARK;
}

static bool has_value(const struct kvm_ft_entry *e)
{
	return e->kind != KVM_FT_KIND_MARK && e->kind != KVM_FT_KIND_TIMER &&
	       e->kind != KVM_FT_KIND_EVENT && e->kind != KVM_FT_KIND_VALUE;
}

static void print_payload(const struct kvm_ft_entry *e)
{
	u32 i;

	printf(", \"tag\": %u, \"payload\": \"", e->tag);
	for (i = 0; i < e->payload_len; i++)
		printf("%02x", e->payload[i]);
	printf("\"");
}

static void print_registers(const struct kvm_ft_entry *e)
{
	int i;

	printf(", \"regs\": [");
	for (i = 0; i < KVM_FT_NR_REGS; i++)
		printf("%s%llu", i ? ", " : "", e->regs[i]);
	printf("]");
}

static void print_entry(const struct kvm_ft_entry *e)
{
	printf("{\"ordinal\": %llu, \"kind\": \"%s\", \"progress\": %llu", e->ordinal,
	       kvm_ft_kind_name(e->kind), e->progress);
	if (has_rip(e))
		printf(", \"rip\": %llu", e->rip);
	if (e->flags & KVM_FT_ENTRY_RCX)
		printf(", \"rcx\": %llu", e->rcx);
	if (has_value(e))
		printf(", \"value\": %llu", e->value);
	if (e->npages)
		printf(", \"gfn\": %llu, \"npages\": %llu", e->gfn, e->npages);
	if (e->kind == KVM_FT_KIND_EVENT || e->kind == KVM_FT_KIND_VALUE)
		print_payload(e);
	if (reader.codec.checking && has_rip(e))
		print_registers(e);
	printf("}\n");
}

/* Print the entries of the open block; 0, or why not all could be read. */
static int dump_block(void)
{
	struct kvm_ft_entry e;
	int ret;

	while ((ret = kvm_ft_log_reader_next(&reader, &e)) == 1)
		print_entry(&e);
	return ret;
}

/* Print what can be read of a log of @len bytes. */
static void dump(const u8 *log, size_t len)
{
	size_t tail = len < KVM_FT_BLOCK_HEADER ? len : KVM_FT_BLOCK_HEADER;
	enum kvm_ft_log_state state;
	size_t pos = 0;
	int ret;

	ret = kvm_ft_log_reader_init(&reader, log, len);
	while (ret > 0) {
		pos += ret;
		if (dump_block() || pos == len)
			break;
		ret = kvm_ft_log_reader_block(&reader, log + pos, len - pos);
	}
	state = kvm_ft_log_reader_verdict(&reader, log + len - tail, tail);
	printf("{\"state\": \"%s\", \"reason\": \"%s\"}\n", kvm_ft_log_state_name(state),
	       kvm_ft_log_reason_name(reader.reason));
}

int main(int argc, char **argv)
{
	u8 *log = malloc(LOG_MAX);
	size_t len;
	FILE *file;
	int i;

	if (!log || argc < 2) {
		fprintf(stderr, "usage: %s LOG...   (each up to %d bytes)\n", argv[0], LOG_MAX);
		free(log);
		return 2;
	}
	for (i = 1; i < argc; i++) {
		file = fopen(argv[i], "rb");
		if (!file) {
			perror(argv[i]);
			free(log);
			return 1;
		}
		len = fread(log, 1, LOG_MAX, file);
		fclose(file);
		dump(log, len);
	}
	free(log);
	return 0;
}
