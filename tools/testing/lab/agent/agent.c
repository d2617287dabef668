// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lab's host agent: PID 1 of an emulated host, see agent.h.
 *
 * Usage: ftlab-agent PORT [PROBLEM]
 *
 * PORT is the virtio-serial port's device. PROBLEM, when not empty, is what went
 * wrong while the host booted; it goes out with FRAME_HELLO, whose text is
 * "RELEASE\nPROBLEM".
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define PORT_IN		(sizeof(struct frame_hdr) + FRAME_MAX)
#define PORT_OUT	(4 * PORT_IN)

static int port_fd = -1;
static char in_buf[PORT_IN];
static size_t in_len;
static char out_buf[PORT_OUT];
static size_t out_len;
static bool in_held;		/* frames wait in in_buf for room in out_buf */

static void __attribute__((noreturn)) die(const char *what)
{
	fprintf(stderr, "ftlab-agent: %s: %s\n", what, strerror(errno));
	exit(1);	/* PID 1 exits: the kernel panics and the lab sees it */
}

bool port_room(size_t length)
{
	return out_len + sizeof(struct frame_hdr) + length <= PORT_OUT;
}

void port_send(uint32_t stream, enum frame_type type, const void *data, size_t length)
{
	struct frame_hdr hdr = { .stream = stream, .type = type, .length = length };

	memcpy(out_buf + out_len, &hdr, sizeof(hdr));
	memcpy(out_buf + out_len + sizeof(hdr), data, length);
	out_len += sizeof(hdr) + length;
}

static void port_flush(void)
{
	size_t done = 0;

	while (done < out_len) {
		ssize_t n = write(port_fd, out_buf + done, out_len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;		/* full, or the lab is gone: poll tells */
		done += n;
	}
	memmove(out_buf, out_buf + done, out_len - done);
	out_len -= done;
}

static void say_hello(const char *problem)
{
	struct utsname uts = { 0 };
	uint32_t version = AGENT_VERSION;
	char buf[512];
	int n;

	uname(&uts);
	memcpy(buf, &version, sizeof(version));
	n = snprintf(buf + 4, sizeof(buf) - 4, "%s\n%s", uts.release, problem);
	if (n > (int)sizeof(buf) - 5)
		n = sizeof(buf) - 5;
	port_send(0, FRAME_HELLO, buf, 4 + n);
}

static uint32_t payload_u32(const char *data, size_t length)
{
	uint32_t value = 0;

	if (length >= sizeof(value))
		memcpy(&value, data, sizeof(value));
	return value;
}

static void handle_frame(const struct frame_hdr *hdr, char *data)
{
	struct stream *s = stream_find(hdr->stream);

	if (hdr->type == FRAME_EXEC) {
		stream_open(hdr->stream, data, hdr->length);
		return;
	}
	if (!s)
		return;		/* crossed with our FRAME_EXIT */
	switch (hdr->type) {
	case FRAME_STDIN:
		if (!stream_input(s, data, hdr->length))
			stream_close(s);
		break;
	case FRAME_STDIN_EOF:
		s->in_eof = true;
		break;
	case FRAME_CREDIT:
		s->credit += payload_u32(data, hdr->length);
		break;
	case FRAME_SIGNAL:
		if (!s->exited)
			kill(-s->pid, payload_u32(data, hdr->length));
		break;
	case FRAME_CLOSE:
		stream_close(s);
		break;
	}
}

/* Handles the complete frames in in_buf, for as long as answers have room. */
static void handle_input(void)
{
	size_t pos = 0;

	in_held = false;
	while (in_len - pos >= sizeof(struct frame_hdr)) {
		struct frame_hdr hdr;

		in_held = !port_room(FRAME_MAX);
		if (in_held)
			break;
		memcpy(&hdr, in_buf + pos, sizeof(hdr));
		if (hdr.length > FRAME_MAX || hdr.zero) {
			errno = EPROTO;
			die("frame from the lab");
		}
		if (in_len - pos < sizeof(hdr) + hdr.length)
			break;
		handle_frame(&hdr, in_buf + pos + sizeof(hdr));
		pos += sizeof(hdr) + hdr.length;
	}
	memmove(in_buf, in_buf + pos, in_len - pos);
	in_len -= pos;
}

static void port_receive(void)
{
	ssize_t n = read(port_fd, in_buf + in_len, PORT_IN - in_len);

	if (n > 0)
		in_len += n;
}

/* The lab is not connected: forget what was under way and wait until it is. */
static void port_wait(const char *problem)
{
	const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	struct pollfd p = { .fd = port_fd, .events = POLLIN };

	for (int i = 0; i < STREAMS_MAX; i++)
		if (streams[i].used)
			stream_close(&streams[i]);
	in_len = 0;
	out_len = 0;
	/* A port has no event for "connected": asking again is the only way. */
	while (poll(&p, 1, 0) >= 0 && (p.revents & POLLHUP))
		nanosleep(&pause, NULL);
	say_hello(problem);
}

static int add_poll(struct pollfd *p, int fd, short events)
{
	*p = (struct pollfd){ .fd = fd, .events = events };
	return 1;
}

/* Waits until something can be moved, or not at all when something waits. */
static void wait_for_work(int signal_fd)
{
	struct pollfd p[2 + 3 * STREAMS_MAX];
	struct signalfd_siginfo info;
	bool room = port_room(FRAME_MAX);
	int n = 2, timeout = in_held && room ? 0 : -1;

	add_poll(&p[0], port_fd, (in_len < PORT_IN ? POLLIN : 0) | (out_len ? POLLOUT : 0));
	add_poll(&p[1], signal_fd, POLLIN);
	for (int i = 0; i < STREAMS_MAX; i++) {
		struct stream *s = &streams[i];

		if (!s->used)
			continue;
		if (s->in_fd >= 0 && s->in_len)
			n += add_poll(&p[n], s->in_fd, POLLOUT);
		if (room && stream_ready(s))
			timeout = 0;
		if (!room || !s->credit)
			continue;
		for (int o = 0; o < 2; o++)
			if (s->out_fd[o] >= 0)
				n += add_poll(&p[n], s->out_fd[o], POLLIN);
	}
	if (poll(p, n, timeout) < 0 && errno != EINTR)
		die("poll");
	while (read(signal_fd, &info, sizeof(info)) > 0)
		;
}

static void run(const char *problem, int signal_fd)
{
	struct pollfd p = { .fd = port_fd, .events = POLLIN };

	for (;;) {
		wait_for_work(signal_fd);
		if (poll(&p, 1, 0) > 0 && (p.revents & POLLHUP))
			port_wait(problem);
		port_receive();
		handle_input();
		streams_reap();
		for (int i = 0; i < STREAMS_MAX; i++) {
			struct stream *s = &streams[i];

			if (!s->used)
				continue;
			stream_write(s);
			stream_read(s, 0);
			stream_read(s, 1);
			stream_settle(s);
		}
		port_flush();
	}
}

int main(int argc, char **argv)
{
	sigset_t set;
	int signal_fd;

	if (argc < 2) {
		fprintf(stderr, "usage: ftlab-agent PORT [PROBLEM]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signal_fd < 0)
		die("signalfd");
	port_fd = open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (port_fd < 0)
		die(argv[1]);
	port_wait(argc > 2 ? argv[2] : "");
	port_flush();
	run(argc > 2 ? argv[2] : "", signal_fd);
}
