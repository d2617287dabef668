// SPDX-License-Identifier: GPL-2.0-only
/*
 * The lab's host agent: running commands and moving their input and output.
 */
#define _GNU_SOURCE	/* pipe2() */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

struct stream streams[STREAMS_MAX];

struct stream *stream_find(uint32_t id)
{
	for (int i = 0; i < STREAMS_MAX; i++)
		if (streams[i].used && streams[i].id == id)
			return &streams[i];
	return NULL;
}

static void send_error(uint32_t id, int err, const char *text)
{
	char buf[512];
	uint32_t code = err;
	int n;

	memcpy(buf, &code, sizeof(code));
	n = snprintf(buf + 4, sizeof(buf) - 4, "%s: %s", text, strerror(err));
	if (n > (int)sizeof(buf) - 5)
		n = sizeof(buf) - 5;
	port_send(id, FRAME_ERROR, buf, 4 + n);
}

static struct stream *stream_alloc(uint32_t id)
{
	for (int i = 0; i < STREAMS_MAX; i++) {
		struct stream *s = &streams[i];

		if (s->used)
			continue;
		memset(s, 0, sizeof(*s));
		s->in_buf = malloc(STREAM_WINDOW);
		if (!s->in_buf)
			return NULL;
		s->id = id;
		s->used = true;
		s->in_fd = -1;
		s->out_fd[0] = -1;
		s->out_fd[1] = -1;
		s->credit = STREAM_WINDOW;
		return s;
	}
	return NULL;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void stream_free(struct stream *s)
{
	close_fd(&s->in_fd);
	close_fd(&s->out_fd[0]);
	close_fd(&s->out_fd[1]);
	free(s->in_buf);
	s->in_buf = NULL;
	s->used = false;
}

/* One command line as it came: pointers into the frame's payload. */
struct command {
	const char *cwd;
	char **argv;
	char **env;
};

/* Takes the next NUL-terminated string off a buffer that ends with a NUL. */
static char *next_string(char **pos, const char *end)
{
	char *s = *pos;

	if (s >= end)
		return NULL;
	*pos = s + strlen(s) + 1;
	return s;
}

/* Fills @cmd; @vec has room for every string of the frame and two NULLs. */
static bool command_parse(struct command *cmd, char **vec, char *data, size_t length)
{
	char *pos = data, *end = data + length, *count;
	unsigned long argc;

	cmd->cwd = next_string(&pos, end);
	count = next_string(&pos, end);
	if (!count)
		return false;
	argc = strtoul(count, NULL, 10);
	if (!argc || argc > length)
		return false;
	cmd->argv = vec;
	while (argc--) {
		*vec = next_string(&pos, end);
		if (!*vec++)
			return false;
	}
	*vec++ = NULL;
	cmd->env = vec;
	while ((*vec = next_string(&pos, end)))
		vec++;
	return true;
}

/* In the child: becomes the command, or reports errno through @report. */
static void __attribute__((noreturn))
child_exec(const struct command *cmd, int in, int out, int err, int report)
{
	sigset_t none;
	ssize_t n;
	int code;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		goto fail;
	if (chdir(*cmd->cwd ? cmd->cwd : "/root"))
		goto fail;
	for (char **e = cmd->env; *e; e++)
		putenv(*e);
	execvp(cmd->argv[0], cmd->argv);
fail:
	code = errno;
	n = write(report, &code, sizeof(code));
	_exit(n == sizeof(code) ? 127 : 126);
}

static void close_pair(int pair[2])
{
	close_fd(&pair[0]);
	close_fd(&pair[1]);
}

/* Starts @cmd for @s; returns 0 or a positive errno. */
static int stream_spawn(struct stream *s, const struct command *cmd)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 }, err[2] = { -1, -1 };
	int report[2] = { -1, -1 };
	int code = 0;

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) ||
	    pipe2(err, O_CLOEXEC) || pipe2(report, O_CLOEXEC))
		goto fail;
	s->pid = fork();
	if (s->pid < 0)
		goto fail;
	if (!s->pid)
		child_exec(cmd, in[0], out[1], err[1], report[1]);
	close_fd(&report[1]);
	/* Closed without a word by a successful exec: never waits for long. */
	if (read(report[0], &code, sizeof(code)) != sizeof(code))
		code = 0;
	s->in_fd = in[1];
	s->out_fd[0] = out[0];
	s->out_fd[1] = err[0];
	in[1] = -1;
	out[0] = -1;
	err[0] = -1;
	fcntl(s->in_fd, F_SETFL, O_NONBLOCK);
	fcntl(s->out_fd[0], F_SETFL, O_NONBLOCK);
	fcntl(s->out_fd[1], F_SETFL, O_NONBLOCK);
	goto out;
fail:
	code = errno;
out:
	close_pair(in);
	close_pair(out);
	close_pair(err);
	close_pair(report);
	return code;
}

void stream_open(uint32_t id, char *data, size_t length)
{
	struct stream *s = NULL;
	struct command cmd;
	size_t strings = 0;
	char **vec;
	int err;

	if (!length || data[length - 1] || stream_find(id)) {
		send_error(id, EINVAL, "bad request");
		return;
	}
	for (size_t i = 0; i < length; i++)
		strings += !data[i];
	vec = calloc(strings + 2, sizeof(*vec));
	if (vec)
		s = stream_alloc(id);
	if (!s) {
		send_error(id, vec ? EAGAIN : ENOMEM, "too many commands at a time");
		goto out;
	}
	if (!command_parse(&cmd, vec, data, length)) {
		send_error(id, EINVAL, "bad request");
		stream_free(s);
		goto out;
	}
	err = stream_spawn(s, &cmd);
	if (err) {
		send_error(id, err, cmd.argv[0]);
		stream_free(s);
	}
out:
	free(vec);
}

bool stream_input(struct stream *s, const char *data, size_t length)
{
	if (s->in_fd < 0) {
		s->in_ack += length;	/* the command closed its stdin */
		return true;
	}
	if (s->in_len + length > STREAM_WINDOW)
		return false;
	if (s->in_start + s->in_len + length > STREAM_WINDOW) {
		memmove(s->in_buf, s->in_buf + s->in_start, s->in_len);
		s->in_start = 0;
	}
	memcpy(s->in_buf + s->in_start + s->in_len, data, length);
	s->in_len += length;
	return true;
}

void stream_write(struct stream *s)
{
	while (s->in_fd >= 0 && s->in_len) {
		ssize_t n = write(s->in_fd, s->in_buf + s->in_start, s->in_len);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n < 0) {
			close_fd(&s->in_fd);
			n = s->in_len;
		}
		s->in_start += n;
		s->in_len -= n;
		s->in_ack += n;
		if (!s->in_len)
			s->in_start = 0;
	}
	if (s->in_eof)
		close_fd(&s->in_fd);
}

void stream_read(struct stream *s, int which)
{
	static char buf[FRAME_MAX / 2];
	size_t max = sizeof(buf);
	ssize_t n;

	if (s->out_fd[which] < 0 || !s->credit || !port_room(max))
		return;
	if (max > s->credit)
		max = s->credit;
	n = read(s->out_fd[which], buf, max);
	if (n > 0) {
		s->credit -= n;
		port_send(s->id, which ? FRAME_STDERR : FRAME_STDOUT, buf, n);
		return;
	}
	if (n < 0 && errno == EINTR)
		return;
	/*
	 * What a command that has exited wrote is all in the pipe: an empty one
	 * is drained even while a process it left behind holds the other end.
	 */
	if (n < 0 && errno == EAGAIN && !s->exited)
		return;
	close_fd(&s->out_fd[which]);
}

void stream_settle(struct stream *s)
{
	uint32_t status = s->status;

	if (s->in_ack && port_room(sizeof(s->in_ack))) {
		port_send(s->id, FRAME_CREDIT, &s->in_ack, sizeof(s->in_ack));
		s->in_ack = 0;
	}
	if (!s->exited || s->out_fd[0] >= 0 || s->out_fd[1] >= 0)
		return;
	if (port_room(sizeof(status))) {
		port_send(s->id, FRAME_EXIT, &status, sizeof(status));
		stream_free(s);
	}
}

bool stream_ready(const struct stream *s)
{
	if (s->in_ack)
		return true;
	return s->exited && (s->credit || (s->out_fd[0] < 0 && s->out_fd[1] < 0));
}

void stream_close(struct stream *s)
{
	if (!s->exited)
		kill(-s->pid, SIGKILL);
	stream_free(s);
}

void streams_reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (int i = 0; i < STREAMS_MAX; i++) {
			struct stream *s = &streams[i];

			if (s->used && s->pid == pid && !s->exited) {
				s->exited = true;
				s->status = status;
			}
		}
	}
}
