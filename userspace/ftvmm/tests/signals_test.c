// SPDX-License-Identifier: GPL-2.0-only
/* What signals do to a guest.  Built with ASan and UBSan; prints KTAP. */
#include <signal.h>
#include <unistd.h>

#include "../signals.h"
#include "../../lib/tests/test.h"

static struct loop loop;
static struct signals signals;
static bool has_button;
static int presses, ends;

static bool press(void *owner)
{
	(void)owner;
	loop.done = true;
	presses += has_button;
	return has_button;
}

static void quit(void *owner)
{
	(void)owner;
	loop.done = true;
	ends++;
}

static void set_up(void)
{
	signals = (struct signals){ .watch.fd = -1, .press = press, .quit = quit };
	has_button = true;
	presses = 0;
	ends = 0;
	signal(SIGHUP, SIG_DFL);
	EXPECT(!loop_open(&loop));
}

static void tear_down(void)
{
	signals_close(&signals);
	loop_close(&loop);
}

/* Until the guest's button was pressed, or it was ended. */
static void send_one(int number)
{
	kill(getpid(), number);
	loop.done = false;
	EXPECT(!loop_run(&loop));
}

static void sigterm_presses_the_button_then_ends(void)
{
	EXPECT(!signals_open(&signals, &loop));
	send_one(SIGTERM);
	EXPECT(presses == 1 && !ends);
	send_one(SIGTERM);
	EXPECT(presses == 1 && ends == 1);
}

static void sigint_ends(void)
{
	EXPECT(!signals_open(&signals, &loop));
	send_one(SIGINT);
	EXPECT(!presses && ends == 1);
}

/* The second one is taken, and does nothing: only the SIGTERM after it ends the loop. */
static void sighup_presses_the_button_however_often(void)
{
	EXPECT(!signals_open(&signals, &loop));
	send_one(SIGHUP);
	EXPECT(presses == 1 && !ends);
	kill(getpid(), SIGHUP);
	send_one(SIGTERM);
	EXPECT(presses == 1 && ends == 1);
}

static void sighup_that_is_ignored_stays_so(void)
{
	signal(SIGHUP, SIG_IGN);
	EXPECT(!signals_open(&signals, &loop));
	kill(getpid(), SIGHUP);
	send_one(SIGINT);
	EXPECT(!presses && ends == 1);
}

/* A replay's: nothing would end it. */
static void a_guest_without_a_button_is_ended(void)
{
	has_button = false;
	EXPECT(!signals_open(&signals, &loop));
	send_one(SIGTERM);
	EXPECT(!presses && ends == 1);
	send_one(SIGHUP);
	EXPECT(!presses && ends == 2);
}

int main(int argc, char **argv)
{
	static const struct test tests[] = {
		TEST(sigterm_presses_the_button_then_ends),
		TEST(sigint_ends),
		TEST(sighup_presses_the_button_however_often),
		TEST(sighup_that_is_ignored_stays_so),
		TEST(a_guest_without_a_button_is_ended),
	};

	return run_tests("signals", tests, ARRAY_SIZE(tests), argc, argv);
}
