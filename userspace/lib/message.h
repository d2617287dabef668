/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages for people: on stderr, or in the file of --log. */
#ifndef KVMFT_MESSAGE_H
#define KVMFT_MESSAGE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a guest, or somebody on the network, can have told over and over. */
#define MESSAGE_BURST	10	/* messages at once */
#define MESSAGE_SECONDS	10	/* in which there may be one more */

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
 * @take: gets each, without a newline, and the remedy if that was given apart, else NULL;
 *        with @take NULL, they are told again
 * @data: for @take
 *
 * While there is one thread only.
 */
void message_divert(void (*take)(void *data, const char *text, const char *remedy), void *data);

/**
 * message_catch() - keep the first error of this thread
 * @text: gets it, as much as there is room for; empty until there is one
 * @room: bytes; with @text NULL, no more is kept
 *
 * It is told as well, as are all that come after it.  message_divert() comes first.
 */
void message_catch(char *text, size_t room);

/* Something worth to know has happened.  Any thread. */
__attribute__((format(printf, 1, 2)))
void info(const char *format, ...);

__attribute__((format(printf, 1, 2)))
void tell_error(const char *format, ...);

/* @remedy follows the text, but for message_divert(), which gets it apart. */
__attribute__((format(printf, 2, 3)))
void tell_error_and_remedy(const char *remedy, const char *format, ...);

/*
 * Something went wrong: what, why, and if there is one the remedy.  Any thread.
 * It is -1, so that a function can complain and fail at once.
 */
#define complain(...)	({ tell_error(__VA_ARGS__); -1; })
#define complain_with_remedy(remedy, ...)					\
	({ tell_error_and_remedy(remedy, __VA_ARGS__); -1; })

/**
 * struct message_limit - how often something is told
 * @since: in seconds, when one more of @spent was forgotten last
 * @spent: messages, without those that were long enough ago
 * @left_out: messages that were not told since the last one that was
 */
struct message_limit {
	uint64_t since;
	unsigned int spent;
	unsigned int left_out;
};

/**
 * message_is_due() - may it be told again?
 * @limit: of all messages like it; zeros at first
 * @second: the time now, which does not go back
 *
 * If others were left out before it, that is told first.  Any thread.
 *
 * Return: whether to tell it.
 */
bool message_is_due(struct message_limit *limit, uint64_t second);

/* For message_is_due(). */
uint64_t message_second(void);

/* One limit for each place that says so. */
#define limited(tell, ...)							\
	do {									\
		static struct message_limit limit_here;				\
										\
		if (message_is_due(&limit_here, message_second()))		\
			tell(__VA_ARGS__);					\
	} while (0)

/* As info() and complain(), but for what can happen without end. */
#define info_limited(...)	limited(info, __VA_ARGS__)
#define complain_limited(...)	limited(tell_error, __VA_ARGS__)

#endif
