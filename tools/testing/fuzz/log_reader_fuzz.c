// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer target: the log reader over arbitrary bytes.
 *
 * The input is read as a log twice: as it is, and with its checksums made
 * right, which is what an enemy would do and what gets the fuzzer past them.
 * Whatever the bytes are, the reader must stay within them (each piece is
 * handed over in an allocation of its own size, for ASan to see), and what it
 * accepts the writer must write again with the same bytes.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../../kvm-ft/replay/block.h"

#define REQUIRE(condition)							\
	do {									\
		if (!(condition)) {						\
			fprintf(stderr, "broken: %s\n", #condition);		\
			abort();						\
		}								\
	} while (0)

static struct kvm_ft_log_reader reader;
static struct kvm_ft_log_writer writer;

/* A copy that ends where its allocation does. */
static u8 *copy(const u8 *data, size_t size)
{
	u8 *bytes = malloc(size ? size : 1);

	REQUIRE(bytes);
	if (size)
		memcpy(bytes, data, size);
	return bytes;
}

/* Make the checksums right, of the header and of each block that is whole. */
static void seal(u8 *log, size_t size)
{
	size_t pos, length;
	u32 crc;

	if (size < KVM_FT_LOG_HEADER_FIXED)
		return;
	pos = kvm_ft_get_le32(log + 12);
	if (pos < KVM_FT_LOG_HEADER_FIXED || pos > size)
		return;
	crc = kvm_ft_crc32c(0, log, 16);
	crc = kvm_ft_crc32c(crc, log + 20, pos - 20);
	kvm_ft_put_le32(log + 16, crc);

	while (size - pos >= KVM_FT_BLOCK_HEADER) {
		length = kvm_ft_get_le32(log + pos + BLOCK_AT_LENGTH);
		if (length > size - pos - KVM_FT_BLOCK_HEADER)
			return;
		length += KVM_FT_BLOCK_HEADER;
		kvm_ft_put_le32(log + pos + BLOCK_AT_CRC,
				kvm_ft_block_crc(crc, log + pos, length));
		pos += length;
	}
}

/* Read the header; it must encode to the same bytes. Its length, or an error. */
static int read_header(const u8 *log, size_t size)
{
	u8 *bytes = copy(log, size);
	u8 again[KVM_FT_LOG_HEADER_MAX];
	int len, written;

	len = kvm_ft_log_reader_init(&reader, bytes, size);
	if (len > 0) {
		written = kvm_ft_log_writer_init(&writer, &reader.header, again,
						 sizeof(again));
		REQUIRE(written > 0 && written <= len);
		if (kvm_ft_get_le16(bytes + 10) == KVM_FT_LOG_MINOR)
			REQUIRE(written == len && !memcmp(again, bytes, len));
		/* A later version's header: its blocks start from its checksum. */
		reader.header.crc = kvm_ft_get_le32(bytes + 16);
		writer.seed = reader.header.crc;
	} else {
		REQUIRE(len < 0 && reader.reason != KVM_FT_LOG_OK);
	}
	free(bytes);
	return len;
}

/* Take the entries of the open block, writing them again into @again. */
static int read_entries(u8 *again, bool reset)
{
	struct kvm_ft_entry e;
	int ret;

	REQUIRE(!kvm_ft_log_writer_begin(&writer, again, KVM_FT_BLOCK_MAX, reset));
	while ((ret = kvm_ft_log_reader_next(&reader, &e)) == 1) {
		REQUIRE(kvm_ft_kind_name(e.kind));
		REQUIRE(e.ordinal + 1 == reader.codec.ordinal);
		REQUIRE(!kvm_ft_log_writer_append(&writer, &e));
	}
	return ret;
}

/* Read a block; it must be written again with the same bytes. Its length, or an error. */
static int read_block(const u8 *log, size_t size)
{
	size_t have = size < KVM_FT_BLOCK_MAX ? size : KVM_FT_BLOCK_MAX;
	u8 *bytes = copy(log, have);
	u8 *again = malloc(KVM_FT_BLOCK_MAX);
	int len, ret = 0;

	REQUIRE(again);
	len = kvm_ft_log_reader_block(&reader, bytes, have);
	if (len > 0 && reader.closed)
		REQUIRE(kvm_ft_log_writer_close(&writer, again, KVM_FT_BLOCK_MAX) == len);
	else if (len > 0)
		ret = read_entries(again, bytes[BLOCK_AT_FLAGS] & KVM_FT_BLOCK_RESET);
	if (len > 0 && !ret) {
		REQUIRE(reader.closed || kvm_ft_log_writer_finish(&writer) == len);
		REQUIRE(!memcmp(again, bytes, len));
		REQUIRE(!memcmp(&reader.codec, &writer.codec, sizeof(writer.codec)));
	}
	free(again);
	free(bytes);
	return ret < 0 ? ret : len;
}

static void read_log(const u8 *log, size_t size)
{
	size_t tail = size < KVM_FT_BLOCK_HEADER ? size : KVM_FT_BLOCK_HEADER;
	enum kvm_ft_log_state state;
	size_t pos = 0;
	int len;

	len = read_header(log, size);
	while (len > 0) {
		pos += len;
		REQUIRE(pos <= size && reader.offset == pos);
		if (pos == size)
			break;
		len = read_block(log + pos, size - pos);
	}
	state = kvm_ft_log_reader_verdict(&reader, log + size - tail, tail);
	REQUIRE((state == KVM_FT_LOG_COMPLETE) == (reader.closed && pos == size));
	REQUIRE((state == KVM_FT_LOG_COMPLETE) == (reader.reason == KVM_FT_LOG_OK));
	kvm_ft_log_reason_name(reader.reason);
}

/* Called for each input; the Makefile gives it the name that libFuzzer wants. */
int fuzz_one_input(const u8 *data, size_t size)
{
	u8 *log = copy(data, size);

	read_log(log, size);
	seal(log, size);
	read_log(log, size);
	free(log);
	return 0;
}
