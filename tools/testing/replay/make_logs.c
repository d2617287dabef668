// SPDX-License-Identifier: GPL-2.0-only
/* Writes logs of different sorts into a folder: what fuzzer and tests begin with. */
#include <stdio.h>
#include <stdlib.h>

#include "../../../kvm-ft/replay/test_guest.h"

static const struct sort {
	const char *name;
	u32 flags;
	int blocks;
	int entries;	/* per block */
	bool reset;	/* in each block */
	bool close;
} sorts[] = {
	{ "empty", 0, 0, 0, false, true },
	{ "short", 0, 1, 3, false, true },
	{ "torn", 0, 2, 10, false, false },
	{ "long", 0, 4, 50, false, true },
	{ "checking", KVM_FT_LOG_CHECKING, 3, 20, false, true },
	{ "nested-resets", KVM_FT_LOG_NESTED, 5, 8, true, true },
};

static u8 log_bytes[1 << 20];

static size_t write_log(const struct sort *s)
{
	static struct kvm_ft_log_writer w;
	static struct kvm_ft_log_header h;
	struct kvm_ft_entry e;
	struct test_guest guest;
	u8 *p = log_bytes;
	int i, n;

	test_header(&h);
	h.flags = s->flags;
	test_guest_init(&guest, s - sorts, s->flags & KVM_FT_LOG_CHECKING);
	p += kvm_ft_log_writer_init(&w, &h, p, KVM_FT_LOG_HEADER_MAX);
	for (n = 0; n < s->blocks; n++) {
		kvm_ft_log_writer_begin(&w, p, KVM_FT_BLOCK_MAX, s->reset);
		for (i = 0; i < s->entries; i++) {
			test_guest_any(&guest, &e);
			if (kvm_ft_log_writer_append(&w, &e))
				abort();
		}
		p += kvm_ft_log_writer_finish(&w);
	}
	if (s->close)
		p += kvm_ft_log_writer_close(&w, p, KVM_FT_BLOCK_HEADER);
	if (w.offset != (u64)(p - log_bytes))
		abort();
	return p - log_bytes;
}

static int write_file(const char *folder, const struct sort *s)
{
	char name[4096];
	size_t len = write_log(s);
	FILE *file;

	snprintf(name, sizeof(name), "%s/%s.log", folder, s->name);
	file = fopen(name, "wb");
	if (!file || fwrite(log_bytes, len, 1, file) != 1 || fclose(file)) {
		perror(name);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	for (i = 0; i < ARRAY_SIZE(sorts); i++)
		if (write_file(argv[1], &sorts[i]))
			return 1;
	return 0;
}
