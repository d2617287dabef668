// SPDX-License-Identifier: GPL-2.0-only
/*
 * How often something is told that can happen without end, and who learns of it.  Built with
 * ASan and UBSan; prints KTAP.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "message.h"
#include "test.h"

#define START	1000

static char path[32];
static struct message_limit limit;

static void set_up(void)
{
	int file;

	snprintf(path, sizeof(path), "/tmp/message_test.XXXXXX");
	file = mkstemp(path);
	if (file < 0 || message_open("test", path))
		exit(1);
	close(file);
	limit = (struct message_limit){ 0 };
}

static void tear_down(void)
{
	unlink(path);
}

/* How many of so many are due at that time. */
static int due(int count, uint64_t second)
{
	int told = 0;

	while (count--)
		told += message_is_due(&limit, second);
	return told;
}

/* Lines that were told; the last one is in @last. */
static int lines(char *last, int size)
{
	FILE *file = fopen(path, "r");
	int count = 0;

	while (fgets(last, size, file))
		count++;
	fclose(file);
	return count;
}

static void a_burst_is_told(void)
{
	EXPECT(due(MESSAGE_BURST, START) == MESSAGE_BURST);
	EXPECT(due(1000, START) == 0);
	EXPECT(due(1000, START + MESSAGE_SECONDS - 1) == 0);
}

static void then_one_now_and_then(void)
{
	int i;

	due(1000, START);
	for (i = 1; i <= 20; i++)
		EXPECT(due(1000, START + i * MESSAGE_SECONDS) == 1);
}

static void silence_is_made_up_for(void)
{
	due(1000, START);
	EXPECT(due(1000, START + 3 * MESSAGE_SECONDS) == 3);
	EXPECT(due(1000, START + 4000 * MESSAGE_SECONDS) == MESSAGE_BURST);
	EXPECT(due(1, START + 4001 * MESSAGE_SECONDS - 1) == 0);
}

/* Less often than the limit: all are told, however long it goes on. */
static void what_is_rare_is_told(void)
{
	int i;

	for (i = 0; i < 1000; i++)
		EXPECT(due(1, START + i * MESSAGE_SECONDS) == 1);
}

static void what_was_left_out_is_counted(void)
{
	char last[128] = "";

	due(MESSAGE_BURST + 7, START);
	EXPECT(lines(last, sizeof(last)) == 0);
	errno = ENOSPC;
	EXPECT(due(1, START + MESSAGE_SECONDS) == 1);
	/* The message is about to be told, with it. */
	EXPECT(errno == ENOSPC);
	EXPECT(lines(last, sizeof(last)) == 1);
	EXPECT(!strcmp(last, "test: 7 messages like the next were left out\n"));
	due(1, START + 2 * MESSAGE_SECONDS);
	EXPECT(lines(last, sizeof(last)) == 1);
}

static void each_place_has_its_own(void)
{
	char last[128] = "";
	int i;

	for (i = 0; i < 1000; i++)
		info_limited("something, %d", i);
	EXPECT(lines(last, sizeof(last)) == MESSAGE_BURST);
	for (i = 0; i < 1000; i++)
		complain_limited("another, %d", i);
	EXPECT(lines(last, sizeof(last)) == 2 * MESSAGE_BURST);
	EXPECT(!strcmp(last, "test: error: another, 9\n"));
}

static void *complain_elsewhere(void *data)
{
	complain("of another thread");
	return data;
}

static void the_first_error_of_a_thread_is_caught(void)
{
	char caught[16] = "before", last[128] = "";
	pthread_t other;

	message_catch(caught, sizeof(caught));
	EXPECT(!*caught);
	EXPECT(!pthread_create(&other, NULL, complain_elsewhere, NULL) &&
	       !pthread_join(other, NULL));
	info("no error");
	EXPECT(!*caught);
	complain("the first is long, %d", 1);
	complain("the second, %d", 2);
	EXPECT(!strcmp(caught, "the first is lo"));
	message_catch(NULL, 0);
	complain("not caught");
	EXPECT(!strcmp(caught, "the first is lo"));
	/* All of them are told, too. */
	EXPECT(lines(last, sizeof(last)) == 5);
}

static char diverted[128];

static void take(void *data, const char *text, const char *remedy)
{
	snprintf(data, sizeof(diverted), "%s|%s", text, remedy ? remedy : "none");
}

static void a_remedy_is_told_or_given_apart(void)
{
	char last[128] = "", caught[32];

	message_catch(caught, sizeof(caught));
	EXPECT(complain_with_remedy("mend it", "broken, %d", 1) == -1);
	message_catch(NULL, 0);
	EXPECT(lines(last, sizeof(last)) == 1);
	EXPECT(!strcmp(last, "test: error: broken, 1: mend it\n"));
	EXPECT(!strcmp(caught, "broken, 1: mend it"));
	message_divert(take, diverted);
	EXPECT(complain_with_remedy("mend it", "broken, %d", 2) == -1);
	EXPECT(!strcmp(diverted, "broken, 2|mend it"));
	complain("broken, %d", 3);
	EXPECT(!strcmp(diverted, "broken, 3|none"));
	message_divert(NULL, NULL);
	EXPECT(lines(last, sizeof(last)) == 1);
}

static const struct test tests[] = {
	TEST(a_burst_is_told),
	TEST(then_one_now_and_then),
	TEST(silence_is_made_up_for),
	TEST(what_is_rare_is_told),
	TEST(what_was_left_out_is_counted),
	TEST(each_place_has_its_own),
	TEST(the_first_error_of_a_thread_is_caught),
	TEST(a_remedy_is_told_or_given_apart),
};

int main(int argc, char **argv)
{
	return run_tests("message", tests, ARRAY_SIZE(tests), argc, argv);
}
