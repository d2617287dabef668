// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's output to a pipe whose reader is quick, slow, stuck or gone.  Built with
 * ASan and UBSan; prints KTAP.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../output.h"
#include "../../lib/tests/test.h"

#define TOTAL		2000000
#define STUCK_SIZE	(4 * OUTPUT_QUEUE)

static int ends[2];		/* of the pipe */
static char *got;
static size_t got_size;

static void set_up(void)
{
	if (pipe(ends) || output_open(ends[1]))
		abort();
	got = malloc(TOTAL + STUCK_SIZE);
	got_size = 0;
	if (!got)
		abort();
}

static void tear_down(void)
{
	free(got);
	close(ends[0]);
	close(ends[1]);
}

static char byte_at(size_t i)
{
	return 'a' + i % 23;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* All that comes until the other end is closed. */
static void *read_all(void *data)
{
	ssize_t size;

	(void)data;
	while ((size = read(ends[0], got + got_size, 3000)) > 0)
		got_size += size;
	return NULL;
}

static void print(size_t total)
{
	char piece[700];
	size_t done = 0, i;

	while (done < total) {
		size_t size = total - done < sizeof(piece) ? total - done : sizeof(piece);

		for (i = 0; i < size; i++)
			piece[i] = byte_at(done + i);
		output_write(piece, size);
		done += size;
	}
}

static bool in_order(size_t size)
{
	size_t i;

	for (i = 0; i < size && got[i] == byte_at(i); i++)
		;
	return i == size;
}

static void all_arrives_in_order(void)
{
	pthread_t reader;

	pthread_create(&reader, NULL, read_all, NULL);
	print(TOTAL);
	output_close();
	close(ends[1]);
	pthread_join(reader, NULL);
	EXPECT(got_size == TOTAL && in_order(TOTAL));
	ends[1] = dup(0);
}

/* Nobody reads while the guest prints; then somebody does. */
static void says_what_was_lost(void)
{
	unsigned long long lost = 0;
	pthread_t reader;
	double began = now();
	char *mark;

	print(STUCK_SIZE);
	/* It has waited once, not for each piece. */
	EXPECT(now() - began < 10 * OUTPUT_PATIENCE / 1000);
	pthread_create(&reader, NULL, read_all, NULL);
	output_close();
	close(ends[1]);
	pthread_join(reader, NULL);
	got[got_size] = '\0';
	mark = strstr(got, "\r\n[ftvmm: ");
	EXPECT(mark && sscanf(mark, "\r\n[ftvmm: %llu bytes", &lost) == 1);
	EXPECT(mark && (size_t)(mark - got) + lost == STUCK_SIZE && in_order(mark - got));
	ends[1] = dup(0);
}

static void ends_though_nobody_reads(void)
{
	double began = now();

	print(STUCK_SIZE);
	output_close();
	EXPECT(now() - began < 10 * OUTPUT_PATIENCE / 1000);
	/* Its thread is let go before the next test uses the queue. */
	close(ends[0]);
	ends[0] = dup(0);
}

static void goes_on_without_a_reader(void)
{
	double began = now();

	close(ends[0]);
	print(TOTAL);
	output_close();
	EXPECT(now() - began < 10 * OUTPUT_PATIENCE / 1000);
	ends[0] = dup(0);
}

static const struct test tests[] = {
	TEST(all_arrives_in_order),
	TEST(says_what_was_lost),
	TEST(goes_on_without_a_reader),
	TEST(ends_though_nobody_reads),
};

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	return run_tests("output", tests, ARRAY_SIZE(tests), argc, argv);
}
