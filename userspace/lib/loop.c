// SPDX-License-Identifier: GPL-2.0-only
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "loop.h"
#include "message.h"

#define EVENTS	16

int loop_open(struct loop *loop)
{
	*loop = (struct loop){ .epoll = epoll_create1(EPOLL_CLOEXEC) };
	if (loop->epoll < 0)
		return complain("cannot create the main loop: %s", strerror(errno));
	return 0;
}

void loop_close(struct loop *loop)
{
	if (loop->epoll >= 0)
		close(loop->epoll);
}

static int control(struct loop *loop, int operation, struct watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	return epoll_ctl(loop->epoll, operation, watch->fd, &event);
}

int loop_watch(struct loop *loop, struct watch *watch)
{
	if (control(loop, EPOLL_CTL_ADD, watch, EPOLLIN))
		return complain("cannot wait for input: %s", strerror(errno));
	return 0;
}

void loop_want(struct loop *loop, struct watch *watch, bool input)
{
	if (control(loop, EPOLL_CTL_MOD, watch, input ? EPOLLIN : 0))
		complain("cannot wait for input: %s", strerror(errno));
}

void loop_forget(struct loop *loop, struct watch *watch)
{
	if (control(loop, EPOLL_CTL_DEL, watch, 0))
		complain("cannot stop waiting for input: %s", strerror(errno));
}

int loop_run(struct loop *loop)
{
	struct epoll_event events[EVENTS];
	int i, n;

	while (!loop->done) {
		n = epoll_wait(loop->epoll, events, EVENTS, -1);
		if (n < 0 && errno != EINTR)
			return complain("the main loop has failed: %s", strerror(errno));
		for (i = 0; i < n; i++) {
			struct watch *watch = events[i].data.ptr;

			watch->ready(watch->owner);
		}
	}
	return 0;
}

/*
 * One shot: it is silent from here on until it is armed again, which either thread does.
 * One that has ended is not there any more.
 */
static void arm(struct source *source)
{
	if (control(source->loop, EPOLL_CTL_MOD, &source->input, EPOLLIN | EPOLLONESHOT) &&
	    errno != ENOENT)
		complain("cannot wait for input: %s", strerror(errno));
}

static void on_input(void *owner)
{
	struct source *source = owner;

	if (!source->post(source->owner))
		arm(source);
}

int source_open(struct source *source, struct loop *loop, int fd, bool (*post)(void *owner),
		void *owner)
{
	*source = (struct source){
		.loop = loop,
		.input = { .fd = fd, .ready = on_input, .owner = source },
		.post = post,
		.owner = owner,
	};
	if (!control(loop, EPOLL_CTL_ADD, &source->input, EPOLLIN | EPOLLONESHOT))
		return 0;
	if (errno != EPERM)
		return complain("cannot wait for input: %s", strerror(errno));
	/* A file, or /dev/null, cannot be waited for; it has nothing to say. */
	source->loop = NULL;
	return 0;
}

void source_end(struct source *source)
{
	if (source->loop)
		epoll_ctl(source->loop->epoll, EPOLL_CTL_DEL, source->input.fd, NULL);
}

void source_taken(struct source *source)
{
	if (source->loop)
		arm(source);
}
