/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Lines of text through a stream socket, bounded in size and time.
 *
 * The socket may be a blocking one; it is waited for no longer than until a deadline,
 * which is a time of CLOCK_MONOTONIC in milliseconds.
 */
#ifndef KVMFT_LINES_H
#define KVMFT_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINES_SIZE	65536

/**
 * struct lines - what comes through a socket
 * @fd: the socket
 * @limit: bytes that a line may have with its newline, up to LINES_SIZE
 * @used: bytes in @buffer
 * @taken: of these, bytes of the line that was given out last
 * @buffer: what was read
 */
struct lines {
	int fd;
	size_t limit;
	size_t used;
	size_t taken;
	char buffer[LINES_SIZE];
};

/* In so many milliseconds. */
int64_t deadline_in(unsigned int ms);

/* Milliseconds until then, for poll(); 0 if it has passed. */
int deadline_left(int64_t deadline);

/**
 * lines_next() - the next line
 * @lines: where from
 * @deadline: after that no more is read; 0 to read only what is there
 *
 * Return: the line without its newline, which stays until the next call; or NULL and
 * errno: ETIMEDOUT, EMSGSIZE if it is too long, EBADMSG if there is a zero byte in it,
 * ENODATA if the other side has hung up, or what the socket says.
 */
char *lines_next(struct lines *lines, int64_t deadline);

/* Has more come than the line that was given out last? */
bool lines_rest(const struct lines *lines);

/**
 * lines_send() - send a line
 * @fd: of a stream socket
 * @text: the line, without a newline
 * @deadline: all of it must be on its way then
 *
 * Return: 0, or -1 and errno.
 */
int lines_send(int fd, const char *text, int64_t deadline);

#endif
