// SPDX-License-Identifier: GPL-2.0-only
/*
 * How long a guest stands still for a secondary that does not take it: over TCP, as it is.
 * Built with ASan and UBSan; prints KTAP.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "../patience.h"
#include "../snapshot.h"
#include "../../lib/tests/test.h"

#define PATIENCE_MS	500
#define PIECE		0x100000
#define MANY		1000		/* pieces: more than any buffer takes */

static int primary, secondary;
static uint8_t piece[PIECE];

static int64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000ll + time.tv_nsec / 1000000;
}

static void set_up(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	primary = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&address, size) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &size) ||
	    connect(primary, (struct sockaddr *)&address, size))
		abort();
	secondary = accept(listener, NULL, NULL);
	close(listener);
	if (secondary < 0 || patience_set_primary(primary, PATIENCE_MS))
		abort();
}

static void tear_down(void)
{
	close(primary);
	close(secondary);
}

static void interrupted(int number)
{
	(void)number;
}

/* As the vCPU's thread is, whenever there is an input for the guest. */
static void interrupt_often(bool on)
{
	const struct sigaction action = { .sa_handler = interrupted };
	const struct timeval often = { .tv_usec = on ? 20000 : 0 };
	const struct itimerval timer = { often, often };

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Until it fails; returns errno. */
static int write_all(void)
{
	struct snapshot_writer writer = { .name = "the snapshot", .fd = primary };
	int i;

	for (i = 0; i < MANY && !snapshot_write(&writer, "ram", 0, 0, piece, PIECE); i++)
		;
	return writer.error;
}

/* It comes to its end after PATIENCE_MS, with some time for the kernel's timers. */
static void expect_patience(int64_t began)
{
	EXPECT(now_ms() - began >= PATIENCE_MS);
	EXPECT(now_ms() - began < 4 * PATIENCE_MS);
}

static void ends_if_nothing_is_read(void)
{
	int64_t began = now_ms();

	EXPECT(write_all() == ETIMEDOUT);
	expect_patience(began);
}

static void signals_do_not_prolong_it(void)
{
	int64_t began = now_ms();

	interrupt_often(true);
	EXPECT(write_all() == ETIMEDOUT);
	expect_patience(began);
	interrupt_often(false);
}

/* Longer than the patience altogether, but something is read now and then. */
static void waits_for_the_slow(void)
{
	struct snapshot_writer writer = { .name = "the snapshot", .fd = primary };
	const struct timespec pause = { .tv_nsec = PATIENCE_MS / 4 * 1000000 };
	int64_t began = now_ms();
	pid_t reader = fork();
	int i;

	if (!reader) {
		close(primary);
		while (read(secondary, piece, PIECE) > 0)
			if (now_ms() - began < 3 * PATIENCE_MS)
				nanosleep(&pause, NULL);
		_exit(0);
	}
	for (i = 0; i < 64 && !snapshot_write(&writer, "ram", 0, 0, piece, PIECE); i++)
		;
	EXPECT(i == 64 && !writer.error);
	EXPECT(now_ms() - began >= 2 * PATIENCE_MS);
	shutdown(primary, SHUT_RDWR);
	kill(reader, SIGKILL);
}

static void hanging_up_is_no_silence(void)
{
	int error;

	signal(SIGPIPE, SIG_IGN);
	close(secondary);
	secondary = -1;
	error = write_all();
	EXPECT(error == ECONNRESET || error == EPIPE);
}

static void a_byte_is_waited_for(void)
{
	int64_t began = now_ms();
	char byte;

	interrupt_often(true);
	EXPECT(patience_receive(primary, &byte, PATIENCE_MS) == -1 && errno == ETIMEDOUT);
	interrupt_often(false);
	expect_patience(began);
	EXPECT(write(secondary, "R", 1) == 1);
	EXPECT(patience_receive(primary, &byte, PATIENCE_MS) == 1 && byte == 'R');
	shutdown(secondary, SHUT_RDWR);
	EXPECT(patience_receive(primary, &byte, PATIENCE_MS) == 0);
}

static unsigned int with_parameter(const char *text)
{
	char path[] = "/tmp/patience-XXXXXX";
	int fd = mkstemp(path);
	unsigned int ms;

	EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	ms = patience_primary_ms(path);
	unlink(path);
	return ms;
}

static void follows_the_failure_timeout(void)
{
	EXPECT(with_parameter("4000\n") == 12000);
	EXPECT(with_parameter("50\n") == PATIENCE_MIN_MS);
	EXPECT(with_parameter("4294967295\n") > 4000000000);
	EXPECT(with_parameter("nonsense\n") == PATIENCE_MIN_MS);
	EXPECT(patience_primary_ms("/nonexistent") == PATIENCE_MIN_MS);
}

static void only_tcp_will_do(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		abort();
	EXPECT(patience_set_primary(ends[0], PATIENCE_MS) == -1);
	EXPECT(patience_set_secondary(ends[0]) == -1);
	EXPECT(!patience_set_secondary(secondary) && !patience_lift_secondary(secondary));
	close(ends[0]);
	close(ends[1]);
}

static const struct test tests[] = {
	TEST(ends_if_nothing_is_read),
	TEST(signals_do_not_prolong_it),
	TEST(waits_for_the_slow),
	TEST(hanging_up_is_no_silence),
	TEST(a_byte_is_waited_for),
	TEST(follows_the_failure_timeout),
	TEST(only_tcp_will_do),
};

int main(int argc, char **argv)
{
	return run_tests("patience", tests, ARRAY_SIZE(tests), argc, argv);
}
