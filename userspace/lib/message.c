// SPDX-License-Identifier: GPL-2.0-only
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "message.h"

static const char *program = "ftvmm";
static FILE *out;
static void (*diverted)(void *data, const char *text);
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

/* One write per line: threads do not mix theirs. */
static void say(const char *prefix, const char *format, va_list arguments)
{
	FILE *to = out ? out : stderr;
	char text[1024];

	vsnprintf(text, sizeof(text), format, arguments);
	/* A terminal may be in raw mode. */
	fprintf(to, "%s: %s%s%s", program, prefix, text, isatty(fileno(to)) ? "\r\n" : "\n");
}

void message_divert(void (*take)(void *data, const char *text), void *data)
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
static void keep(const char *format, va_list arguments)
{
	va_list again;

	if (!caught || *caught)
		return;
	va_copy(again, arguments);
	vsnprintf(caught, caught_room, format, again);
	va_end(again);
}

void info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	say("", format, arguments);
	va_end(arguments);
}

void tell_error(const char *format, ...)
{
	va_list arguments;
	char text[1024];

	va_start(arguments, format);
	if (diverted) {
		vsnprintf(text, sizeof(text), format, arguments);
		diverted(diverted_data, text);
	} else {
		keep(format, arguments);
		say("error: ", format, arguments);
	}
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
