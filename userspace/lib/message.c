// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "message.h"

#define TEXT_SIZE	1024	/* of a message; the rest is cut off */

static const char *program = "ftvmm";
static FILE *out;
static void (*diverted)(void *data, const char *text, const char *remedy);
static void *diverted_data;
static __thread char *caught;
static __thread size_t caught_room;
static pthread_mutex_t limits = PTHREAD_MUTEX_INITIALIZER;	/* protects each message_limit */

int message_open(const char *name, const char *path)
{
	program = name;
	if (!path)
		return 0;
	out = fopen(path, "ae");
	if (!out)
		return -errno;
	setvbuf(out, NULL, _IOLBF, 0);
	return 0;
}

/* One write per line: threads do not mix theirs.  The caller may have yet to tell errno. */
static void say(const char *prefix, const char *text)
{
	FILE *to = out ? out : stderr;
	int error = errno;

	/* A terminal may be in raw mode. */
	fprintf(to, "%s: %s%s%s", program, prefix, text, isatty(fileno(to)) ? "\r\n" : "\n");
	errno = error;
}

void message_divert(void (*take)(void *data, const char *text, const char *remedy), void *data)
{
	diverted = take;
	diverted_data = data;
}

void message_catch(char *text, size_t room)
{
	caught = text;
	caught_room = room;
	if (text)
		*text = '\0';
}

/* Only the first: what follows is what it has led to. */
static void keep(const char *text)
{
	if (caught && !*caught)
		snprintf(caught, caught_room, "%s", text);
}

void info(const char *format, ...)
{
	va_list arguments;
	char text[TEXT_SIZE];

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	say("", text);
}

static void tell(const char *remedy, const char *format, va_list arguments)
{
	char text[TEXT_SIZE];
	size_t length;

	vsnprintf(text, sizeof(text), format, arguments);
	if (diverted) {
		diverted(diverted_data, text, remedy);
		return;
	}
	length = strlen(text);
	if (remedy)
		snprintf(text + length, sizeof(text) - length, ": %s", remedy);
	keep(text);
	say("error: ", text);
}

void tell_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	tell(NULL, format, arguments);
	va_end(arguments);
}

void tell_error_and_remedy(const char *remedy, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	tell(remedy, format, arguments);
	va_end(arguments);
}

uint64_t message_second(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* Locked. */
static void forget_old(struct message_limit *limit, uint64_t second)
{
	uint64_t old = (second - limit->since) / MESSAGE_SECONDS;

	if (limit->spent > old) {
		limit->spent -= old;
		limit->since += old * MESSAGE_SECONDS;
	} else {
		limit->spent = 0;
		limit->since = second;
	}
}

bool message_is_due(struct message_limit *limit, uint64_t second)
{
	unsigned int left_out = 0;
	bool is_due;

	pthread_mutex_lock(&limits);
	forget_old(limit, second);
	is_due = limit->spent < MESSAGE_BURST;
	if (is_due) {
		limit->spent++;
		left_out = limit->left_out;
		limit->left_out = 0;
	} else {
		limit->left_out++;
	}
	pthread_mutex_unlock(&limits);
	if (left_out)
		info("%u messages like the next were left out", left_out);
	return is_due;
}
