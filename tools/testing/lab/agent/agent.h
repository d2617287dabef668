/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The lab's host agent: what its two halves share.
 *
 * The agent is PID 1 of an emulated host. It speaks frames over a virtio-serial
 * port, which, unlike a TCP connection over a NIC, works whatever a test does to
 * the host's network and has no timers that could expire when an idle host's
 * time jumps.
 *
 * A frame is a 12-byte little-endian header followed by its payload:
 *
 *	u32 stream	chosen by the lab side, any value not in use
 *	u16 type	enum frame_type
 *	u16 zero	must be 0
 *	u32 length	of the payload, at most FRAME_MAX bytes
 *
 * Flow control is by credit: neither side has more than STREAM_WINDOW bytes of
 * a stream's input, or of its two outputs together, on their way at a time; the
 * receiver gives credit back with FRAME_CREDIT as it consumes.
 *
 * tools/testing/lab/ftlab_lib/frames.py is the other end; change both together.
 */
#ifndef FTLAB_AGENT_H
#define FTLAB_AGENT_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define AGENT_VERSION	1

enum frame_type {
	FRAME_HELLO = 1,	/* agent: u32 version, then text, see agent.c */
	FRAME_EXEC = 2,		/* lab: NUL-terminated strings, see stream_open() */
	FRAME_STDIN = 3,	/* lab: bytes for the command */
	FRAME_STDIN_EOF = 4,	/* lab: no more of them */
	FRAME_STDOUT = 5,	/* agent: bytes from the command */
	FRAME_STDERR = 6,	/* agent: bytes from the command */
	FRAME_CREDIT = 7,	/* both: u32 bytes consumed */
	FRAME_SIGNAL = 8,	/* lab: u32 signal for the command's process group */
	FRAME_CLOSE = 9,	/* lab: kill the command, forget the stream */
	FRAME_EXIT = 10,	/* agent: u32 wait status; ends the stream */
	FRAME_ERROR = 11,	/* agent: u32 errno, text; ends the stream */
};

struct frame_hdr {
	uint32_t stream;
	uint16_t type;
	uint16_t zero;
	uint32_t length;
};

static_assert(sizeof(struct frame_hdr) == 12, "the header is a wire format");

#define FRAME_MAX	65536u		/* largest payload, bytes */
#define STREAM_WINDOW	131072u		/* bytes in flight per stream and way */
#define STREAMS_MAX	64		/* commands that run at the same time */

/* One command: its process and the three pipes to it. */
struct stream {
	uint32_t id;
	bool used;
	bool exited;		/* @status is valid, outputs being drained */
	int status;		/* as from waitpid() */
	pid_t pid;		/* also its process group and session */
	int in_fd;		/* write end of its stdin, -1 once closed */
	int out_fd[2];		/* read ends of stdout and stderr, -1 once closed */
	bool in_eof;		/* close @in_fd once @in_len is 0 */
	char *in_buf;		/* STREAM_WINDOW bytes not yet written to @in_fd */
	size_t in_start;
	size_t in_len;
	uint32_t in_ack;	/* consumed, not yet given back as credit */
	uint32_t credit;	/* output bytes that may still be sent */
};

/* agent.c: the port */

/* Room for a frame with a payload of @length bytes in the output buffer? */
bool port_room(size_t length);

/* Queues a frame; the caller has checked port_room(). */
void port_send(uint32_t stream, enum frame_type type, const void *data, size_t length);

/* stream.c: the commands */

extern struct stream streams[STREAMS_MAX];

struct stream *stream_find(uint32_t id);

/*
 * Starts a command. @data holds NUL-terminated strings: working folder ("" for
 * /root), number of arguments in decimal, the arguments, then NAME=VALUE
 * settings. Answers with FRAME_ERROR when that cannot be done.
 */
void stream_open(uint32_t id, char *data, size_t length);

/* Buffers input; false when the peer sent more than it had credit for. */
bool stream_input(struct stream *s, const char *data, size_t length);

/* Writes buffered input to the command as far as it takes it. */
void stream_write(struct stream *s);

/* Passes on what the command wrote to output @which (0 stdout, 1 stderr). */
void stream_read(struct stream *s, int which);

/* Sends credit and, when the command is over and drained, its status. */
void stream_settle(struct stream *s);

/* Could stream_read() or stream_settle() send something without any event? */
bool stream_ready(const struct stream *s);

/* Kills the command's process group and forgets the stream. */
void stream_close(struct stream *s);

/* Collects ended processes, the orphans that PID 1 inherits included. */
void streams_reap(void);

#endif /* FTLAB_AGENT_H */
