// SPDX-License-Identifier: GPL-2.0-only
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "message.h"
#include "output.h"
#include "wait.h"

#define PIECE	4096	/* goes to the kernel at once */

static struct {
	pthread_mutex_t lock;		/* protects all below, but for fd and thread */
	pthread_cond_t filled;		/* or ending */
	pthread_cond_t moved;		/* bytes were taken */
	char queue[OUTPUT_QUEUE];
	size_t first;			/* of the bytes that wait */
	size_t size;			/* of them */
	uint64_t taken;			/* ever */
	uint64_t lost;			/* since the last mark */
	bool stuck;			/* the other side takes nothing */
	bool gone;			/* it never will again */
	bool ending;
	bool open;
	int fd;
	pthread_t thread;
} output = { .lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER,
	     .moved = PTHREAD_COND_INITIALIZER };

/* Blocks for as long as the other side likes. */
static bool write_all(const char *from, size_t size)
{
	while (size) {
		ssize_t done = write(output.fd, from, size);

		if (done < 0 && errno != EINTR && errno != EAGAIN)
			return false;
		if (done > 0) {
			from += done;
			size -= done;
		}
	}
	return true;
}

/* Copies bytes that wait to a piece, without taking them.  Locked. */
static size_t peek(char *piece)
{
	size_t size = output.size < PIECE ? output.size : PIECE;
	size_t before_end = OUTPUT_QUEUE - output.first;

	if (size > before_end)
		size = before_end;
	memcpy(piece, output.queue + output.first, size);
	return size;
}

/* Locked. */
static void took(size_t size)
{
	output.first = (output.first + size) % OUTPUT_QUEUE;
	output.size -= size;
	output.taken += size;
	output.stuck = false;
	pthread_cond_signal(&output.moved);
}

static void *write_thread(void *data)
{
	char piece[PIECE];
	bool written;
	size_t size;

	(void)data;
	pthread_mutex_lock(&output.lock);
	for (;;) {
		while (!output.size && !output.ending)
			pthread_cond_wait(&output.filled, &output.lock);
		size = peek(piece);
		if (!size)
			break;
		pthread_mutex_unlock(&output.lock);
		written = write_all(piece, size);
		pthread_mutex_lock(&output.lock);
		output.gone |= !written;
		took(size);
		pthread_mutex_unlock(&output.lock);
		wait_wake();
		pthread_mutex_lock(&output.lock);
	}
	pthread_mutex_unlock(&output.lock);
	return NULL;
}

int output_open(int fd)
{
	sigset_t all, old;
	int err;

	output.fd = fd;
	output.first = 0;
	output.size = 0;
	output.lost = 0;
	output.stuck = false;
	output.gone = false;
	output.ending = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&output.thread, NULL, write_thread, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err)
		return complain("cannot start the terminal's thread: %s", strerror(err));
	pthread_setname_np(output.thread, "terminal");
	output.open = true;
	return 0;
}

/* Locked; there is room. */
static void put(const char *from, size_t size)
{
	size_t at = (output.first + output.size) % OUTPUT_QUEUE;
	size_t part = size < OUTPUT_QUEUE - at ? size : OUTPUT_QUEUE - at;

	memcpy(output.queue + at, from, part);
	memcpy(output.queue, from + part, size - part);
	output.size += size;
	pthread_cond_signal(&output.filled);
}

/* As much as there is room for, after what has to be said of what was lost.  Locked. */
static size_t put_some(const char *from, size_t size)
{
	size_t room = OUTPUT_QUEUE - output.size;
	char mark[80];
	size_t length;

	if (output.gone)
		return size;
	if (output.lost) {
		length = snprintf(mark, sizeof(mark),
				  "\r\n[ftvmm: %llu bytes of output were lost here]\r\n",
				  (unsigned long long)output.lost);
		if (room < length)
			return 0;
		put(mark, length);
		output.lost = 0;
		room -= length;
	}
	if (size > room)
		size = room;
	put(from, size);
	return size;
}

/* Was something taken since @data was @output.taken? */
static bool has_moved(void *data)
{
	const uint64_t *before = data;
	bool moved;

	pthread_mutex_lock(&output.lock);
	moved = output.taken != *before;
	pthread_mutex_unlock(&output.lock);
	return moved;
}

/* Locked, but for the time that it waits.  Is there any hope? */
static bool wait_for_room(void)
{
	uint64_t before = output.taken;
	bool moved;

	if (output.stuck)
		return false;
	pthread_mutex_unlock(&output.lock);
	moved = wait_until(has_moved, &before, OUTPUT_PATIENCE);
	pthread_mutex_lock(&output.lock);
	output.stuck = !moved && output.taken == before;
	return !output.stuck;
}

void output_write(const void *data, size_t size)
{
	const char *from = data;
	bool begins;

	if (!output.open)
		return;
	pthread_mutex_lock(&output.lock);
	do {
		size_t done = put_some(from, size);

		from += done;
		size -= done;
	} while (size && wait_for_room());
	begins = size && !output.lost;
	output.lost += size;
	pthread_mutex_unlock(&output.lock);
	if (begins)
		info_limited("the terminal takes nothing: some of the guest's output is lost");
}

/* Locked, but for the time that it waits.  Returns whether something was taken. */
static bool wait_for_thread(void)
{
	const struct timespec until = wait_deadline(OUTPUT_PATIENCE);
	uint64_t before = output.taken;
	int err = 0;

	while (output.taken == before && err != ETIMEDOUT)
		err = pthread_cond_clockwait(&output.moved, &output.lock, CLOCK_MONOTONIC,
					     &until);
	return output.taken != before;
}

void output_close(void)
{
	bool empty;

	if (!output.open)
		return;
	output.open = false;
	pthread_mutex_lock(&output.lock);
	do {
		put_some("", 0);	/* the mark, if there is to be one */
	} while ((output.size || (output.lost && !output.gone)) && wait_for_thread());
	empty = !output.size;
	output.ending = true;
	pthread_cond_signal(&output.filled);
	pthread_mutex_unlock(&output.lock);
	if (empty) {
		pthread_join(output.thread, NULL);
		return;
	}
	/* It ends with the program: nothing else gets it out of write(). */
	pthread_detach(output.thread);
	info("the terminal takes nothing: the end of the guest's output is lost");
}
