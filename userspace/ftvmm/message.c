// SPDX-License-Identifier: GPL-2.0-only
#include <stdarg.h>
#include <stdio.h>

#include "message.h"

static const char *guest = "ftvmm";
static FILE *out;

int message_open(const char *name, const char *path)
{
	guest = name;
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
	/* The terminal may be in raw mode. */
	fprintf(to, "%s: %s%s%s", guest, prefix, text, out ? "\n" : "\r\n");
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

	va_start(arguments, format);
	say("error: ", format, arguments);
	va_end(arguments);
}
