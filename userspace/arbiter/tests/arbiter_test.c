// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arbiter on a file: what it answers, what it refuses, and that whatever is on the
 * disk is not believed.  Built with ASan and UBSan; prints KTAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../lib/tests/test.h"
#include "../area.h"
#include "../format.h"

#define OUTSIDE		8192	/* bytes behind the area, which nobody may write */

static const uint8_t vm[ARBITER_ID] = "vm", other_vm[ARBITER_ID] = "other";
static char path[64];
static struct arbiter a, b;
static int raw;

static void set_up(void)
{
	static char pattern[OUTSIDE];
	struct arbiter f;

	snprintf(path, sizeof(path), "/tmp/kvm-ft-arbiter-XXXXXX");
	raw = mkstemp(path);
	memset(pattern, 0x5a, sizeof(pattern));
	if (raw < 0 || pwrite(raw, pattern, OUTSIDE, ARBITER_BYTES) != OUTSIDE)
		abort();
	EXPECT(!arbiter_format(&f, path, false));
	arbiter_close(&f);
	EXPECT(!arbiter_open(&a, path, vm));
	EXPECT(!arbiter_open(&b, path, vm));
}

static void tear_down(void)
{
	char byte;
	off_t at;

	for (at = 0; at < OUTSIDE; at++)
		EXPECT(pread(raw, &byte, 1, ARBITER_BYTES + at) == 1 && byte == 0x5a);
	EXPECT(lseek(raw, 0, SEEK_END) == ARBITER_BYTES + OUTSIDE);
	arbiter_close(&a);
	arbiter_close(&b);
	close(raw);
	unlink(path);
}

/* Whether the last problem has these words. */
static bool tells(const struct arbiter *arbiter, const char *words)
{
	bool found = strstr(arbiter->problem, words);

	if (!found)
		printf("# problem: %s\n", arbiter->problem);
	return found;
}

static struct record read_raw(uint32_t block)
{
	struct record r;

	if (pread(raw, &r, sizeof(r), (off_t)block * ARBITER_BLOCK) != sizeof(r))
		abort();
	return r;
}

static void write_raw(uint32_t block, const struct record *r)
{
	if (pwrite(raw, r, sizeof(*r), (off_t)block * ARBITER_BLOCK) != sizeof(*r))
		abort();
}

/* A record with the right hash. */
static void forge(uint32_t block, const uint8_t *whose, uint64_t generation, uint64_t promised,
		  uint64_t accepted, uint64_t winner)
{
	struct contest_record c = { generation, promised, accepted, winner };
	struct record r;

	record_encode(&r, block, a.id, whose, &c);
	write_raw(block, &r);
}

static void decides_once(void)
{
	uint64_t newest;

	EXPECT(!arbiter_newest(&a, &newest) && !newest);
	EXPECT(!arbiter_begin(&a, 5));
	EXPECT(!arbiter_check(&b, 5) && arbiter_check(&b, 6) == -ESTALE);
	EXPECT(arbiter_decide(&b, 5, ARBITER_SECONDARY) == ARBITER_WON);
	EXPECT(arbiter_decide(&a, 5, ARBITER_PRIMARY) == ARBITER_LOST);
	EXPECT(arbiter_decide(&a, 5, ARBITER_PRIMARY) == ARBITER_LOST);
	EXPECT(arbiter_decide(&b, 5, ARBITER_SECONDARY) == ARBITER_WON);
	EXPECT(!arbiter_newest(&a, &newest) && newest == 5);
}

static void supersedes(void)
{
	EXPECT(!arbiter_begin(&a, 1));
	EXPECT(arbiter_decide(&a, 1, ARBITER_PRIMARY) == ARBITER_WON);
	EXPECT(!arbiter_begin(&a, 2) && !arbiter_begin(&a, 2));
	EXPECT(arbiter_decide(&b, 1, ARBITER_SECONDARY) == ARBITER_LOST);
	EXPECT(arbiter_decide(&b, 1, ARBITER_PRIMARY) == ARBITER_LOST);
	EXPECT(arbiter_begin(&b, 1) == -ESTALE && tells(&b, "not new"));
	EXPECT(arbiter_decide(&b, 3, ARBITER_SECONDARY) == -ESTALE && tells(&b, "older"));
	EXPECT(arbiter_decide(&b, 2, ARBITER_SECONDARY) == ARBITER_WON);
	EXPECT(arbiter_begin(&b, 2) == -ESTALE);
	EXPECT(arbiter_decide(&a, 2, ARBITER_PRIMARY) == ARBITER_LOST);
}

/* Who sees that the other side has accepted has lost; a promise says nothing yet. */
static void sees_who_has_accepted(void)
{
	EXPECT(arbiter_has_accepted(&a, 5, ARBITER_SECONDARY) == -ENOENT);
	EXPECT(!arbiter_begin(&a, 5));
	EXPECT(arbiter_has_accepted(&a, 5, 2) == -EINVAL);
	EXPECT(arbiter_has_accepted(&a, 4, ARBITER_SECONDARY) == -ESTALE);
	EXPECT(arbiter_has_accepted(&a, 6, ARBITER_SECONDARY) == -ESTALE);
	EXPECT(arbiter_has_accepted(&a, 5, ARBITER_SECONDARY) == 0);
	forge(record_block(a.slot, ARBITER_SECONDARY), vm, 5, 3, 0, 0);
	EXPECT(arbiter_has_accepted(&a, 5, ARBITER_SECONDARY) == 0);
	forge(record_block(a.slot, ARBITER_SECONDARY), vm, 5, 3, 3, ARBITER_SECONDARY);
	EXPECT(arbiter_has_accepted(&a, 5, ARBITER_SECONDARY) == 1);
	EXPECT(arbiter_has_accepted(&a, 5, ARBITER_PRIMARY) == 0);
	EXPECT(arbiter_decide(&a, 5, ARBITER_PRIMARY) == ARBITER_LOST);
	EXPECT(arbiter_decide(&b, 5, ARBITER_SECONDARY) == ARBITER_WON);
}

static void refuses_bad_calls(void)
{
	const uint8_t nobody[ARBITER_ID] = { 0 };
	struct arbiter c;

	EXPECT(arbiter_decide(&a, 1, ARBITER_PRIMARY) == -ENOENT && tells(&a, "no slot"));
	EXPECT(arbiter_decide(&a, 0, ARBITER_PRIMARY) == -EINVAL);
	EXPECT(arbiter_decide(&a, 1, 2) == -EINVAL);
	EXPECT(arbiter_begin(&a, 0) == -EINVAL);
	EXPECT(!arbiter_release(&a));
	EXPECT(arbiter_open(&c, path, nobody) == -EINVAL);
	arbiter_close(&c);
	EXPECT(arbiter_open(&c, "/tmp", vm) == -EISDIR);
	arbiter_close(&c);
	EXPECT(arbiter_open(&c, "/dev/null", vm) == -EINVAL && tells(&c, "regular file"));
	arbiter_close(&c);
	EXPECT(arbiter_open(&c, "/tmp/kvm-ft/there/is/none", vm) == -ENOENT);
	arbiter_close(&c);
}

static void refuses_what_was_not_formatted(void)
{
	const struct record good = read_raw(0);
	struct record r = { 0 };
	struct arbiter c;

	write_raw(0, &r);
	EXPECT(arbiter_open(&c, path, vm) == -ENODATA && tells(&c, "'ft-arbiter format "));
	arbiter_close(&c);
	r = good;
	r.version++;
	write_raw(0, &r);
	EXPECT(arbiter_open(&c, path, vm) == -EPROTO && tells(&c, "version 2"));
	arbiter_close(&c);
	r = good;
	r.vm[3] = 1;
	write_raw(0, &r);
	EXPECT(arbiter_open(&c, path, vm) == -EBADMSG && tells(&c, "damaged"));
	arbiter_close(&c);
	EXPECT(!arbiter_begin(&a, 1));
	if (ftruncate(raw, 3 * ARBITER_BLOCK - 1))
		abort();
	EXPECT(arbiter_decide(&a, 1, ARBITER_PRIMARY) == -ENODATA && tells(&a, "cut off"));
	if (ftruncate(raw, 7))
		abort();
	EXPECT(arbiter_open(&c, path, vm) == -ENODATA);
	arbiter_close(&c);
	/* tear_down() looks for the pattern. */
	arbiter_close(&a);
	arbiter_close(&b);
	close(raw);
	unlink(path);
	set_up();
}

static void gives_no_answer_from_damage(void)
{
	struct record good, r;
	uint32_t block;
	size_t byte;

	EXPECT(!arbiter_begin(&a, 1));
	EXPECT(arbiter_decide(&a, 1, ARBITER_PRIMARY) == ARBITER_WON);
	for (block = record_block(a.slot, 0); block <= record_block(a.slot, 1); block++) {
		good = read_raw(block);
		for (byte = 0; byte < sizeof(r); byte += byte < 96 ? 1 : 13) {
			r = good;
			((uint8_t *)&r)[byte] ^= 1 << byte % 8;
			write_raw(block, &r);
			EXPECT(arbiter_decide(&a, 1, ARBITER_SECONDARY) == -EBADMSG);
		}
		EXPECT(tells(&a, "'ft-arbiter release "));
		write_raw(block, &good);
	}
	EXPECT(arbiter_decide(&a, 1, ARBITER_SECONDARY) == ARBITER_LOST);
}

static void refuses_forgeries(void)
{
	uint32_t block;
	struct record r;

	EXPECT(!arbiter_begin(&a, 1));
	block = record_block(a.slot, 0);
	forge(block, vm, 0, 0, 0, 0);
	EXPECT(arbiter_decide(&a, 1, 1) == -EBADMSG && tells(&a, "no generation"));
	forge(block, vm, 1, 3, 0, 0);
	EXPECT(arbiter_decide(&a, 1, 1) == -EBADMSG && tells(&a, "such a ballot"));
	forge(block, vm, 1, CONTEST_BALLOT_MAX, 0, 0);
	EXPECT(arbiter_decide(&a, 1, 1) == -EBADMSG && tells(&a, "such a ballot"));
	forge(block, vm, 1, 2, 4, 0);
	EXPECT(arbiter_decide(&a, 1, 1) == -EBADMSG && tells(&a, "not begun"));
	forge(block, vm, 1, 2, 2, 2);
	EXPECT(arbiter_decide(&a, 1, 1) == -EBADMSG && tells(&a, "no such winner"));
	forge(block, vm, 1, 2, 0, 1);
	EXPECT(arbiter_decide(&a, 1, 1) == -EBADMSG && tells(&a, "no such winner"));
	r = read_raw(block + 1);
	write_raw(block, &r);
	EXPECT(arbiter_decide(&a, 1, 1) == -EBADMSG && tells(&a, "another block"));
	/* Ballots do not wrap around. */
	forge(block, vm, 1, CONTEST_BALLOT_MAX - 2, 0, 0);
	EXPECT(arbiter_decide(&a, 1, 1) == -EBADMSG && tells(&a, "such a ballot"));
	EXPECT(arbiter_decide(&a, 1, 1) == -EBADMSG);
}

/* What others leave who should not have been there: no answer, and no other slot. */
static void refuses_what_others_wrote(void)
{
	uint32_t block;
	struct record good;

	EXPECT(!arbiter_begin(&a, 3));
	block = record_block(a.slot, 0);
	good = read_raw(block);
	forge(block, other_vm, 3, 2, 2, 0);
	EXPECT(arbiter_decide(&a, 3, 1) == -ENOENT);
	EXPECT(arbiter_decide(&b, 3, 1) == -ENOENT);
	forge(block, vm, 2, 2, 2, 0);
	EXPECT(arbiter_decide(&b, 3, 1) == -ESTALE && tells(&b, "older"));
	EXPECT(arbiter_decide(&b, 3, 0) == -ESTALE);
	write_raw(block, &good);
	EXPECT(arbiter_decide(&b, 3, 1) == ARBITER_WON);
	block = record_block((a.slot + 3) % ARBITER_SLOTS, 0);
	forge(block, vm, 3, 0, 0, 0);
	forge(block + 1, vm, 3, 0, 0, 0);
	arbiter_close(&b);
	EXPECT(!arbiter_open(&b, path, vm));
	EXPECT(arbiter_decide(&b, 3, 1) == -EBADMSG && tells(&b, "more than one slot"));
}

static void forgets_areas_that_were_formatted_again(void)
{
	struct arbiter f;

	EXPECT(!arbiter_begin(&a, 1));
	EXPECT(arbiter_format(&f, path, false) == -EEXIST && tells(&f, "an area for arbiters"));
	arbiter_close(&f);
	EXPECT(!arbiter_format(&f, path, true));
	arbiter_close(&f);
	EXPECT(arbiter_decide(&a, 1, 0) == -ENOENT);
	/* Who has opened it before is of another time. */
	EXPECT(!arbiter_begin(&a, 1));
	EXPECT(!arbiter_open(&f, path, other_vm));
	EXPECT(arbiter_begin(&f, 1) == -EBADMSG && tells(&f, "formatted"));
	arbiter_close(&f);
}

static void begins_after_a_crash(void)
{
	const struct record free_record = { 0 };
	uint32_t block, slot;

	EXPECT(!arbiter_begin(&a, 1));
	slot = a.slot;
	block = record_block(slot, 0);
	/* One of the two records came to the disk, of a first begin and of a second. */
	write_raw(block + 1, &free_record);
	EXPECT(arbiter_decide(&b, 1, 0) == -ENOENT);
	EXPECT(!arbiter_begin(&b, 1) && b.slot == slot);
	forge(block, vm, 2, 0, 0, 0);
	EXPECT(arbiter_decide(&a, 1, 0) == ARBITER_LOST);
	EXPECT(arbiter_decide(&a, 1, 1) == ARBITER_LOST);
	EXPECT(arbiter_decide(&a, 2, 0) == -ESTALE);
	EXPECT(!arbiter_begin(&a, 2));
	EXPECT(arbiter_decide(&a, 2, 1) == ARBITER_WON);
}

static void has_a_slot_for_each_of_64(void)
{
	struct arbiter c;
	uint8_t id[ARBITER_ID] = "many";
	int i;

	EXPECT(!arbiter_begin(&a, 1));
	for (i = 1; i <= 64; i++) {
		id[ARBITER_ID - 1] = i;
		EXPECT(!arbiter_open(&c, path, id));
		if (i < 64)
			EXPECT(!arbiter_begin(&c, 1) &&
			       arbiter_decide(&c, 1, i % 2) == ARBITER_WON);
		else
			EXPECT(arbiter_begin(&c, 1) == -ENOSPC && tells(&c, "64 slots"));
		arbiter_close(&c);
	}
	EXPECT(arbiter_decide(&a, 1, 1) == ARBITER_WON);
	EXPECT(!arbiter_release(&a) && !arbiter_release(&a));
	EXPECT(arbiter_decide(&b, 1, 0) == -ENOENT);
	EXPECT(!arbiter_open(&c, path, other_vm));
	EXPECT(!arbiter_begin(&c, 1));
	arbiter_close(&c);
}

static void keeps_processes_of_a_host_apart(void)
{
	EXPECT(!arbiter_begin(&a, 1));
	EXPECT(!area_lock(&a, record_block(a.slot, 0), 1));
	EXPECT(arbiter_decide(&b, 1, 0) == -EBUSY && tells(&b, "another process"));
	EXPECT(arbiter_begin(&b, 2) == -EBUSY);
	EXPECT(arbiter_decide(&b, 1, 1) == ARBITER_WON);
	area_unlock(&a, record_block(a.slot, 0), 1);
	EXPECT(arbiter_decide(&b, 1, 0) == ARBITER_LOST);
}

static void is_cancelled(void)
{
	atomic_bool cancel = false;

	EXPECT(!arbiter_begin(&a, 1));
	a.cancel = &cancel;
	EXPECT(arbiter_decide(&a, 1, 0) == ARBITER_WON);
	cancel = true;
	EXPECT(arbiter_decide(&a, 1, 0) == -ECANCELED);
	EXPECT(arbiter_begin(&a, 2) == -ECANCELED && arbiter_release(&a) == -ECANCELED);
}

static void does_not_format_over_data(void)
{
	static const char boot[] = { 0x55, (char)0xaa };
	struct record r = { 0 };
	struct arbiter f;

	write_raw(0, &r);
	if (pwrite(raw, "\x53\xef", 2, 0x438) != 2)
		abort();
	EXPECT(arbiter_format(&f, path, false) == -EEXIST && tells(&f, "ext4"));
	arbiter_close(&f);
	if (pwrite(raw, "\0\0", 2, 0x438) != 2 || pwrite(raw, boot, 2, 510) != 2)
		abort();
	EXPECT(arbiter_format(&f, path, false) == -EEXIST && tells(&f, "MBR"));
	arbiter_close(&f);
	if (pwrite(raw, "\0\0", 2, 510) != 2 || pwrite(raw, "x", 1, ARBITER_BYTES - 1) != 1)
		abort();
	EXPECT(arbiter_format(&f, path, false) == -EEXIST && tells(&f, "at byte 528383"));
	arbiter_close(&f);
	EXPECT(!arbiter_format(&f, path, true));
	arbiter_close(&f);
	EXPECT(arbiter_format(&f, "/dev/kvm-ft-none", true) == -ENOENT);
	arbiter_close(&f);
}

static const struct test tests[] = {
	TEST(decides_once),
	TEST(supersedes), TEST(sees_who_has_accepted),
	TEST(refuses_bad_calls),
	TEST(refuses_what_was_not_formatted),
	TEST(gives_no_answer_from_damage),
	TEST(refuses_forgeries),
	TEST(refuses_what_others_wrote),
	TEST(forgets_areas_that_were_formatted_again),
	TEST(begins_after_a_crash),
	TEST(has_a_slot_for_each_of_64),
	TEST(keeps_processes_of_a_host_apart),
	TEST(is_cancelled),
	TEST(does_not_format_over_data),
};

int main(int argc, char **argv)
{
	return run_tests("arbiter", tests, ARRAY_SIZE(tests), argc, argv);
}
