// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "message.h"

static const char *program = "ftvmm";
static FILE *out;
static void (*diverted)(void *data, const char *text);
static void *diverted_data;

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
		say("error: ", format, arguments);
	}
	va_end(arguments);
}
