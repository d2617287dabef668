/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages for people: on stderr, or in the file of --log. */
#ifndef KVMFT_MESSAGE_H
#define KVMFT_MESSAGE_H

#include <errno.h>

/**
 * message_open() - where messages go, and whose they are
 * @name: of the program or the guest, put before each
 * @path: a file that they are appended to; NULL for stderr
 *
 * Return: 0, or a negative errno.
 */
int message_open(const char *name, const char *path);

/**
 * message_divert() - hand errors to a function instead
 * @take: gets each, without a newline; NULL: they are told again
 * @data: for @take
 *
 * While there is one thread only.
 */
void message_divert(void (*take)(void *data, const char *text), void *data);

/* Something worth to know has happened.  Any thread. */
__attribute__((format(printf, 1, 2)))
void info(const char *format, ...);

__attribute__((format(printf, 1, 2)))
void tell_error(const char *format, ...);

/*
 * Something went wrong: what, why, and if there is one the remedy.  Any thread.
 * It is -1, so that a function can complain and fail at once.
 */
#define complain(...)	({ tell_error(__VA_ARGS__); -1; })

#endif
